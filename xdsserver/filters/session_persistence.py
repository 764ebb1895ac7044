"""Field `sessionPersistence` of a rule: requests of one session go to one endpoint of a backend (GEP-1619).

Which backend gets a request is drawn by weight first, and a session never has a say in that.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from envoy.extensions.filters.http.stateful_session.v3.stateful_session_pb2 import (
    StatefulSession,
    StatefulSessionPerRoute,
)
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import HttpFilter
from envoy.extensions.http.stateful_session.cookie.v3.cookie_pb2 import CookieBasedSessionState
from envoy.extensions.http.stateful_session.header.v3.header_pb2 import HeaderBasedSessionState

from xdsserver.gatewayapi.durations import EXAMPLE, milliseconds
from xdsserver.model.routing import Filter

if TYPE_CHECKING:
    from envoy.config.route.v3.route_components_pb2 import Route, WeightedCluster

    from xdsserver.filters.slices import ListenerFacts, Target
    from xdsserver.objects.httproute import HTTPBackendRef, HTTPRouteRule
    from xdsserver.objects.httproute import SessionPersistence as Spec
    from xdsserver.objects.meta import ObjectKey

_FILTER: Final = "envoy.filters.http.stateful_session"

_TOKEN: Final = re.compile(r"[A-Za-z0-9!#$%&'*+\-.^_`|~]+", re.ASCII)
"""What a cookie or a header may be called (RFC 9110, 5.6.2)."""

_COOKIE_PATH: Final = re.compile(r"/[\x20-\x3a\x3c-\x7e]*", re.ASCII)
"""A path that ends where the user ends it: a `;` would begin another attribute, a line break another header."""

_NOT_FOR_SESSIONS: Final = frozenset(
    {
        *("connection", "content-length", "cookie", "host", "keep-alive", "proxy-connection", "set-cookie", "te"),
        *("trailer", "transfer-encoding", "upgrade"),
    }
)
"""Headers that would break an answer, or the next request, if a session were written into them."""


@dataclass(frozen=True, slots=True)
class Cookie:
    """A session in a cookie; without `max_age_s` the client forgets it when its own session ends."""

    name: str
    path: str
    max_age_s: int


@dataclass(frozen=True, slots=True)
class Header:
    """A session in a header, which the client must repeat."""

    name: str


class SessionPersistence:
    """The slice; see `slices.RuleField`."""

    type = "sessionPersistence"
    features: tuple[str, ...] = ()

    def parse(self, rule: HTTPRouteRule, owner: ObjectKey, position: int) -> tuple[Filter, ...] | str | None:
        """Give each backend its session: a cookie holds one endpoint, so backends must not share one.

        The first backend has the cookie of the name that the user gave; one that is added later changes nothing for it.
        A header keeps its name, since a client can only repeat what it was told.
        """
        spec = rule.session_persistence
        if spec is None:
            return None
        settings = session(spec, f"session-{_digest(*owner, rule.name or str(position))}")
        match settings:
            case Cookie(name, path, max_age_s):
                keys = [_backend(reference, owner) for reference in rule.backend_refs]
                names = (name if key == keys[0] else f"{name}-{_digest(*key)}" for key in keys)
                return tuple(Filter(self.type, Cookie(one, path, max_age_s)) for one in names)
            case Header():
                return tuple(Filter(self.type, settings) for _ in rule.backend_refs)
            case refusal:
                return refusal

    def per_share(self, _filter: Filter, /) -> bool:
        """Let Envoy apply it to one weighted cluster."""
        return True

    def on_route(self, filter_: Filter, target: Target) -> None:
        """Pin the requests of a route that has one backend."""
        if target.forwards:
            _pin(target.route, filter_.settings, target.listener)

    def on_share(self, filter_: Filter, share: WeightedCluster.ClusterWeight, listener: ListenerFacts, /) -> None:
        """Pin the requests that one backend gets."""
        _pin(share, filter_.settings, listener)

    def http_filter(self) -> HttpFilter:
        """Stand in every chain, without a kind of session, which is without effect."""
        out = HttpFilter(name=_FILTER)
        out.typed_config.Pack(StatefulSession(), deterministic=True)
        return out


def session(spec: Spec, generated: str) -> Cookie | Header | str:
    """Understand a SessionPersistence, or say what is wrong with it; a cookie without a name is called `generated`.

    Envoy keeps no books of sessions: how long one lives can only be said in the cookie itself (`Max-Age`).
    """
    lifetime_ms = 0 if spec.absolute_timeout is None else milliseconds(spec.absolute_timeout)
    if lifetime_ms is None:
        return f"absoluteTimeout {spec.absolute_timeout!r} is not a duration; {EXAMPLE}"
    permanent = spec.cookie is not None and spec.cookie.lifetime_type == "Permanent"
    if spec.absolute_timeout is not None and not permanent:
        return "absoluteTimeout is supported for cookies with lifetimeType Permanent only; use that, or remove it"
    match spec.type:
        case "Cookie" | None if spec.cookie is not None:
            name = spec.cookie.name or generated
            path = spec.cookie.path or "/"
            if _TOKEN.fullmatch(name) is None:
                return f"cookie.name {name!r} is no name of a cookie; use letters, digits and -"
            if _COOKIE_PATH.fullmatch(path) is None:
                return f"cookie.path {path!r} must begin with / and hold neither ; nor control characters"
            if permanent and lifetime_ms < 1000:  # noqa: PLR2004 (a second: the unit of Max-Age)
                return "absoluteTimeout must be 1s or more, which is the least that a cookie can say"
            return Cookie(name, path, -(-lifetime_ms // 1000))
        case "Header" if spec.header is not None:
            return _header(spec.header.name)
        case "Cookie" | "Header" | None:
            field = "header" if spec.type == "Header" else "cookie"
            return f"{field} is missing; a session of type {spec.type or 'Cookie'} needs it"
        case other:
            return f"type {other} is not supported; use Cookie or Header"


def _header(name: str) -> Header | str:
    if _TOKEN.fullmatch(name) is None or name.lower() in _NOT_FOR_SESSIONS:
        return f"header.name {name!r} cannot carry a session; use a name of your own, such as x-session"
    if "_" in name:
        return f"header.name {name!r} has an underscore, and requests with such headers are refused; use -"
    return Header(name)


def _pin(out: Route | WeightedCluster.ClusterWeight, settings: Cookie | Header, listener: ListenerFacts) -> None:
    """Let Envoy take the endpoint that the session names, as long as it is there, or else write a new one."""
    per_route = StatefulSessionPerRoute()
    state = per_route.stateful_session.session_state
    match settings:
        case Cookie(name, path, max_age_s):
            state.name = "envoy.http.stateful_session.cookie"
            cookie = CookieBasedSessionState()
            cookie.cookie.name = name
            cookie.cookie.path = path
            if max_age_s:
                cookie.cookie.ttl.seconds = max_age_s
            # Envoy adds HttpOnly by itself. Secure is for HTTPS: over plain HTTP no client would send it back.
            cookie.cookie.attributes.add(name="SameSite", value="Strict")
            if listener.scheme == "https":
                cookie.cookie.attributes.add(name="Secure")
            state.typed_config.Pack(cookie, deterministic=True)
        case Header(name):
            state.name = "envoy.http.stateful_session.header"
            state.typed_config.Pack(HeaderBasedSessionState(name=name), deterministic=True)
    out.typed_per_filter_config[_FILTER].Pack(per_route, deterministic=True)


def _backend(reference: HTTPBackendRef, owner: ObjectKey) -> tuple[str, ...]:
    namespace = reference.namespace or owner.namespace
    return (reference.group or "", reference.kind or "", namespace, reference.name, str(reference.port))


def _digest(*parts: str) -> str:
    return blake2b("\0".join(parts).encode(), digest_size=6).hexdigest()
