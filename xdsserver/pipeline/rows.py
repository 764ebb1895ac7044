"""Keys and rows of tables that are nobody else's, and the values that stand for what is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from xdsserver.gatewayapi.backends.kinds import Port
from xdsserver.model.places import ChainKey, ListenerKey, PortKey
from xdsserver.model.profiles import Profile
from xdsserver.model.routing import ClusterKey
from xdsserver.objects.meta import Name, ObjectKey

if TYPE_CHECKING:
    from xdsserver.model.places import Bind
    from xdsserver.model.routing import RequestMatch


ResourceKey = tuple[str, str, str]
"""Fleet, type URL and name of an Envoy resource."""

RuleKey = tuple[ObjectKey, int]
"""A rule of a route by its position."""

FleetCluster = tuple[str, ClusterKey]
"""A cluster in a fleet."""

ClusterUse = tuple[str, ClusterKey, ListenerKey, ObjectKey | str]
"""A cluster in a fleet, and who uses it there: a route, a parent of a listener, or connections that ask for a name."""

CertificateUse = tuple[str, Name, ListenerKey | ClusterKey]
"""A certificate in a fleet, and who shows it there: a listener to clients, or a cluster to backends."""

HostDemand = tuple[ListenerKey, str, ObjectKey]
"""A hostname of a listener that a route asks for."""

PortFamily = tuple[PortKey, str]
"""A family of protocols on a port of a Gateway."""

Selector = tuple[str, frozenset[tuple[str, str]]]
"""Labels that pods of a namespace must have."""

MANY_NAMES = 64
"""Up to so many hostnames of TLS listeners on a port each of them knows all the others."""

HTTP_PROTOCOLS = frozenset({"HTTP", "HTTPS"})
"""Protocols of listeners that have virtual hosts."""

TLS_PROTOCOLS = frozenset({"HTTPS", "TLS"})
"""Protocols of listeners that are told apart by the name in a TLS handshake."""

STREAM_PROTOCOLS = frozenset({"TLS", "TCP", "UDP"})
"""Protocols of listeners that pass on whole connections, or all datagrams of a client."""

NOBODY = ObjectKey("", "", "")
"""Stands for the route where a listener asks for its own hostname."""

NO_PORT = Port()
"""Stands for a port that its backend does not have any more."""


class Serving(NamedTuple):
    """Where a listener is served: its bind, and the hostname, protocol and profile that it asks for there."""

    bind: Bind
    hostname: str
    protocol: str
    profile: Profile = Profile.EDGE

    @property
    def place(self) -> tuple[Bind, str]:
        """What no two listeners have in common."""
        return (self.bind, self.hostname)

    @property
    def chain(self) -> ChainKey:
        """The filter chain that serves it: one of its own where TLS tells it from others."""
        return ChainKey(self.bind, self.hostname if self.protocol in TLS_PROTOCOLS else "")


class SameMatch(NamedTuple):
    """What several routes may ask for under one hostname of a listener."""

    listener: ListenerKey
    hostname: str
    match: RequestMatch
