"""Expansion: how many Envoy routes a route comes to, and what is refused before they are too many.

One rule is an Envoy route for each of its matches, for each hostname of its route, for each backend where filters split
it. Besides, the virtual host of a hostname also holds the routes of every wildcard that covers it, since Envoy never
falls through to another one: what a few lines for `*` say is there again for each hostname of the listener. Two limits
keep what anybody can ask for from stopping everybody: one for a route by itself, and one for all routes of a hostname,
their copies included, where the older routes have what they have.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from xdsserver.gatewayapi.conditions import ACCEPTED, Problem
from xdsserver.gatewayapi.hostnames import ANY, covering

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xdsserver.model.places import ListenerKey
    from xdsserver.objects.meta import ObjectKey

MAX_OF_ROUTE = 10_000
"""Envoy routes that one route may come to on a listener, copies not counted: about a second's work for us."""

MAX_OF_HOSTNAME = 200_000
"""Envoy routes that all routes of one hostname of a listener may come to, copies counted: about 200 MB in an Envoy."""

_LITTLE = 100
"""Envoy routes under one hostname that nobody needs to count: most routes ask for one or two."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What a route asks for under one hostname: so many Envoy routes, and as many under each of its `hostnames`.

    `age` is its rank among routes, the oldest first: creation time, then `namespace/name`.
    """

    age: tuple[str, str, str]
    routes: int
    hostnames: int

    @property
    def alone(self) -> int:
        """What it comes to on its listener, copies not counted."""
        return self.routes * self.hostnames


NOTHING = Demand(("", "", ""), 0, 1)
"""What a listener asks for under its own hostname."""

Crowd = tuple[tuple["ObjectKey", Demand], ...]
"""The demands under a hostname of a listener that are worth to be weighed, the oldest first."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A route that a listener does not get, and why."""

    listener: ListenerKey
    problem: Problem


def weighs(hostname: str, demand: Demand) -> bool:
    """Whether a demand is worth to be weighed: what is copied nowhere and asks for little is in nobody's way."""
    return demand.routes > _LITTLE or (is_wildcard(hostname) and demand.routes > 0)


def is_wildcard(hostname: str) -> bool:
    """Whether a hostname stands for others too."""
    return hostname.startswith(ANY)


def closest_cover(hostname: str) -> str | None:
    """Give the most specific wildcard that covers a hostname besides itself; None for `*`."""
    return next(islice(covering(hostname), 1, None), None)


def at_most(count: int) -> int:
    """Round a number up to a power of two, so that one more or less mostly changes nothing."""
    return 1 << (count - 1).bit_length() if count else 0


def refusals(listener: ListenerKey, hostname: str, found: Crowd, covered: int) -> Iterator[tuple[ObjectKey, Refused]]:
    """Give the routes of a hostname that are too large by themselves, or for which the older ones leave no room.

    `covered` is how many hostnames of the listener the hostname covers, at most.
    """
    where = f"listener {listener.name} of {listener.namespace}/{listener.parent}"
    name = "any host" if hostname == ANY else hostname
    taken = 0
    for owner, demand in found:
        there = demand.routes * (1 + covered)
        if demand.alone > MAX_OF_ROUTE:
            words = (
                f"{demand.hostnames} hostnames with {demand.routes:,} Envoy routes each come to {demand.alone:,} on "
                f"{where}, of at most {MAX_OF_ROUTE:,}; make several routes of it, or give it fewer hostnames, "
                "matches, or backends with filters of their own"
            )
        elif taken + there > MAX_OF_HOSTNAME:
            copies = f", again for each of up to {covered:,} hostnames that it covers" if covered else ""
            words = (
                f"{demand.routes:,} Envoy routes for {name}{copies}, are too many on {where}: older routes have "
                f"{taken:,} of the {MAX_OF_HOSTNAME:,} that there may be; ask for fewer hostnames, or give it fewer "
                "matches, or backends with filters of their own"
            )
        else:
            taken += there
            continue
        yield owner, Refused(listener, Problem(ACCEPTED, "UnsupportedValue", words))
