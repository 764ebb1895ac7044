"""What a request must look like and what then happens to it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from xdsserver.objects.meta import BackendObjectReference, ObjectKey

MAX_REGEX_INSTRUCTIONS = 1_000
"""How large a regular expression may be, in instructions of its RE2 program (`[a-z]{1,64}` has 259).

Envoy takes 100 by default and refuses a whole table for one larger expression, so the bootstrap sets what is said here
(runtime key `re2.max_program_size.error_level`), and what is larger never gets there.
"""


MILLION = 1_000_000
"""Shares of requests are counted in millionths (ppm)."""


HttpVersion = Literal["http1", "http2", "auto"]
"""What is spoken to a backend: over TLS `auto` lets it choose; without TLS HTTP/2 is by prior knowledge."""

BackendProtocol = Literal[HttpVersion, "tcp", "tls", "udp"]
"""What is spoken to a backend; where connections or datagrams are passed on as they are, nobody knows what.

`tls` is that of the client itself, passed on whole: there is none of ours around it.
"""


class PathKind(Enum):
    """How a path is compared; the value is the rank in precedence, lower first (HTTPRouteRule.matches).

    Where a regular expression stands is for the implementation to choose: after exact paths, before prefixes.
    """

    EXACT = 0
    REGEX = 1
    PREFIX = 2


@dataclass(frozen=True, slots=True)
class PathMatch:
    """A path: whole, by RE2 expression over the whole path, or by elements (`/a` covers `/a/b`, not `/ab`).

    The value of a prefix has no slash at its end, so that of `/` is empty.
    """

    kind: PathKind
    value: str


ANY_PATH = PathMatch(PathKind.PREFIX, "")


@dataclass(frozen=True, slots=True)
class CallMatch:
    """A call of gRPC by service and method, either empty for any; with `regex` both are RE2 expressions, each whole."""

    service: str = ""
    method: str = ""
    regex: bool = False

    @property
    def expression(self) -> str:
        """The same as one RE2 expression over the whole path, `/service/method`."""
        parts = (part if self.regex else re.escape(part) for part in (self.service, self.method))
        return "".join(f"/(?:{part})" if part else "/[^/]+" for part in parts)


@dataclass(frozen=True, slots=True)
class ValueMatch:
    """A named value (header or query parameter), compared exactly or by RE2 expression over the whole value."""

    name: str
    value: str
    regex: bool = False


@dataclass(frozen=True, slots=True)
class RequestMatch:
    """What a request must look like: all of it. With `call` it must be one of gRPC (its content-type says so)."""

    path: PathMatch
    method: str | None = None
    headers: tuple[ValueMatch, ...] = ()
    query: tuple[ValueMatch, ...] = ()
    call: CallMatch | None = None

    def in_order(self) -> RequestMatch:
        """Give the same match as whoever asks for the same would get it, whatever the order it was written in."""
        if max(len(self.headers), len(self.query)) <= 1:
            return self
        return replace(self, headers=_sorted(self.headers), query=_sorted(self.query))


def _sorted(values: tuple[ValueMatch, ...]) -> tuple[ValueMatch, ...]:
    return tuple(sorted(values, key=lambda one: one.name))


class ClusterKey(NamedTuple):
    """One backend as a fleet reaches it: which one it is, never what is in it and never who names it.

    `port` is 0 for a kind of backend that has one port only, so that a change of it renames nothing. `gateway`
    (`namespace/name`) is the one whose requests it is for, where that shows a certificate of its own to backends.
    """

    kind: str
    namespace: str
    name: str
    port: int
    protocol: BackendProtocol
    gateway: str = ""

    def __str__(self) -> str:
        name = "/".join((self.kind, self.namespace, self.name, str(self.port), self.protocol))
        return f"{name}/Gateway/{self.gateway}" if self.gateway else name

    def of(self, gateway: str) -> ClusterKey:
        """Give the one that the same backend is for requests of this Gateway."""
        return self._replace(gateway=gateway)


class EndpointsKey(NamedTuple):
    """The endpoints of one port of one backend, shared by all clusters of it."""

    kind: str
    namespace: str
    name: str
    port: int
    transport: str

    def __str__(self) -> str:
        return "/".join((self.kind, self.namespace, self.name, str(self.port), self.transport))


@dataclass(frozen=True, slots=True)
class BackendUse:
    """A backend that a filter needs: where the reference stands within the filter, and what is spoken to it.

    What is `required` must not be left out: without it the requests of the filter are answered with 500.
    """

    reference: BackendObjectReference
    field: str
    http2: bool = False
    required: bool = True


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter with its settings as its slice in `filters` parsed them; opaque to everybody else.

    `clusters` are those that `uses` were resolved to, in their order, None for what cannot be had; empty before. With
    `matches` a rule answers requests that it would not match without the filter.
    """

    type: str
    settings: Any
    uses: tuple[BackendUse, ...] = ()
    clusters: tuple[ClusterKey | None, ...] = ()
    matches: tuple[RequestMatch, ...] = ()

    def of(self, gateway: str) -> Filter:
        """Give the same filter for requests of a Gateway that has clusters of its own."""
        return (
            replace(self, clusters=tuple(one and one.of(gateway) for one in self.clusters)) if self.clusters else self
        )


@dataclass(frozen=True, slots=True)
class PreRouting:
    """What happens to every request of a listener before a route is chosen.

    Where it is not `whole`, the filters are those before the first that cannot be had, and no route is chosen: requests
    get 500.
    """

    filters: tuple[Filter, ...]
    whole: bool

    def of(self, gateway: str) -> PreRouting:
        """Give the same for requests of a Gateway that has clusters of its own."""
        return replace(self, filters=tuple(one.of(gateway) for one in self.filters))


@dataclass(frozen=True, slots=True)
class Share:
    """A weighted backend of a rule; without a cluster its share is answered with 500.

    `host` is the Host that it is asked with where that is not the client's, and no filter says otherwise.
    """

    cluster: ClusterKey | None
    weight: int
    filters: tuple[Filter, ...] = ()
    host: str = ""

    def of(self, gateway: str) -> Share:
        """Give the same share for requests of a Gateway that has clusters of its own."""
        return replace(
            self,
            cluster=self.cluster and self.cluster.of(gateway),
            filters=tuple(one.of(gateway) for one in self.filters),
        )


@dataclass(frozen=True, slots=True)
class Forward:
    """Send on to one of the backends, by weight; at least one has a cluster and a weight above zero."""

    shares: tuple[Share, ...]


@dataclass(frozen=True, slots=True)
class Respond:
    """Answer at once with this status code."""

    status: int


Action = Forward | Respond


def unserved(owner: ObjectKey) -> int:
    """Give the status for requests that a route has no backend for.

    That is 500 (HTTPRouteRule.backendRefs), and for gRPC what a client sees as UNAVAILABLE (GRPCRouteRule.backendRefs).
    """
    return 503 if owner.kind == "GRPCRoute" else 500


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a route: if any of the matches holds, the filters are applied and the action happens.

    `name` is what the user calls it, empty for nothing; it decides nothing. Of its matches the last `added` ones are
    not the user's: its filters need them.
    """

    owner: ObjectKey
    position: int
    matches: tuple[RequestMatch, ...]
    filters: tuple[Filter, ...]
    action: Action
    name: str = ""
    added: int = 0

    def of(self, gateway: str) -> Rule:
        """Give the same rule for requests of a Gateway that has clusters of its own."""
        action = self.action
        if isinstance(action, Forward):
            action = Forward(tuple(share.of(gateway) for share in action.shares))
        return replace(self, filters=tuple(one.of(gateway) for one in self.filters), action=action)


@dataclass(frozen=True, slots=True)
class Hosts:
    """A hostname under which a route answers on a listener, and the hostname that the route itself asked for.

    Both may be a wildcard (`*.example.com`) or `*` for any. Precedence goes by `original`
    (GatewayRouteHostnameIntersectionPrecedence).
    """

    effective: str
    original: str
