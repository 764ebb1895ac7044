"""What becomes of a request, and why: the tables walked as Envoy walks what they came to.

It chooses by what is sent (filter chains, virtual hosts, matches of Envoy routes), which is right about what Envoy does
even where the translation is wrong, and names everything by what users wrote: each Envoy route is kept with the rule
that it is of. Only one virtual host is read, route by route, up to the one that answers.
"""

from __future__ import annotations

from dataclasses import astuple, replace
from typing import TYPE_CHECKING

from xdsserver.gatewayapi import hostnames
from xdsserver.gatewayapi.statuses import faults
from xdsserver.inspection.actions import shares_of
from xdsserver.inspection.answers import (
    GRPC_INTERNAL,
    GRPC_STATUSES,
    GRPC_UNKNOWN,
    Elsewhere,
    Explanation,
    RuleAt,
    Share,
    Tried,
)
from xdsserver.inspection.doors import door, listener_of, names_for, virtual_host
from xdsserver.inspection.edge import Refused, arrive, changes, refused_upgrade
from xdsserver.inspection.filters import filters_of_backend, filters_of_listener, filters_of_rule
from xdsserver.inspection.matching import drawn_ppm, unmet
from xdsserver.inspection.naming import named
from xdsserver.inspection.reach import reach
from xdsserver.inspection.requests import is_call
from xdsserver.inspection.routes import status_of
from xdsserver.inspection.world import look
from xdsserver.model.routing import MILLION
from xdsserver.objects.meta import ObjectKey
from xdsserver.pipeline.rejected import rejected_listener, words_against
from xdsserver.translation.layout import routes_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xdsserver.inspection.answers import (
        Applied,
    )
    from xdsserver.inspection.doors import Door
    from xdsserver.inspection.requests import Arrived, Request
    from xdsserver.model.places import Bind, ChainKey
    from xdsserver.pipeline import Pipeline
    from xdsserver.translation.layout import Host
    from xdsserver.translation.routes import RouteKey

NOT_FOUND = 404

MANY = 1_000
"""How many of the matches that were tried are told, those next to the one that answers."""

FEW = 20
"""How many routes are told of that ask for the hostname elsewhere."""


def explain(pipeline: Pipeline, request: Request) -> Explanation:
    """Say what becomes of a request."""
    found = door(pipeline, request)
    if found.bind is None or found.chain is None:
        return _explanation(found, (_closed(found.why),))
    if found.manager is None:
        listener = listener_of(pipeline, found.chain, request.sni or hostnames.ANY)
        clusters = found.stream.clusters if found.stream is not None else ()
        shares = tuple(_passed_on(pipeline, found.bind, clusters))
        return replace(_explanation(found, shares), listener=_listener_name(listener))
    arrived = arrive(request, found.manager)
    if isinstance(arrived, Refused):
        return _explanation(found, (_refused(arrived, request),))
    explained = _routed(pipeline, found, found.chain, arrived)
    shares = explained.shares
    if upgrade := refused_upgrade(request):
        words = f"an upgrade to {upgrade} is asked for; websocket is supported"
        refusal = Share(MILLION, "answer", words, status=403, rule=shares[0].rule, route_name=shares[0].route_name)
        shares = (refusal,)
    if arrived.is_grpc:
        shares = tuple(map(_as_call, shares))
    return replace(explained, shares=shares, notes=(*explained.notes, *changes(request, arrived)))


def _routed(pipeline: Pipeline, found: Door, chain: ChainKey, request: Arrived) -> Explanation:
    host = virtual_host(pipeline, chain, request.host)
    if host is None:
        words = f"no listener on this port answers for {request.host or 'a request without a host name'}"
        plain = _explanation(found, (Share(MILLION, "answer", words, status=NOT_FOUND),))
        return replace(plain, elsewhere=tuple(_elsewhere(pipeline, chain, request.host, frozenset())))
    name, rows = host
    tried: list[tuple[RouteKey, str]] = []
    shares = tuple(_answers(pipeline, chain, rows, request, tried))
    elsewhere: tuple[Elsewhere, ...] = ()
    if all(one.rule is None and one.status == NOT_FOUND for one in shares):
        elsewhere = tuple(_elsewhere(pipeline, chain, request.host, frozenset(key.owner for key, _ in tried)))
    plain = _explanation(found, shares)
    return replace(
        plain,
        listener=_listener_name(listener_of(pipeline, chain, name)),
        virtual_host=name,
        tried=tuple(Tried(_rule_at(pipeline, key), key.hostname, because) for key, because in tried[-MANY:]),
        tried_before=max(len(tried) - MANY, 0),
        notes=plain.notes
        + tuple(
            f"Envoys do not take this as it is, and serve what they took last, or nothing: {words}"
            for words in _rejected(pipeline, chain, name, shares)
            if words
        ),
        elsewhere=elsewhere,
    )


def _answers(
    pipeline: Pipeline, chain: ChainKey, host: Host, request: Arrived, tried: list[tuple[RouteKey, str]]
) -> Iterator[Share]:
    """Try routes in their order; one that takes a part of the requests leaves the rest to those behind it."""
    drawn = 0
    for key, route in routes_of(host):
        because = unmet(route.match, request)
        if because is not None:
            # Routes that a rule is split into have one match.
            if key is not None and not key.turn:
                tried.append((key, because))
            continue
        until = drawn_ppm(route.match, MILLION)
        if until <= drawn:
            continue
        for share in shares_of(pipeline, chain.bind.fleet, route, request):
            yield replace(
                share,
                ppm=round(share.ppm * (until - drawn) / MILLION),
                rule=None if key is None else _rule_at(pipeline, key),
                route_name=route.name,
                filters=_filters(pipeline, chain, request, key, share),
            )
        drawn = until
        if drawn == MILLION:
            return
    yield Share(MILLION - drawn, "answer", "no rule under this hostname matches", status=NOT_FOUND)


def _filters(
    pipeline: Pipeline, chain: ChainKey, request: Arrived, key: RouteKey | None, share: Share
) -> tuple[Applied, ...]:
    """Give what a request meets on its way: filters of the listener, of the rule, of the backend."""
    found = filters_of_listener(pipeline, chain, request.host)
    if key is None:
        return found
    found += filters_of_rule(pipeline, key)
    return found + filters_of_backend(pipeline, key, share.backend.cluster) if share.backend is not None else found


def _rule_at(pipeline: Pipeline, key: RouteKey) -> RuleAt:
    row = pipeline.rules.rows.get((key.owner, key.rule))
    name = row.rule.name if row is not None and row.rule is not None else ""
    return RuleAt(named(key.owner), key.rule, key.match, name)


def _passed_on(pipeline: Pipeline, bind: Bind, clusters: tuple[tuple[str, int], ...]) -> Iterator[Share]:
    total = sum(weight for _, weight in clusters)
    for name, weight in clusters:
        ppm = MILLION * weight // total
        backend, why = reach(pipeline, bind.fleet, name)
        if why or backend is None:
            words = "the listener cannot be served, or nothing is attached to it" if backend is None else why
            yield replace(_closed(words), ppm=ppm, backend=backend)
        else:
            yield Share(ppm, "backend", "the connection is passed on as it is", backend=backend)


def _elsewhere(pipeline: Pipeline, chain: ChainKey, host: str, tried: frozenset[ObjectKey]) -> Iterator[Elsewhere]:
    """Give routes that ask for a hostname and are not served under it, and why.

    Only where nothing answers: the hostnames of all routes are looked at then.
    """
    names = frozenset(names_for(host)) - {hostnames.ANY}
    asking = sorted(
        route
        for route, head in pipeline.route_heads.rows.items()
        if route not in tried and not names.isdisjoint(map(hostnames.normal, head.hostnames))
    )
    for route in asking[:FEW]:
        because = _unserved(pipeline, chain, route)
        if because:
            yield Elsewhere(named(route), because)


def _unserved(pipeline: Pipeline, chain: ChainKey, route: ObjectKey) -> str:
    status = status_of(pipeline, route)
    if status is None:
        return "none of its parentRefs names a Gateway that is served here"
    for _, one in faults(status):
        return f"{one.reason}: {one.message}"
    listeners = [key for parent in pipeline.parents.rows.get(route, ()) for key, _ in parent.listeners]
    binds = {serving.bind for key in listeners if (serving := pipeline.binds.rows.get(key)) is not None}
    return "" if chain.bind in binds else f"it is on another port: {', '.join(map(str, listeners)) or 'none'}"


def _explanation(found: Door, shares: tuple[Share, ...]) -> Explanation:
    bind = found.bind
    others = f"the port is open elsewhere too: {', '.join(found.others)}; say which Gateway is meant"
    return Explanation(
        fleet="" if bind is None else bind.fleet,
        bind="" if bind is None else str(bind),
        chain="" if found.chain is None else str(found.chain),
        listener="",
        virtual_host="",
        tried=(),
        shares=shares,
        notes=(others,) if found.others else (),
    )


def _as_call(share: Share) -> Share:
    """Say what a call of gRPC sees of an answer of Envoy's own: 200, and the status in words of gRPC."""
    if share.status is None:
        return share
    return replace(share, kind="answer", status=200, grpc_status=GRPC_STATUSES.get(share.status, GRPC_UNKNOWN))


def _refused(found: Refused, request: Request) -> Share:
    if not found.location:
        return Share(MILLION, "answer", found.why, status=found.status)
    if any(name.lower() == "content-type" and is_call(value) for name, value in request.headers):
        # A client of gRPC follows no redirects.
        return Share(MILLION, "answer", found.why, status=200, grpc_status=GRPC_INTERNAL)
    return Share(MILLION, "redirect", found.why, status=found.status, location=found.location)


def _rejected(pipeline: Pipeline, chain: ChainKey, hostname: str, shares: tuple[Share, ...]) -> Iterator[str]:
    """Say what of this Envoys reject, so that they serve what they accepted last, or nothing."""
    listener = listener_of(pipeline, chain, hostname)
    awaited = pipeline.awaited.rows.get(listener) if listener is not None else None
    if listener is not None and awaited is not None:
        yield rejected_listener(pipeline, look, listener, awaited.resources)
    routes = {one.rule.route for one in shares if one.rule is not None}
    yield from (words_against(pipeline, look, ObjectKey(*astuple(one))) for one in sorted(routes))


def _closed(why: str) -> Share:
    return Share(MILLION, "closed", why)


def _listener_name(listener: tuple[str, ...] | None) -> str:
    return "/".join(listener) if listener is not None else ""
