"""Attachment: which listeners of which Gateways and ListenerSets a route gets, and why not the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from xdsserver.gatewayapi.conditions import ACCEPTED, Problem
from xdsserver.gatewayapi.hostnames import ANY, intersection, normal, specificity
from xdsserver.gatewayapi.labels import selects
from xdsserver.gatewayapi.s3listeners import S3_LISTENERS
from xdsserver.model.profiles import Profile
from xdsserver.model.routing import Hosts
from xdsserver.objects.meta import GATEWAY_GROUP, LabelSelector, ObjectKey

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from xdsserver.gatewayapi.listeners import Listener
    from xdsserver.model.places import ListenerKey
    from xdsserver.objects.httproute import ParentReference
    from xdsserver.objects.meta import Name


@dataclass(frozen=True, slots=True)
class RouteHead:
    """What attachment needs of a route of any kind; edits of its rules leave this as it is.

    `default_scope`: the default Gateways that it asks for besides its parents, None for none. `created`: by which the
    older of two comes first. `serves_as`: the kind that listeners must allow, where it is not that of `key`. `signed`:
    its clients sign what they send, so that it can be had only through listeners that change nothing of it.
    """

    key: ObjectKey
    hostnames: tuple[str, ...]
    parents: tuple[ParentReference, ...]
    default_scope: str | None
    created: str
    serves_as: str = ""
    signed: bool = False


@dataclass(frozen=True, slots=True)
class Parent:
    """A reference to a parent of ours, written or by default: the listeners it got with hostnames, or why not.

    `gateway` is the parent itself, or the Gateway of the ListenerSet that is the parent.
    """

    reference: ParentReference
    gateway: Name
    listeners: tuple[tuple[ListenerKey, tuple[Hosts, ...]], ...]
    problem: Problem | None


@dataclass(frozen=True, slots=True)
class Offer:
    """What a parent has for routes: the listeners that it holds, on the addresses of `gateway`.

    `refused` says why it has none, where it is a ListenerSet that may not attach.
    """

    parent: ObjectKey
    gateway: Name
    listeners: tuple[Listener, ...]
    refused: str = ""


def named_parent(route: ObjectKey, reference: ParentReference) -> ObjectKey | None:
    """Give the Gateway or ListenerSet that a parentRef names, or None for another kind of parent."""
    group = GATEWAY_GROUP if reference.group is None else reference.group
    kind = reference.kind or "Gateway"
    if group != GATEWAY_GROUP or kind not in ("Gateway", "ListenerSet"):
        return None
    return ObjectKey(kind, reference.namespace or route.namespace, reference.name)


def attach(
    route: RouteHead, reference: ParentReference, offer: Offer, labels: Callable[[str], Mapping[str, str]]
) -> Parent:
    """Judge one parentRef against the listeners of the parent that it names, and no other.

    The refusals are tried in the order in which a user would mend them: no such listener, not allowed there, no
    hostname in common (RouteParentStatus, RouteConditionReason). `labels` gives the labels of a namespace.
    """

    def refused(reason: str, message: str) -> Parent:
        return Parent(reference, offer.gateway, (), Problem(ACCEPTED, reason, f"{offer.parent}{message}"))

    if offer.refused:
        return refused("NoMatchingParent", f" has no listeners: {offer.refused}")
    named = [one for one in offer.listeners if _names(reference, one)]
    if not named:
        return refused("NoMatchingParent", f" has no listener with {_asked(reference)}")
    allowing = [one for one in named if not _refusal(route, one, labels)]
    if not allowing:
        reasons = "; ".join(dict.fromkeys(_refusal(route, one, labels) or "" for one in named))
        return refused("NotAllowedByListeners", f": {reasons}")
    found = tuple((one.key, hosts) for one in allowing if (hosts := common_hosts(route.hostnames, one.hostname)))
    if not found:
        theirs = ", ".join(dict.fromkeys(one.hostname for one in allowing))
        message = f": hostnames {', '.join(route.hostnames)} have nothing in common with {theirs}"
        return refused("NoMatchingListenerHostname", message)
    return Parent(reference, offer.gateway, found, None)


def common_hosts(route: tuple[str, ...], listener: str) -> tuple[Hosts, ...]:
    """Intersect the hostnames of a route with that of a listener (HTTPRouteSpec.hostnames).

    Where several hostnames of the route come to the same, the most specific of them gives the precedence.
    """
    best: dict[str, str] = {}
    for original in map(normal, route or (ANY,)):
        effective = intersection(listener, original)
        if effective is not None and specificity(original) >= specificity(best.get(effective, ANY)):
            best[effective] = original
    return tuple(Hosts(effective, original) for effective, original in sorted(best.items()))


def _names(reference: ParentReference, listener: Listener) -> bool:
    return (reference.section_name is None or reference.section_name == listener.key.name) and (
        reference.port is None or reference.port == listener.port
    )


def _asked(reference: ParentReference) -> str:
    parts = []
    if reference.section_name is not None:
        parts.append(f"name {reference.section_name}")
    if reference.port is not None:
        parts.append(f"port {reference.port}")
    return " and ".join(parts) or "any name"


def _refusal(route: RouteHead, listener: Listener, labels: Callable[[str], Mapping[str, str]]) -> str | None:
    """Say why a listener does not let the route attach, or None when it does (Listener.allowedRoutes)."""
    if route.signed and listener.profile is not Profile.S3:
        return (
            f"listener {listener.key.name} is not served as S3: let the owner of its Gateway name it in annotation "
            f"{S3_LISTENERS}, and all others of its port too where that is plain text"
        )
    kind = route.serves_as or route.key.kind
    if kind not in listener.kinds:
        allowed = ", ".join(listener.kinds) or "no kind of route"
        return f"listener {listener.key.name} allows {allowed}, not {kind}"
    namespace = route.key.namespace
    match listener.namespaces.from_:
        case "All":
            return None
        case "Selector":
            if selects(listener.namespaces.selector or _NOTHING, labels(namespace)):
                return None
            return f"listener {listener.key.name} allows namespaces by labels that {namespace} does not have"
        case _:
            if namespace == listener.key.namespace:
                return None
            return f"listener {listener.key.name} allows routes of namespace {listener.key.namespace} only"


_NOTHING = LabelSelector(match_labels={"": ""})
"""Selects no namespace: what `from: Selector` means where the selector is missing."""
