"""Hostnames: exact (`a.example.com`), wildcard (`*.example.com`, any number of labels) or `*` for any.

All functions take and give lower-case names without a dot at the end; `normal` makes them so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ANY = "*"


def normal(hostname: str | None) -> str:
    """Give the form in which hostnames are compared; none and an empty one mean any."""
    return hostname.rstrip(".").lower() if hostname else ANY


def covers(general: str, special: str) -> bool:
    """Whether every name that `special` stands for is one that `general` stands for.

    `*.example.com` covers `a.b.example.com` and `*.b.example.com`, but not `example.com`.
    """
    if general in (ANY, special):
        return True
    return general.startswith("*.") and special.endswith(general[1:])


def intersection(left: str, right: str) -> str | None:
    """Give the more specific of the two where one covers the other, else None (HTTPRouteSpec.hostnames)."""
    if covers(left, right):
        return right
    return left if covers(right, left) else None


def covering(hostname: str) -> Iterator[str]:
    """Give the hostname itself and then all wildcards that cover it, most specific first, `*` last."""
    yield hostname
    if hostname == ANY:
        return
    labels = hostname.removeprefix("*.").split(".")
    for cut in range(1, len(labels)):
        yield "*." + ".".join(labels[cut:])
    yield ANY


def specificity(hostname: str) -> tuple[int, int]:
    """Rank by specificity, greater is more: characters without the wildcard, then all of them; any is lowest."""
    if hostname == ANY:
        return (0, 0)
    return (len(hostname.removeprefix("*.")), len(hostname))
