"""Envoy routes by hostname of a listener, the matches among them that are never reached, and virtual hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdsserver.filters.slices import ListenerFacts
from xdsserver.gatewayapi import hostnames
from xdsserver.gatewayapi.shadows import Answering, Shadow
from xdsserver.objects.meta import ObjectKey
from xdsserver.pipeline.rows import (
    MANY_NAMES,
    TLS_PROTOCOLS,
    SameMatch,
)
from xdsserver.pipeline.rules import rules_at
from xdsserver.translation.layout import HostKey, HostOwner, host, misdirected
from xdsserver.translation.routes import envoy_routes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from xdsserver.model.places import Bind, ListenerKey
    from xdsserver.model.routing import Hosts
    from xdsserver.pipeline.rows import Serving
    from xdsserver.pipeline.story import Pipeline
    from xdsserver.tables import Read
    from xdsserver.translation.layout import Host
    from xdsserver.translation.routes import EnvoyRoute, RouteKey


def to_routes(
    tables: Pipeline, read: Read, key: tuple[ListenerKey, ObjectKey], hosts: tuple[Hosts, ...]
) -> Mapping[RouteKey, EnvoyRoute]:
    listener, route = key
    found = read(tables.listeners, listener)
    if found is None:
        return {}
    facts = ListenerFacts(found.port, "https" if found.protocol == "HTTPS" else "http")
    rules = rules_at(tables, read, listener, route)
    return dict(one for host_ in hosts for rule in rules for one in envoy_routes(listener, facts, host_, rule))


def match_of(key: RouteKey, route: EnvoyRoute) -> SameMatch | None:
    """Group by what users ask for; the routes that a rule is split into are one."""
    return None if key.turn or route.asked is None else SameMatch(key.listener, key.hostname, route.asked)


def if_several(_match: SameMatch, members: Sequence[tuple[RouteKey, EnvoyRoute]]) -> tuple[RouteKey, ...] | None:
    return tuple(key for key, _ in members) if len(members) > 1 else None


def to_shadows(_read: Read, match: SameMatch, keys: tuple[RouteKey, ...]) -> Mapping[RouteKey, Shadow]:
    """Give those behind the first; the same in one rule harms nobody."""
    first = Answering(keys[0].owner, keys[0].rule)
    rules = ((key, Answering(key.owner, key.rule)) for key in keys[1:])
    return {key: Shadow(rule, *match, first) for key, rule in rules if rule != first}


def owns(tables: Pipeline, read: Read, listener: ListenerKey, bind: Bind, hostname: str) -> bool:
    """Tell whether a hostname is a listener's: no more specific listener of its bind answers for it."""
    owners = (read(tables.listeners_at, (bind, one)) for one in hostnames.covering(hostname))
    return next((keys[0] for keys in owners if keys), None) == listener


def to_hosts(tables: Pipeline, read: Read, key: tuple[ListenerKey, str], _count: int) -> Mapping[HostKey, Host]:
    listener, hostname = key
    serving = read(tables.binds, listener)
    if serving is None:
        return {}
    if not owns(tables, read, listener, serving.bind, hostname):
        return {}
    covering = hostnames.covering(hostname)
    own, *others = (read(tables.route_lists, (listener, one)) for one in covering)
    if own is None and hostname != serving.hostname:
        # Asked for by routes that are refused only: a less specific hostname answers the same.
        return {}
    found = (one for one in (own, *others) if one is not None)
    filters = read(tables.listener_filters, listener)
    pre_routing = filters.pre_routing if filters else None
    gateway = HostOwner(ObjectKey(*listener[:3]), itself=hostname == serving.hostname)
    return {HostKey(serving.chain, hostname): host(hostname, gateway, found, pre_routing)}


def to_sni_names(_read: Read, _key: ListenerKey, serving: Serving) -> Mapping[tuple[Bind, str], bool]:
    return {serving.place: True} if serving.protocol in TLS_PROTOCOLS else {}


def to_sni_covers(_read: Read, key: tuple[Bind, str], _true: bool) -> Mapping[tuple[Bind, str, str], bool]:  # noqa: FBT001 # a row
    """Give a name to each that covers it."""
    bind, hostname = key
    return {(bind, cover, hostname): True for cover in hostnames.covering(hostname) if cover != hostname}


def to_crowded(_read: Read, bind: Bind, names: int) -> Mapping[Bind, bool]:
    return {bind: True} if names > MANY_NAMES else {}


def to_misdirected(tables: Pipeline, read: Read, _key: ListenerKey, serving: Serving) -> Mapping[HostKey, Host]:
    """Give the hostnames of a port that are served behind other names than that of this listener.

    Where there are many, only those that this listener would otherwise answer for, and any that it does not know: each
    new name would be a change of all tables.
    """
    if serving.protocol != "HTTPS":
        return {}
    bind, own = serving.place
    if read(tables.crowded, bind):
        names = {name for _, _, name in read(tables.sni_names_below, (bind, own)) or ()} | {hostnames.ANY}
    else:
        names = {name for _, name in read(tables.sni_names_on, bind) or ()}
    names.discard(own)
    return {HostKey(serving.chain, ""): misdirected(names)} if names else {}
