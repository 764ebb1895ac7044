"""Quotas: what one namespace may ask for, so that nobody who may write in one takes what all others need.

Of what is too much the older objects have what they have, and the younger ones a condition that says so. It is the same
whatever the order in which objects arrive, and an object that is deleted makes room for the next one in age.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from xdsserver.gatewayapi.conditions import ACCEPTED, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from xdsserver.gatewayapi.attachment import Parent
    from xdsserver.objects.meta import ObjectKey


@dataclass(frozen=True, slots=True)
class Quota:
    """The most that a namespace may have; far above what people write, and below what takes a server's memory.

    Attributes:
        routes: routes of all kinds that name a Gateway or ListenerSet of ours.
        hostnames: hostnames of these routes; each counts once for each listener that it is asked for on.
        listeners: listeners of its Gateways and ListenerSets.
    """

    routes: int = 25_000
    hostnames: int = 100_000
    listeners: int = 10_000


class Claim(NamedTuple):
    """What a route asks for: its age among routes (created, `namespace/name`, kind), and hostnames."""

    age: tuple[str, str, str]
    hostnames: int


def hostnames_of(parents: Iterable[Parent]) -> int:
    """Count the hostnames that a route asks for, over all listeners of its parents."""
    return len(
        {(listener, one.effective) for parent in parents for listener, hosts in parent.listeners for one in hosts}
    )


def beyond(
    quota: Quota, namespace: str, claims: Sequence[tuple[ObjectKey, Claim]]
) -> Iterator[tuple[ObjectKey, Problem]]:
    """Give the routes for which the older ones leave no room, `claims` being in the order of their age."""
    routes = hostnames = 0
    for key, claim in claims:
        if routes + 1 > quota.routes:
            words = f"{quota.routes:,} routes, and older ones are so many"
        elif hostnames + claim.hostnames > quota.hostnames:
            words = (
                f"{quota.hostnames:,} hostnames in all its routes, each once for each listener: older ones have "
                f"{hostnames:,}, and this one asks for {claim.hostnames:,}"
            )
        else:
            routes, hostnames = routes + 1, hostnames + claim.hostnames
            continue
        remedy = "delete some, or use another namespace"
        yield key, Problem(ACCEPTED, "TooManyRoutes", f"namespace {namespace} may have {words}; {remedy}")


def refused(parents: tuple[Parent, ...], problem: Problem) -> tuple[Parent, ...]:
    """Take all listeners from a route, except where it has none for another reason."""
    return tuple(replace(one, listeners=(), problem=problem) if one.listeners else one for one in parents)
