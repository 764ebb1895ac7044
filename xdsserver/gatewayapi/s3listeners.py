"""Listeners that the owner of a Gateway marks as S3: an annotation, what it may name, and what the status says of it.

The mark takes a listener's protections away, so only whoever may change the Gateway can set it: not the routes that
attach there, nor ListenerSets, whose listeners have the edge profile always.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdsserver.gatewayapi.conditions import Condition, Status, clip
from xdsserver.gatewayapi.listeners import PROTOCOLS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from xdsserver.objects.gateway import Gateway

S3_LISTENERS = "gateway.xdsserver.io/s3-listeners"
"""The annotation of a Gateway: names of its listeners, with commas between them."""

CONDITION = "gateway.xdsserver.io/S3Listeners"


def marked(gateway: Gateway) -> frozenset[str]:
    """Give the names that the annotation holds, those of no listener too."""
    names = gateway.metadata.annotations.get(S3_LISTENERS, "").split(",")
    return frozenset(name.strip() for name in names) - {""}


def s3_condition(gateway: Gateway, kept_at_edge: Iterable[str]) -> tuple[Condition, ...]:
    """Say which listeners pass paths on as they are, and which marks have no effect; nothing where none is marked.

    `kept_at_edge` are listeners that are marked and share a plain-text port with some that are not.
    """
    if not marked(gateway):
        return ()
    generation = gateway.metadata.generation
    kept = sorted(kept_at_edge)
    problems = list(_without_effect(gateway, kept))
    if problems:
        words = f"annotation {S3_LISTENERS}: {'; '.join(words for _, words in problems)}"
        return (Condition(CONDITION, Status.FALSE, problems[0][0], clip(words), generation),)
    names = ", ".join(sorted(marked(gateway)))
    message = (
        f"listeners that pass paths, headers and Host on as clients signed them: {names}; rules for paths protect "
        "nothing there"
    )
    return (Condition(CONDITION, Status.TRUE, "Marked", clip(message), generation),)


def _without_effect(gateway: Gateway, kept: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Give reason and words for each mark that does not do what it says."""
    protocols = {one.name: one.protocol for one in gateway.spec.listeners}
    for name in sorted(marked(gateway)):
        if name not in protocols:
            known = ", ".join(protocols)
            yield "UnknownListener", f"{name} is no listener of this Gateway; it has {known}"
        elif protocols[name] in PROTOCOLS and "HTTPRoute" not in PROTOCOLS[protocols[name]].kinds:
            yield "UnsupportedProtocol", f"{name} has protocol {protocols[name]}; mark listeners of HTTP or HTTPS"
    for name in kept:
        words = "shares its port in plain text with listeners that are not marked, and is protected as they are"
        yield "SharedPort", f"{name} {words}; mark all of them, or give it HTTPS or a port of its own"
