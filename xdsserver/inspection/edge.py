"""What the edge does with a request before any rule is looked at: it cleans it, refuses it, or sends the client away.

This says what Envoy does by the settings of a connection manager, read off the one that is sent: listeners for
S3 have others than the rest. The order of the checks is Envoy's: those of the protocol, then those of the manager.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from envoy.config.core.v3.protocol_pb2 import HttpProtocolOptions
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (
    HttpConnectionManager,
)

from xdsserver.inspection.paths import Cleaning, UnescapedSlashes, clean
from xdsserver.inspection.requests import Arrived, without_port

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from xdsserver.inspection.requests import Request

_METHODS: Final = frozenset(
    {
        *("ACL", "BIND", "CHECKOUT", "COPY", "DELETE", "GET", "HEAD", "LINK", "LOCK", "MERGE", "MKACTIVITY"),
        *("MKCALENDAR", "MKCOL", "MOVE", "MSEARCH", "NOTIFY", "OPTIONS", "PATCH", "POST", "PROPFIND", "PROPPATCH"),
        *("PURGE", "PUT", "REBIND", "REPORT", "SEARCH", "SOURCE", "SUBSCRIBE", "TRACE", "UNBIND", "UNLINK", "UNLOCK"),
        "UNSUBSCRIBE",
    }
)
"""What Envoy's HTTP/1 parser takes for a method; CONNECT asks for a tunnel, which nobody gets."""

_AUTHORITY: Final = re.compile(r"[A-Za-z0-9\-._~%!$&'()*+,;=:@\[\]]*")
"""What may stand in a Host header; what a host may be is decided by virtual hosts."""

_TOKEN: Final = re.compile(r"[A-Za-z0-9!#$%&'*+\-.^_`|~]+")

_OURS: Final = (
    *("x-envoy-internal", "x-envoy-max-retries", "x-envoy-retry-on", "x-envoy-retry-grpc-on", "x-envoy-force-trace"),
    *("x-envoy-upstream-rq-timeout-ms", "x-envoy-upstream-rq-per-try-timeout-ms", "x-envoy-expected-rq-timeout-ms"),
    *("x-envoy-upstream-alt-stat-name", "x-envoy-upstream-rq-timeout-alt-response", "x-envoy-original-path"),
    *("x-envoy-decorator-operation", "x-envoy-hedge-on-per-try-timeout", "x-envoy-ip-tags", "x-envoy-attempt-count"),
    *("x-envoy-downstream-service-cluster", "x-envoy-downstream-service-node", "x-envoy-retriable-status-codes"),
    *("x-envoy-retriable-header-names", "x-envoy-original-url", "x-envoy-original-host", "x-envoy-external-address"),
    *("x-forwarded-client-cert", "x-request-id", "x-forwarded-proto"),
)
"""Headers that are taken from clients, or written over; a rule that asks for one of them does not get the client's."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The edge answers by itself; `location` where it sends the client elsewhere."""

    status: int
    why: str
    location: str = ""


def arrive(request: Request, manager: HttpConnectionManager) -> Arrived | Refused:
    """Give a request as routes are chosen for it, or the answer of the edge."""
    wrong = next(_refusals(request, manager), None)
    if wrong is not None:
        return wrong
    if request.host is None:
        return Refused(400, "it has no Host")
    target = clean(request.target, _cleaning(manager))
    if target is None:
        return Refused(400, "the path cannot be read: it is not absolute, or has %00")
    if isinstance(target, UnescapedSlashes):
        return Refused(307, "the path has an escaped slash; clients are sent to it unescaped", target.target)
    authority = _without_dot(request.host) if manager.strip_trailing_host_dot else request.host
    headers: dict[str, tuple[str, ...]] = {}
    for name, value in request.headers:
        headers[name.lower()] = (*headers.get(name.lower(), ()), value)
    for name in _OURS:
        headers.pop(name, None)
    headers["x-forwarded-proto"] = (request.scheme,)
    return Arrived(request.scheme, request.method, authority, without_port(authority).lower(), target, headers)


def _cleaning(manager: HttpConnectionManager) -> Cleaning:
    redirects = manager.path_with_escaped_slashes_action == HttpConnectionManager.UNESCAPE_AND_REDIRECT
    return Cleaning(manager.normalize_path.value, manager.merge_slashes, redirects)


def refused_upgrade(request: Request) -> str:
    """Say which upgrade is asked for that nobody gets, empty for none; Envoy refuses it once a route is chosen."""
    said = {name.lower(): value.strip().lower() for name, value in request.headers}
    asks = "upgrade" in (part.strip() for part in said.get("connection", "").split(","))
    wanted = said.get("upgrade", "") if asks else ""
    return "" if wanted == "websocket" else wanted


def changes(request: Request, arrived: Arrived) -> Iterator[str]:
    """Say what the edge changed of a request, as far as rules see it."""
    if arrived.target != request.target:
        yield f"the path {request.target} is {arrived.target} before any rule is looked at"
    if arrived.authority != request.host:
        yield f"the host {request.host} is {arrived.authority}"
    for name in sorted({name.lower() for name, _ in request.headers} & set(_OURS)):
        yield f"the header {name} is not taken from clients"


def _refusals(request: Request, manager: HttpConnectionManager) -> Iterator[Refused]:
    if request.version == "1.0":
        yield Refused(426, "HTTP/1.0 is not spoken; use HTTP/1.1")
    if request.version != "2" and request.method not in _METHODS:
        yield Refused(400, f"{request.method} is no method of HTTP/1.1")
    options = manager.common_http_protocol_options
    underscores = options.headers_with_underscores_action != HttpProtocolOptions.REJECT_REQUEST
    yield from _refused_headers(request.headers, underscores=underscores)
    if any(not " " < letter < "\x7f" for letter in request.target):
        yield Refused(400, "the path has characters that are no visible ASCII; escape them with %")
    if len(request.headers) + (request.host is not None) > options.max_headers_count.value:
        yield Refused(431, f"it has more than {options.max_headers_count.value} headers")
    kib = manager.max_request_headers_kb.value
    if len(request.target) + sum(len(name) + len(value) for name, value in request.headers) > kib * 1024:
        yield Refused(431, f"its headers have more than {kib} KiB")
    if _AUTHORITY.fullmatch(request.host or "") is None:
        yield Refused(400, f"the Host {request.host!r} has characters that no host has")
    if "#" in request.target:
        yield Refused(400, "the path has a fragment, which clients keep to themselves")


def _refused_headers(headers: Iterable[tuple[str, str]], *, underscores: bool) -> Iterator[Refused]:
    for name, value in headers:
        if _TOKEN.fullmatch(name) is None:
            yield Refused(400, f"{name!r} is no name of a header")
        if "_" in name and not underscores:
            yield Refused(400, f"the header {name} has an underscore, which backends take for a dash; use a dash")
        if any(letter in value for letter in "\x00\r\n"):
            yield Refused(400, f"the value of the header {name} has a control character")


def _without_dot(authority: str) -> str:
    name = without_port(authority)
    return name.removesuffix(".") + authority[len(name) :]
