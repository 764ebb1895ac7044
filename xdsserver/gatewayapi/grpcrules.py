"""Rules of a GRPCRoute: which calls they are for; in all else they are rules of an HTTPRoute with fewer fields."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdsserver.gatewayapi.parsing import RuleParser
from xdsserver.model.routing import ANY_PATH, CallMatch, RequestMatch
from xdsserver.objects.grpcroute import GRPCRouteMatch
from xdsserver.objects.httproute import HTTPBackendRef, HTTPRouteFilter, HTTPRouteRule
from xdsserver.objects.meta import ObjectKey

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xdsserver.gatewayapi.parsing import Vocabulary
    from xdsserver.gatewayapi.rules import ParsedRule
    from xdsserver.objects.grpcroute import (
        GRPCBackendRef,
        GRPCMethodMatch,
        GRPCRoute,
        GRPCRouteFilter,
        GRPCRouteRule,
    )


def parse_grpc(route: GRPCRoute, vocabulary: Vocabulary) -> Iterator[ParsedRule]:
    """Understand the rules of a route one by one."""
    owner = ObjectKey("GRPCRoute", *route.name)
    for position, spec in enumerate(route.spec.rules):
        parser = RuleParser(owner, position, vocabulary)
        specs = spec.matches or (GRPCRouteMatch(),)
        found = (_match(parser, f"matches[{number}]", one) for number, one in enumerate(specs))
        matches = tuple(dict.fromkeys(one for one in found if one is not None))
        yield parser.rule(route.metadata.creation_timestamp, _rule(spec), matches)


def _match(parser: RuleParser, field: str, spec: GRPCRouteMatch) -> RequestMatch | None:
    headers = parser.values(f"{field}.headers", spec.headers, fold_case=True)
    call = CallMatch() if spec.method is None else _call(parser, f"{field}.method", spec.method)
    return None if call is None else RequestMatch(ANY_PATH, headers=headers, call=call)


def _call(parser: RuleParser, field: str, spec: GRPCMethodMatch) -> CallMatch | None:
    match spec.type:
        case "Exact" | None:
            return CallMatch(spec.service or "", spec.method or "")
        case "RegularExpression":
            call = CallMatch(spec.service or "", spec.method or "", regex=True)
            # Each by itself first: halves such as `a)|(b` would make a whole of another meaning.
            halves = [parser.check_regex(f"{field}.{name}", getattr(call, name)) for name in ("service", "method")]
            if all(halves):
                parser.check_regex(field, call.expression)
            return call
        case other:
            parser.note(f"{field}.type", f"{other} is not supported; use Exact or RegularExpression")
    return None


def _rule(spec: GRPCRouteRule) -> HTTPRouteRule:
    """Say a rule but for its matches in the words of HTTPRoute, whose rules hold all that these may."""
    return HTTPRouteRule(
        name=spec.name,
        filters=_filters(spec.filters),
        backend_refs=tuple(map(_backend, spec.backend_refs)),
        session_persistence=spec.session_persistence,
    )


def _filters(specs: tuple[GRPCRouteFilter, ...]) -> tuple[HTTPRouteFilter, ...]:
    return tuple(
        HTTPRouteFilter(
            type=spec.type,
            request_header_modifier=spec.request_header_modifier,
            response_header_modifier=spec.response_header_modifier,
            request_mirror=spec.request_mirror,
            extension_ref=spec.extension_ref,
        )
        for spec in specs
    )


def _backend(reference: GRPCBackendRef) -> HTTPBackendRef:
    return HTTPBackendRef(
        name=reference.name,
        group=reference.group,
        kind=reference.kind,
        namespace=reference.namespace,
        port=reference.port,
        weight=reference.weight,
        filters=_filters(reference.filters),
    )
