"""One route, from what its user wrote down to what Envoys do: rules, Envoy routes, clusters, endpoints."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, assert_never

from envoy.config.route.v3.route_components_pb2 import Route, VirtualHost
from google.protobuf import json_format

from xdsserver.gatewayapi.attachment import Parent
from xdsserver.inspection.backends import BackendAnswer, backend
from xdsserver.inspection.carriers import listeners_of
from xdsserver.inspection.conditions import ConditionAnswer, answers
from xdsserver.inspection.routes import RouteAnswer, in_words, route, status_of
from xdsserver.inspection.world import look
from xdsserver.model.places import ListenerKey
from xdsserver.model.routing import Action, Forward, Respond, Rule, Share
from xdsserver.objects.meta import ObjectKey
from xdsserver.pipeline import Pipeline
from xdsserver.pipeline.routes import to_routes
from xdsserver.pipeline.rows import FleetCluster
from xdsserver.pipeline.rules import rules_at, rules_of
from xdsserver.translation.layout import route_configuration_name
from xdsserver.translation.routes import EnvoyRoute, RouteKey, used_clusters

_ENVOY_ROUTES: Final = 200
"""Envoy routes that are written out: a route of many hostnames and matches may come to thousands."""


@dataclass(frozen=True, slots=True)
class ParentAnswer:
    """A parent that a route names.

    Attributes:
        parent: as it is named.
        gateway: on whose addresses that is, `namespace/name`.
        listeners: those that the route got, as `Kind namespace/name listener NAME`.
        problem: why it got none; "" where it got some.
    """

    parent: str
    gateway: str
    listeners: tuple[str, ...]
    problem: str


@dataclass(frozen=True, slots=True)
class ShareAnswer:
    """A backend of a rule, its weight among the others, and the filters for requests to it.

    Attributes:
        cluster: as Envoys call it; "" where it cannot be had, so that its share of the requests is answered with 500.
        weight: its part of the sum of all weights.
        filters: their types, in the order in which they are applied.
    """

    cluster: str
    weight: int
    filters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RuleAnswer:
    """A rule as it is understood.

    Attributes:
        position: from 0, as it was written.
        name: what its user calls it.
        matches: any of which leads here, in words.
        filters: their types, in the order in which they are applied.
        action: `forward`, `redirect`, `respond STATUS`, or `dropped` for a rule that is not served.
        shares: where requests go.
        problems: what is wrong with it.
    """

    position: int
    name: str
    matches: tuple[str, ...]
    filters: tuple[str, ...]
    action: str
    shares: tuple[ShareAnswer, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EnvoyRouteAnswer:
    """One Envoy route that came of a rule.

    Attributes:
        fleet: whose Envoys have it.
        route_configuration: the table that it is in.
        virtual_host: its virtual host there; others whose hostnames this one covers hold it too.
        listener: for whose clients.
        rule: the position of the rule.
        envoy: the route, as Envoy's documentation writes it.
    """

    fleet: str
    route_configuration: str
    virtual_host: str
    listener: str
    rule: int
    envoy: dict[str, Any]


@dataclass(frozen=True, slots=True)
class RouteDetail:
    """A route with everything that it came to.

    Attributes:
        route: in short.
        parents: those that it names.
        conditions: of its status.
        rules: its rules.
        envoy_routes: what Envoys have of them, the first of them in the order in which they are tried.
        envoy_routes_total: how many there are.
        backends: the clusters that they lead to, with their endpoints.
    """

    route: RouteAnswer
    parents: tuple[ParentAnswer, ...]
    conditions: tuple[ConditionAnswer, ...]
    rules: tuple[RuleAnswer, ...]
    envoy_routes: tuple[EnvoyRouteAnswer, ...]
    envoy_routes_total: int
    backends: tuple[BackendAnswer, ...]


def detail(pipeline: Pipeline, key: ObjectKey) -> RouteDetail | None:
    """Tell all of one route; None where there is none."""
    short = route(pipeline, key)
    if short is None:
        return None
    made = sorted(_made(pipeline, key), key=lambda one: (one[0].listener, one[0].hostname, one[1].order, one[0]))
    clusters = dict.fromkeys(_clusters(pipeline, key))
    found = (backend(pipeline, one) for one in sorted(clusters))
    return RouteDetail(
        short,
        tuple(map(_parent, pipeline.parents.rows.get(key, ()))),
        answers(status_of(pipeline, key)),
        tuple(_rules(pipeline, key, {one[0].rule: one[1] for one in made})),
        tuple(_envoy_route(pipeline, *one) for one in islice(made, _ENVOY_ROUTES)),
        len(made),
        tuple(one for one in found if one is not None),
    )


def _made(pipeline: Pipeline, key: ObjectKey) -> Iterator[tuple[RouteKey, EnvoyRoute]]:
    """Derive the Envoy routes of one route again: looking for them among all others would take longer."""
    for listener in listeners_of(pipeline, key):
        if listener in pipeline.binds.rows:
            hosts = pipeline.attached.rows[listener, key]
            yield from to_routes(pipeline, look, (listener, key), hosts).items()


def _clusters(pipeline: Pipeline, key: ObjectKey) -> Iterator[FleetCluster]:
    for listener in listeners_of(pipeline, key):
        serving = pipeline.binds.rows.get(listener)
        for resolved in rules_at(pipeline, look, listener, key) if serving is not None else ():
            for cluster in used_clusters(resolved.rule) if resolved.rule is not None else ():
                yield _fleet(pipeline, listener), cluster


def _fleet(pipeline: Pipeline, listener: ListenerKey) -> str:
    return pipeline.binds.rows[listener].bind.fleet


def _parent(parent: Parent) -> ParentAnswer:
    reference = parent.reference
    name = f"{reference.namespace}/{reference.name}" if reference.namespace else reference.name
    section = f" section {reference.section_name}" if reference.section_name else ""
    port = f" port {reference.port}" if reference.port else ""
    listeners = tuple(str(listener) for listener, _ in parent.listeners)
    problem = "" if parent.problem is None else parent.problem.message
    return ParentAnswer(f"{reference.kind or 'Gateway'} {name}{section}{port}", str(parent.gateway), listeners, problem)


def _rules(pipeline: Pipeline, key: ObjectKey, made: Mapping[int, EnvoyRoute]) -> Iterator[RuleAnswer]:
    parsed = pipeline.parsed_rules.rows
    for position, resolved in zip(pipeline.rules_of.rows.get(key, ()), rules_of(pipeline, look, key), strict=True):
        problems = tuple(dict.fromkeys(one.message for one in (*resolved.dropped, *resolved.problems)))
        if resolved.rule is None:
            name = parsed[position].name
            yield RuleAnswer(position[1], name, (), (), "dropped", (), problems)
        else:
            yield _rule(resolved.rule, problems, made.get(position[1]))


def _rule(rule: Rule, problems: tuple[str, ...], made: EnvoyRoute | None) -> RuleAnswer:
    shares = rule.action.shares if isinstance(rule.action, Forward) else ()
    return RuleAnswer(
        rule.position,
        rule.name,
        tuple(map(in_words, rule.matches)),
        tuple(one.type for one in rule.filters),
        # A filter may answer for the rule, which the Envoy route shows.
        "redirect" if made is not None and _parsed(made).HasField("redirect") else _action(rule.action),
        tuple(map(_share, shares)),
        problems,
    )


def _action(action: Action) -> str:
    match action:
        case Forward():
            return "forward"
        case Respond(status):
            return f"respond {status}"
        case _:
            assert_never(action)


def _share(share: Share) -> ShareAnswer:
    cluster = "" if share.cluster is None else str(share.cluster)
    return ShareAnswer(cluster, share.weight, tuple(one.type for one in share.filters))


def _envoy_route(pipeline: Pipeline, key: RouteKey, made: EnvoyRoute) -> EnvoyRouteAnswer:
    serving = pipeline.binds.rows[key.listener]
    envoy = json_format.MessageToDict(_parsed(made), preserving_proto_field_name=True)
    name = route_configuration_name(serving.chain)
    return EnvoyRouteAnswer(serving.bind.fleet, name, key.hostname, str(key.listener), key.rule, envoy)


def _parsed(made: EnvoyRoute) -> Route:
    """Read the bytes, which are a field of a virtual host, ready to be joined with others."""
    return VirtualHost.FromString(made.wire).routes[0]
