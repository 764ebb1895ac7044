"""Where traffic comes in: listeners as users name them, and the sockets that Envoy opens for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from xdsserver.model.fleets import Placement
    from xdsserver.objects.meta import Name


class ListenerKey(NamedTuple):
    """One listener of one parent; names are scoped by the parent, so that two parents may use the same one."""

    kind: str
    namespace: str
    parent: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.parent} listener {self.name}"


EVERYWHERE: Final = "0.0.0.0"  # noqa: S104 # the address of no Gateway, and pods have one network
"""Where Envoys listen whose addresses are those of their pods."""


class Bind(NamedTuple):
    """A socket that the Envoys of a fleet open: the identity of everything downstream of a listener port.

    Named by what is opened and never by a Gateway, so that handing an address on is an update in place.
    """

    fleet: str
    ip: str
    port: int
    transport: str

    def __str__(self) -> str:
        host = f"[{self.ip}]" if ":" in self.ip else self.ip
        return f"{self.transport.lower()}/{host}:{self.port}"


class ChainKey(NamedTuple):
    """A filter chain of a bind: what an Envoy does with connections that name one host, or with all of them.

    A chain for HTTP has a connection manager and a RouteConfiguration of its own, and they are named alike. `hostname`
    is what a client has to name in its TLS handshake (SNI; may be a wildcard, `*` for any); empty where there is no
    handshake and the bind has this one chain.
    """

    bind: Bind
    hostname: str

    def __str__(self) -> str:
        return f"{self.bind}/{self.hostname}" if self.hostname else str(self.bind)


class PortKey(NamedTuple):
    """A port that a Gateway wants opened."""

    gateway: Name
    port: int
    transport: str


@dataclass(frozen=True, slots=True)
class PortClaim:
    """What is asked of whoever allocates: a bind for one port of a Gateway.

    `addresses` are the values that the user asked for (empty for any); `created` and `uid` decide between two claims of
    one address: the older keeps it. `placement` says where it is to be served, and so what there is to allocate.
    """

    uid: str
    created: str
    addresses: tuple[str, ...]
    placement: Placement

    @property
    def age(self) -> tuple[str, str]:
        """What decides between two claims: the smaller one wins."""
        return self.created, self.uid


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something cannot be had: a reason of the specification, and words with the remedy."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Promised:
    """A bind that was decided and is not written down yet where all replicas can see it, so that nobody serves it."""

    bind: Bind


Binding = Bind | Promised | Refusal
"""The answer to a PortClaim; a claim without an answer is pending."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What the Envoys of a fleet said of one listener. It feeds statuses and nothing else.

    `generation` is that of the object with the listener, as it was when all of them had acknowledged it last; None
    where they never had. `waiting` are the ids of nodes that take too long about a newer one.
    """

    generation: int | None
    waiting: tuple[str, ...] = ()


class Awaited(NamedTuple):
    """What must be acknowledged before a listener is served: resources, by fleet, type URL and name.

    It is asked for once for each `generation` of the object with the listener; `uid` is that of the object. Where
    clients get to no Envoy (not `reached`), whatever is acknowledged is not enough.
    """

    generation: int
    resources: tuple[tuple[str, str, str], ...]
    uid: str = ""
    reached: bool = True
