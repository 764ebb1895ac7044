"""Conflicts of listeners: among siblings nobody wins, among parents and among Gateways the earlier is left untouched.

A listener that only its siblings stand in the way of keeps its place: if a Gateway names a hostname twice by mistake,
no ListenerSet of somebody else gets that hostname's traffic.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from xdsserver.gatewayapi.conditions import ACCEPTED, CONFLICTED, Problem
from xdsserver.gatewayapi.hostnames import ANY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xdsserver.gatewayapi.listeners import Candidate, Listener
    from xdsserver.model.places import ListenerKey, PortKey
    from xdsserver.objects.meta import Name, ObjectKey


class Place(NamedTuple):
    """What no two listeners of a Gateway can have in common: a hostname on a port, among those that can share it."""

    port: PortKey
    family: str
    hostname: str


@dataclass(frozen=True, slots=True)
class PortHolder:
    """The first parent on a port that several families ask for, and what it asks for there."""

    parent: ObjectKey
    families: frozenset[str]


class SharedPort(NamedTuple):
    """A port of nodes on which Gateways of a fleet meet."""

    fleet: str
    port: int
    transport: str


class SharedPlace(NamedTuple):
    """What no two Gateways can have in common there."""

    port: SharedPort
    family: str
    hostname: str


@dataclass(frozen=True, slots=True)
class Sharing:
    """A listener that has a port of nodes together with other Gateways; the older Gateway comes first."""

    place: SharedPlace
    gateway: Name
    age: tuple[str, str]


class SharedPortHolder(NamedTuple):
    """The oldest Gateway on a port that is shared, and the family of protocols that the port has by that."""

    gateway: Name
    family: str


@dataclass(frozen=True, slots=True)
class Earlier:
    """Who comes first: on the port of a listener (None where one family alone asks for it), and at its place.

    The other two are the same among Gateways, where these share ports.
    """

    port: PortHolder | None = None
    place: ObjectKey | None = None
    shared_port: SharedPortHolder | None = None
    shared_place: Name | None = None


def port_holder(_port: PortKey, members: Sequence[tuple[ListenerKey, Candidate]]) -> PortHolder:
    """Say who comes first of the listeners of a port, which are in the order of their parents."""
    first = members[0][1].listener.parent
    return PortHolder(first, frozenset(one.listener.family for _, one in members if one.listener.parent == first))


def judged(candidate: Candidate, earlier: Earlier) -> Listener:
    """Give a listener with the conflict that it loses, if any: to an earlier parent, else with its siblings.

    A sibling that loses to an earlier parent itself is in nobody's way.
    """
    listener = candidate.listener
    if not listener.accepted:
        return listener
    port, place = earlier.port, earlier.place
    if port is not None and port.parent != listener.parent:
        if port.families != {listener.family}:
            return _conflicted(listener, "ProtocolConflict", _protocol_of(listener, port.parent))
    elif candidate.siblings.protocols:
        words = (
            f"port {listener.port} is also asked for with protocol {', '.join(candidate.siblings.protocols)}, which "
            f"cannot be told from {listener.protocol}; use another port"
        )
        return _conflicted(listener, "ProtocolConflict", words)
    if place is not None and place != listener.parent:
        words = f"{_whose(listener, place)} has {_place(listener)} already; use another hostname or port"
        return _conflicted(listener, "HostnameConflict", words)
    if candidate.siblings.same_place:
        words = (
            f"{', '.join(candidate.siblings.same_place)} has the same {_place(listener)}; give each a hostname of its "
            "own"
        )
        return _conflicted(listener, "HostnameConflict", words)
    return _among_gateways(listener, earlier)


def _among_gateways(listener: Listener, earlier: Earlier) -> Listener:
    """Give a listener with the conflict that it loses to an older Gateway, if any."""
    holder, place = earlier.shared_port, earlier.shared_place
    if holder is not None and holder.gateway != listener.gateway and holder.family != listener.family:
        words = (
            f"{_which(listener, holder.gateway)} has port {listener.port} of these nodes with a protocol that cannot "
            f"be told from {listener.protocol}; use another port"
        )
        return _conflicted(listener, "ProtocolConflict", words)
    if place is not None and place != listener.gateway:
        words = f"{_which(listener, place)} has {_place(listener)} on these nodes already; use another hostname or port"
        return _conflicted(listener, "HostnameConflict", words)
    return listener


def too_many(listener: Listener, most: int) -> Listener:
    """Refuse a listener that comes after as many as a Gateway may have (ListenerEntryReasonTooManyListeners)."""
    words = f"a Gateway may have {most} listeners with those of its ListenerSets, and earlier ones have them all"
    problem = Problem(ACCEPTED, "TooManyListeners", f"listener {listener.key.name}: {words}")
    return replace(listener, problems=(*listener.problems, problem))


def too_many_of_namespace(listener: Listener, most: int) -> Listener:
    """Refuse a listener that comes after as many as a namespace may have."""
    words = (
        f"namespace {listener.key.namespace} may have {most:,} listeners, and older Gateways and ListenerSets have them"
    )
    problem = Problem(ACCEPTED, "TooManyListeners", f"listener {listener.key.name}: {words} all")
    return replace(listener, problems=(*listener.problems, problem))


def _conflicted(listener: Listener, reason: str, words: str) -> Listener:
    problem = Problem(CONFLICTED, reason, f"listener {listener.key.name}: {words}")
    return replace(listener, problems=(*listener.problems, problem))


def _protocol_of(listener: Listener, holder: ObjectKey) -> str:
    return (
        f"{_whose(listener, holder)} has port {listener.port} with a protocol that cannot be told from "
        f"{listener.protocol}; use another port"
    )


def _place(listener: Listener) -> str:
    hostname = "no hostname" if listener.hostname == ANY else f"hostname {listener.hostname}"
    return f"port {listener.port} and {hostname}"


def _which(listener: Listener, gateway: Name) -> str:
    """Name the Gateway that holds a place, unless it belongs to people of another namespace."""
    return f"Gateway {gateway}" if gateway.namespace == listener.gateway.namespace else "an older Gateway"


def _whose(listener: Listener, holder: ObjectKey) -> str:
    """Name the holder of a place, unless it belongs to people of another namespace (ListenerSetSpec.listeners)."""
    if holder.kind == "Gateway" or holder.namespace == listener.key.namespace:
        return str(holder)
    return "an earlier ListenerSet"
