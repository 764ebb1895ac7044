"""What becomes of a request, as values: shares of it, each with who answers and why, and what was tried before."""

from dataclasses import dataclass, field
from typing import Any, Final, Literal

from xdsserver.inspection.endpoints import EndpointAnswer
from xdsserver.inspection.naming import ObjectNamed

Kind = Literal["backend", "redirect", "answer", "closed"]
"""Who answers: a backend, Envoy with a redirect or a status of its own, or nobody (the connection is closed)."""


@dataclass(frozen=True, slots=True)
class RuleAt:
    """A match of a rule of a route object, by positions; `name` is what its user calls the rule."""

    route: ObjectNamed
    rule: int
    match: int
    name: str = ""

    def __str__(self) -> str:
        rule = f"rules[{self.rule}]" + (f" ({self.name})" if self.name else "")
        return f"{self.route} {rule}.matches[{self.match}]"


@dataclass(frozen=True, slots=True)
class Tried:
    """A match that stood before the one that answers, and the first thing of it that is not met."""

    rule: RuleAt
    hostname: str
    because: str


@dataclass(frozen=True, slots=True)
class Applied:
    """A filter, or a field of a rule that acts like one; `of` says whose it is."""

    of: Literal["listener", "rule", "backend"]
    type: str
    settings: Any = field(hash=False)


@dataclass(frozen=True, slots=True)
class BackendSeen:
    """A backend as a fleet reaches it; `hostname` where it is found by DNS, which nobody looks up here."""

    object: ObjectNamed
    port: int
    protocol: str
    cluster: str
    tls: bool = False
    hostname: str = ""
    endpoints: tuple[EndpointAnswer, ...] = ()


@dataclass(frozen=True, slots=True)
class Share:
    """A part of such requests, in millionths, and what answers them.

    `status` is that of Envoy's own answer, None where a backend decides or the connection is closed; `grpc_status` is
    what a call of gRPC sees instead. `host` and `path` are what the backend gets to see.
    """

    ppm: int
    kind: Kind
    why: str
    status: int | None = None
    grpc_status: int | None = None
    location: str = ""
    backend: BackendSeen | None = None
    host: str = ""
    path: str = ""
    rule: RuleAt | None = None
    route_name: str = ""
    filters: tuple[Applied, ...] = ()

    @property
    def good(self) -> bool:
        """Whether it gets to a backend, is redirected, or answered without an error."""
        error = self.grpc_status is not None or (self.status or 0) >= FIRST_ERROR
        return self.kind in ("backend", "redirect") or (self.kind == "answer" and not error)


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A route that asks for this hostname and is not served on the port, and the condition that says why."""

    route: ObjectNamed
    because: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """What becomes of a request: where it comes in, what was tried, and who answers.

    `listener` is the one whose hostname it came to (`Kind/namespace/parent/listener`), `virtual_host` the hostname;
    both are empty where nothing was found. `tried` are matches in the order in which they were, but for the first
    `tried_before` of them where there are very many. `shares` add up to a million. `notes` say what else to know.
    """

    fleet: str
    bind: str
    chain: str
    listener: str
    virtual_host: str
    tried: tuple[Tried, ...]
    shares: tuple[Share, ...]
    tried_before: int = 0
    notes: tuple[str, ...] = ()
    elsewhere: tuple[Elsewhere, ...] = ()

    @property
    def good(self) -> bool:
        """Whether none of it is answered with an error, or closed."""
        return all(one.good for one in self.shares)


FIRST_ERROR: Final = 400
"""Statuses from here on say that something is wrong."""

GRPC_STATUSES: Final[dict[int, int]] = {400: 13, 401: 16, 403: 7, 404: 12, 429: 14, 502: 14, 503: 14, 504: 14}
"""What a call of gRPC sees of Envoy's own answers (gRPC, HTTP to gRPC Status Code Mapping); of all others UNKNOWN."""

GRPC_UNKNOWN: Final = 2
GRPC_INTERNAL: Final = 13
