"""Which fleet a peer may read: what it has proven decides, and what it says of itself must agree with that.

A name in the first request of a stream is a claim. If it chose the configuration, whoever may connect at all could ask
for every private key of every fleet.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from xdsserver.xds.messages import RefusalCode, Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from xdsserver.xds.messages import Node

SERVER_URI: Final = "spiffe://xdsserver/server"
"""The identity that an Envoy asks of a server; no client has it."""

_FLEET_URIS: Final = "spiffe://xdsserver/fleet/"

_LABEL: Final = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_FLEET: Final = re.compile(rf"{_LABEL}/(gateway/)?(?=.{{1,253}}\Z){_LABEL}(\.{_LABEL})*", re.ASCII)

PodAddresses: TypeAlias = "Callable[[str, str], Collection[str] | None]"
"""(fleet, pod) -> the IP addresses of that pod, in canonical form; None where the fleet has no such pod."""


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end of a connection, as it has proven.

    Attributes:
        name: for people: the identity of a certificate, or a service account.
        fleets: those that it may read, and no others.
        address: where it connects from: an IP address in canonical form, None for a Unix socket.
        pod: the pod that the proof itself names; None where it names none.
    """

    name: str
    fleets: frozenset[str]
    address: str | None = None
    pod: str | None = None


def is_fleet(text: str) -> bool:
    """Say whether a text names a fleet: `<namespace>/<EnvoyFleet>`, or `<namespace>/gateway/<name>` of one Gateway.

    All parts are as Kubernetes writes names.
    """
    return _FLEET.fullmatch(text) is not None


def fleet_uri(fleet: str) -> str:
    """Return the identity (a SPIFFE ID) of the Envoys of a fleet.

    Raises:
        ValueError: what is given is not the name of a fleet.
    """
    if not is_fleet(fleet):
        message = f"{fleet!r} is not the name of a fleet: write NAMESPACE/NAME in lower case"
        raise ValueError(message)
    return _FLEET_URIS + fleet


def fleet_of_uri(uri: str) -> str | None:
    """Return the fleet whose Envoys have this identity; None for every other URI."""
    fleet = uri.removeprefix(_FLEET_URIS)
    return fleet if fleet != uri and is_fleet(fleet) else None


def admit(peer: Peer, node: Node, pods: PodAddresses | None = None) -> str | Refused:
    """Return the fleet that this node is given, or why it is turned away.

    `pods` tells the pods of each fleet; without it (Envoys that are no pods) every `node.id` is accepted.
    """
    fleet = node.cluster
    if fleet not in peer.fleets:
        # The name of another fleet is answered like one that does not exist: no peer can try out which there are.
        words = f"{peer.name} may not read the fleet {fleet!r}; node.cluster must be what it was admitted for"
        return Refused(RefusalCode.PERMISSION_DENIED, words)
    if peer.pod is not None and node.id != peer.pod:
        words = f"{peer.name} belongs to the pod {peer.pod!r}; node.id must be that, not {node.id!r}"
        return Refused(RefusalCode.PERMISSION_DENIED, words)
    if pods is not None:
        addresses = pods(fleet, node.id)
        if addresses is None:
            words = f"the fleet {fleet!r} has no pod {node.id!r}; node.id must name the pod that connects"
            return Refused(RefusalCode.PERMISSION_DENIED, words)
        if peer.address not in addresses:
            words = f"the pod {node.id!r} of the fleet {fleet!r} is not at {peer.address}, where this stream comes from"
            return Refused(RefusalCode.PERMISSION_DENIED, words)
    return fleet
