"""Expansion: how many Envoy routes each route comes to, and what is too much; known before anything is translated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdsserver.gatewayapi import hostnames
from xdsserver.gatewayapi.expansion import (
    MAX_OF_HOSTNAME,
    MAX_OF_ROUTE,
    NOTHING,
    Demand,
    closest_cover,
    is_wildcard,
    refusals,
    weighs,
)
from xdsserver.gatewayapi.streams import L4_KINDS
from xdsserver.pipeline.rows import (
    HTTP_PROTOCOLS,
    NOBODY,
)
from xdsserver.pipeline.rules import rules_of
from xdsserver.translation.routes import envoy_route_count

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xdsserver.gatewayapi.expansion import Refused
    from xdsserver.model.places import ListenerKey
    from xdsserver.model.routing import Hosts
    from xdsserver.objects.meta import ObjectKey
    from xdsserver.pipeline.rows import (
        HostDemand,
        Serving,
    )
    from xdsserver.pipeline.story import Pipeline
    from xdsserver.tables import Read


def to_own_hosts(_read: Read, key: ListenerKey, serving: Serving) -> Mapping[HostDemand, Demand]:
    return {(key, serving.hostname, NOBODY): NOTHING} if serving.protocol in HTTP_PROTOCOLS else {}


def to_demands(
    tables: Pipeline, read: Read, key: tuple[ListenerKey, ObjectKey], hosts: tuple[Hosts, ...]
) -> Mapping[HostDemand, Demand]:
    listener, route = key
    rules = rules_of(tables, read, route)
    routes = sum(envoy_route_count(one.rule) for one in rules if one.rule is not None)
    if not routes:
        return {}
    demand = Demand((rules[0].created, f"{route.namespace}/{route.name}", route.kind), routes, len(hosts))
    return {(listener, one.effective, route): demand for one in hosts}


def cover_of(key: tuple[ListenerKey, str], _count: int) -> tuple[ListenerKey, str] | None:
    cover = closest_cover(key[1])
    return None if cover is None else (key[0], cover)


def to_covered_parts(
    _read: Read, key: tuple[ListenerKey, str], count: int
) -> Mapping[tuple[ListenerKey, str, str], int]:
    """Give what stands right below a wildcard to it, and to each that covers it."""
    return {(key[0], cover, key[1]): count for cover in hostnames.covering(key[1])}


def weighing(key: HostDemand, demand: Demand) -> tuple[ListenerKey, str] | None:
    return key[:2] if weighs(key[1], demand) else None


def oversized(key: HostDemand, demand: Demand) -> tuple[ListenerKey, str] | None:
    return key[:2] if demand.alone > MAX_OF_ROUTE else None


def to_refused(tables: Pipeline, read: Read, key: tuple[ListenerKey, str], asked: int) -> Mapping[HostDemand, Refused]:
    """Look at each demand only where there are too many, so that among thousands of small ones nobody is counted."""
    covered = (read(tables.covered, key) or 0) if is_wildcard(key[1]) else 0
    if asked * (1 + covered) <= MAX_OF_HOSTNAME and not read(tables.oversized, key):
        return {}
    found = ((one[2], read(tables.demands, one)) for one in read(tables.heavy, key) or ())
    crowd = sorted(((owner, demand) for owner, demand in found if demand is not None), key=_age)
    return {(*key, owner): refused for owner, refused in refusals(*key, tuple(crowd), covered)}


def _age(one: tuple[ObjectKey, Demand]) -> tuple[tuple[str, str, str], ObjectKey]:
    return one[1].age, one[0]


def refusals_of(tables: Pipeline, read: Read, route: ObjectKey) -> list[Refused]:
    found = (read(tables.refused, key) for key in read(tables.refused_of, route) or ())
    return [one for one in found if one is not None]


def to_attached(
    tables: Pipeline, read: Read, key: tuple[ListenerKey, ObjectKey], hosts: tuple[Hosts, ...]
) -> Mapping[tuple[ListenerKey, ObjectKey], tuple[Hosts, ...]]:
    """Leave out what a listener refuses: all of it, so that no hostname of a route is served by half of it."""
    refusing = {one.listener for one in refusals_of(tables, read, key[1])}
    return {} if key[0] in refusing else {key: hosts}


def to_accepted(
    tables: Pipeline, read: Read, key: tuple[ListenerKey, ObjectKey], hosts: tuple[Hosts, ...]
) -> Mapping[tuple[ListenerKey, ObjectKey], bool]:
    listener, route = key
    if route.kind in L4_KINDS:
        # What they come to does not hang on how many there are.
        return {key: True}
    good = read(tables.demands, (listener, hosts[0].effective, route)) or read(tables.rules_of, route) is None
    return {key: True} if good else {}
