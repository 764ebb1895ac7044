"""Rules of routes and filters of listeners: understood once each, then joined with the backends that they name."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from xdsserver.filters import registry
from xdsserver.gatewayapi.l4rules import parse_l4
from xdsserver.gatewayapi.listenerfilters import parse_listener_filters, resolve_listener_filters
from xdsserver.gatewayapi.rules import resolve_rule
from xdsserver.objects.grpcroute import GRPCRoute
from xdsserver.objects.httproute import HTTPRoute
from xdsserver.objects.meta import ObjectKey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from xdsserver.gatewayapi.listenerfilters import ResolvedListenerFilters, Step
    from xdsserver.gatewayapi.parsing import Vocabulary
    from xdsserver.gatewayapi.rules import ParsedRule, ResolvedRule
    from xdsserver.model.places import ChainKey, ListenerKey
    from xdsserver.objects.gateway import Gateway
    from xdsserver.objects.l4route import L4Route
    from xdsserver.objects.listenerset import ListenerSet
    from xdsserver.objects.meta import Name
    from xdsserver.pipeline.rows import (
        RuleKey,
    )
    from xdsserver.pipeline.story import Pipeline
    from xdsserver.tables import Read


R = TypeVar("R", HTTPRoute, GRPCRoute)


def to_parsed_rules(
    parse: Callable[[R, Vocabulary], Iterable[ParsedRule]],
) -> Callable[[Read, Name, R], Mapping[RuleKey, ParsedRule]]:
    def rules(_read: Read, _key: Name, route: R) -> Mapping[RuleKey, ParsedRule]:
        return {(rule.owner, rule.position): rule for rule in parse(route, registry.VOCABULARY)}

    return rules


def to_l4_rules(kind: str) -> Callable[[Read, Name, L4Route], Mapping[RuleKey, ParsedRule]]:
    return lambda _read, _key, route: {(rule.owner, rule.position): rule for rule in parse_l4(kind, route)}


def to_rules(tables: Pipeline, read: Read, key: RuleKey, rule: ParsedRule) -> Mapping[RuleKey, ResolvedRule]:
    return {key: resolve_rule(read, tables.backend_tables, rule)}


def rules_of(tables: Pipeline, read: Read, route: ObjectKey) -> list[ResolvedRule]:
    rules = (read(tables.rules, key) for key in read(tables.rules_of, route) or ())
    return [rule for rule in rules if rule is not None]


def rules_at(tables: Pipeline, read: Read, listener: ListenerKey, route: ObjectKey) -> list[ResolvedRule]:
    """Give the rules of a route with the clusters that it has for those who come by a listener."""
    rules, gateway = rules_of(tables, read, route), read(tables.showing, listener)
    return rules if gateway is None else [replace(one, rule=one.rule and one.rule.of(gateway)) for one in rules]


def to_gateway_listener_filters(_read: Read, key: Name, gateway: Gateway) -> Mapping[ListenerKey, tuple[Step, ...]]:
    return parse_listener_filters(ObjectKey("Gateway", *key), gateway.spec.listeners, registry.BEFORE_ROUTING)


def to_set_listener_filters(
    tables: Pipeline, read: Read, key: Name, set_: ListenerSet
) -> Mapping[ListenerKey, tuple[Step, ...]]:
    attached = read(tables.our_sets, key)
    if attached is None or attached.problem is not None:
        return {}
    return parse_listener_filters(ObjectKey("ListenerSet", *key), set_.spec.listeners, registry.BEFORE_ROUTING)


def to_listener_filters(
    tables: Pipeline, read: Read, key: ListenerKey, steps: tuple[Step, ...]
) -> Mapping[ListenerKey, ResolvedListenerFilters]:
    found, gateway = resolve_listener_filters(read, tables.backend_tables, key, steps), read(tables.showing, key)
    return {key: found if gateway is None else replace(found, pre_routing=found.pre_routing.of(gateway))}


def to_filter_positions(
    tables: Pipeline, read: Read, key: ListenerKey, found: ResolvedListenerFilters
) -> Mapping[tuple[ListenerKey, ChainKey, int], bool]:
    serving = read(tables.binds, key)
    if serving is None:
        return {}
    return {(key, serving.chain, number): True for number in range(len(found.pre_routing.filters))}


def to_uses_of_x_backends(_read: Read, key: RuleKey, rule: ParsedRule) -> Mapping[tuple[ObjectKey, RuleKey], bool]:
    filters = (*rule.filters.known, *(filter_ for backend in rule.backends for filter_ in backend.filters.known))
    references = (
        *(backend.reference for backend in rule.backends),
        *(use.reference for filter_ in filters for use in filter_.uses),
    )
    return {
        (ObjectKey("XBackend", key[0].namespace, one.name), key): True for one in references if one.kind == "XBackend"
    }
