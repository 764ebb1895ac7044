"""Routes: which there are, for which hosts and paths, and what became of each."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import re2

from xdsserver.gatewayapi.attachment import Parent
from xdsserver.gatewayapi.hostnames import covers, normal
from xdsserver.gatewayapi.statuses import ObjectStatus
from xdsserver.inspection.conditions import State, Verdict, verdict
from xdsserver.inspection.paging import Scan, in_order, joined
from xdsserver.inspection.world import look
from xdsserver.model.routing import PathKind, RequestMatch
from xdsserver.objects.meta import ObjectKey
from xdsserver.pipeline import Pipeline
from xdsserver.pipeline.rules import rules_of
from xdsserver.pipeline.tenantroutes import API, CONSOLE


@dataclass(frozen=True, slots=True)
class RouteAnswer:
    """A route in short.

    Attributes:
        kind: of which kind, such as `HTTPRoute`.
        namespace: where it is.
        name: how it is called.
        hostnames: those under which it answers on listeners, or asks to; `*` for any.
        gateways: those that it is attached to or asks for, as `namespace/name`.
        rules: how many it has.
        state: what its status comes to.
        words: the first thing that is wrong with it, or that is waited for.
    """

    kind: str
    namespace: str
    name: str
    hostnames: tuple[str, ...]
    gateways: tuple[str, ...]
    rules: int
    state: State
    words: str


@dataclass(frozen=True, slots=True)
class RouteFilter:
    """Which routes are asked for; what is empty asks for all.

    Attributes:
        host: those that answer requests for this host.
        path: those with a match that takes this path.
        namespace: those in it.
        gateway: those attached to it, `namespace/name`.
        kind: those of it.
        state: those whose status comes to it.
    """

    host: str = ""
    path: str = ""
    namespace: str = ""
    gateway: str = ""
    kind: str = ""
    state: State | None = None


def scan(pipeline: Pipeline, wanted: RouteFilter, after: str = "") -> Scan[RouteAnswer]:
    """Walk the routes by kind, namespace and name."""
    for name, key in in_order(pipeline.route_heads.rows, after, joined):
        yield name, route(pipeline, key, wanted)


def route(pipeline: Pipeline, key: ObjectKey, wanted: RouteFilter | None = None) -> RouteAnswer | None:
    """Tell of one route in short; None where there is none, or it is not wanted; what is cheap is asked first."""
    wanted = wanted or RouteFilter()
    head = pipeline.route_heads.rows.get(key)
    if head is None or wanted.namespace not in ("", key.namespace) or wanted.kind not in ("", key.kind):
        return None
    parents = pipeline.parents.rows.get(key, ())
    gateways = tuple(sorted({str(parent.gateway) for parent in parents}))
    hostnames = tuple(sorted(_hostnames(parents) or set(map(normal, head.hostnames or ("*",)))))
    if wanted.gateway and wanted.gateway not in gateways:
        return None
    if wanted.host and not any(covers(one, normal(wanted.host)) for one in hostnames):
        return None
    found = state(pipeline, key)
    if wanted.state not in (None, found.state):
        return None
    if wanted.path and not any(takes(match, wanted.path) for match in _matches(pipeline, key)):
        return None
    rules = len(pipeline.rules_of.rows.get(key, ()))
    return RouteAnswer(*key, hostnames, gateways, rules, found.state, found.words)


def state(pipeline: Pipeline, key: ObjectKey) -> Verdict:
    """Say what became of a route."""
    return verdict(status_of(pipeline, key))


def status_of(pipeline: Pipeline, key: ObjectKey) -> ObjectStatus | None:
    """Give the status that tells of a route; a Tenant has one, which tells of its console too."""
    return pipeline.statuses.rows.get(ObjectKey(API, key.namespace, key.name) if key.kind == CONSOLE else key)


def takes(match: RequestMatch, path: str) -> bool:
    """Whether a match takes a path, whatever else it asks for (HTTPPathMatch, GRPCMethodMatch)."""
    if match.call is not None:
        return _whole(match.call.expression, path)
    match match.path.kind:
        case PathKind.EXACT:
            return path == match.path.value
        case PathKind.PREFIX:
            return path == match.path.value or path.startswith(f"{match.path.value}/")
        case PathKind.REGEX:
            return _whole(match.path.value, path)


def _whole(expression: str, path: str) -> bool:
    try:
        return re2.fullmatch(expression, path) is not None
    except re2.error:
        return False


def _matches(pipeline: Pipeline, key: ObjectKey) -> Iterator[RequestMatch]:
    for resolved in rules_of(pipeline, look, key):
        yield from resolved.rule.matches if resolved.rule is not None else ()


def _hostnames(parents: tuple[Parent, ...]) -> set[str]:
    return {hosts.effective for parent in parents for _, found in parent.listeners for hosts in found}


def in_words(match: RequestMatch) -> str:
    """Write a match as a line: `GET /shop/* header x-version=2 query q~^a.*$`."""
    if match.call is not None:
        call = match.call
        path = f"gRPC ~{call.expression}" if call.regex else f"gRPC {call.service or '*'}/{call.method or '*'}"
    else:
        shown = {
            # Else it would read like the prefix before its star.
            PathKind.EXACT: match.path.value + (" exactly" if match.path.value.endswith("/*") else ""),
            PathKind.PREFIX: f"{match.path.value}/*",
            PathKind.REGEX: f"~{match.path.value}",
        }
        path = shown[match.path.kind]
    values = (
        f"{what} {one.name}{'~' if one.regex else '='}{one.value}"
        for what, ones in (("header", match.headers), ("query", match.query))
        for one in ones
    )
    return re.sub(r"\s+", " ", " ".join((*((match.method,) if match.method else ()), path, *values)))
