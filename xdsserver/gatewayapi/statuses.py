"""Statuses: what is owed to each object, as values and in the form in which the API writes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from xdsserver.gatewayapi.conditions import PROGRAMMED, REJECTED, Status
from xdsserver.model.addresses import is_address
from xdsserver.objects.meta import GATEWAY_GROUP

if TYPE_CHECKING:
    from xdsserver.gatewayapi.addresses import Assigned
    from xdsserver.gatewayapi.conditions import Condition
    from xdsserver.objects.httproute import ParentReference


@dataclass(frozen=True, slots=True)
class GatewayClassStatus:
    """GatewayClass.status; features are sorted, as their list must be."""

    conditions: tuple[Condition, ...]
    features: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """Give the form of the API, without times."""
        return {
            "conditions": _conditions(self.conditions),
            "supportedFeatures": [{"name": name} for name in self.features],
        }


@dataclass(frozen=True, slots=True)
class FleetStatus:
    """EnvoyFleet.status."""

    conditions: tuple[Condition, ...]

    def document(self) -> dict[str, Any]:
        """Give the form of the API, without times."""
        return {"conditions": _conditions(self.conditions)}


@dataclass(frozen=True, slots=True)
class ListenerStatus:
    """An entry of status.listeners of a Gateway or a ListenerSet."""

    name: str
    kinds: tuple[str, ...]
    attached_routes: int
    conditions: tuple[Condition, ...]

    def document(self) -> dict[str, Any]:
        """Give the form of the API, without times."""
        return {
            "name": self.name,
            "supportedKinds": [{"group": GATEWAY_GROUP, "kind": kind} for kind in self.kinds],
            "attachedRoutes": self.attached_routes,
            "conditions": _conditions(self.conditions),
        }


@dataclass(frozen=True, slots=True)
class GatewayStatus:
    """Gateway.status.

    `addresses` are IP addresses and hostnames; `attached_listener_sets` is None where the Gateway says nothing of
    ListenerSets.
    """

    addresses: tuple[Assigned, ...]
    conditions: tuple[Condition, ...]
    listeners: tuple[ListenerStatus, ...]
    attached_listener_sets: int | None = None

    def document(self) -> dict[str, Any]:
        """Give the form of the API, without times."""
        sets = self.attached_listener_sets
        return {
            "addresses": [_address(one) for one in self.addresses],
            "conditions": _conditions(self.conditions),
            "listeners": [listener.document() for listener in self.listeners],
            **({} if sets is None else {"attachedListenerSets": sets}),
        }


@dataclass(frozen=True, slots=True)
class ListenerSetStatus:
    """ListenerSet.status; a set that may not attach has no listeners there."""

    conditions: tuple[Condition, ...]
    listeners: tuple[ListenerStatus, ...]

    def document(self) -> dict[str, Any]:
        """Give the form of the API, without times."""
        return {
            "conditions": _conditions(self.conditions),
            "listeners": [listener.document() for listener in self.listeners],
        }


@dataclass(frozen=True, slots=True)
class RouteParentStatus:
    """An entry of status.parents of a route: the parentRef as it was written, and how it was judged.

    `doubts` are words about what is served and surely not meant; they stand in the message of a condition too.
    """

    reference: ParentReference
    controller: str
    conditions: tuple[Condition, ...]
    doubts: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """Give the form of the API, without times."""
        return {
            "parentRef": _reference(self.reference),
            "controllerName": self.controller,
            "conditions": _conditions(self.conditions),
        }


@dataclass(frozen=True, slots=True)
class RouteStatus:
    """Status of a route of any kind: our entries only, in the order of the parentRefs."""

    parents: tuple[RouteParentStatus, ...]

    def document(self) -> dict[str, Any]:
        """Give the form of the API, without times."""
        return {"parents": [parent.document() for parent in self.parents]}


@dataclass(frozen=True, slots=True)
class AncestorStatus:
    """An entry of status.ancestors: a Gateway that something is used through, and how it was judged there."""

    reference: ParentReference
    controller: str
    conditions: tuple[Condition, ...]

    def document(self) -> dict[str, Any]:
        """Give the form of the API, without times."""
        return {
            "ancestorRef": _reference(self.reference),
            "controllerName": self.controller,
            "conditions": _conditions(self.conditions),
        }


@dataclass(frozen=True, slots=True)
class AncestorsStatus:
    """Status of an XBackend: our entries only."""

    ancestors: tuple[AncestorStatus, ...]

    def document(self) -> dict[str, Any]:
        """Give the form of the API, without times."""
        return {"ancestors": [ancestor.document() for ancestor in self.ancestors]}


@dataclass(frozen=True, slots=True)
class TenantGatewayStatus:
    """What the status of a Tenant says of its way out: URLs, "" for none, and whether they are served.

    Without conditions no Gateway is asked for, and nothing may be left there of one that was. All that the status holds
    beside it is said by whoever runs the Tenant.
    """

    endpoint: str = ""
    console: str = ""
    conditions: tuple[Condition, ...] = ()

    def document(self) -> dict[str, Any]:
        """Give the form of the API, without times."""
        if not self.conditions:
            return {"gateway": None}
        urls = {name: url for name, url in (("endpoint", self.endpoint), ("console", self.console)) if url}
        return {"gateway": {**urls, "conditions": _conditions(self.conditions)}}


ObjectStatus = (
    GatewayClassStatus
    | FleetStatus
    | GatewayStatus
    | ListenerSetStatus
    | RouteStatus
    | AncestorsStatus
    | TenantGatewayStatus
)


def all_conditions(status: ObjectStatus) -> tuple[tuple[str, Condition], ...]:
    """Give every condition of a status with the part of the object that it is about (empty for the whole)."""
    match status:
        case GatewayClassStatus() | FleetStatus() | TenantGatewayStatus():
            return tuple(("", one) for one in status.conditions)
        case GatewayStatus() | ListenerSetStatus():
            whole = tuple(("", one) for one in status.conditions)
            return whole + tuple(
                (f"listener {listener.name}", one) for listener in status.listeners for one in listener.conditions
            )
        case RouteStatus():
            return tuple(
                (f"parent {parent.reference.name}", one) for parent in status.parents for one in parent.conditions
            )
        case AncestorsStatus():
            return tuple(
                (f"Gateway {ancestor.reference.name}", one)
                for ancestor in status.ancestors
                for one in ancestor.conditions
            )


def programmed(listener: ListenerStatus) -> bool:
    """Whether Envoys serve a listener."""
    return any(one.type == PROGRAMMED and one.status is Status.TRUE for one in listener.conditions)


_GOOD_WHEN_FALSE = frozenset({"Conflicted", "PartiallyInvalid", REJECTED})


def faults(status: ObjectStatus) -> tuple[tuple[str, Condition], ...]:
    """Give the conditions that tell of something wrong, each once, with the part of the object that it is about.

    What is only pending (Unknown) is no fault. SupportedVersion is about the installation and not about the object.
    """
    return tuple(
        (part, one)
        for part, one in all_conditions(status)
        if one.status is (Status.TRUE if one.type in _GOOD_WHEN_FALSE else Status.FALSE)
        and one.type != "SupportedVersion"
    )


def doubts(status: ObjectStatus) -> tuple[str, ...]:
    """Give the words about what is served and surely not meant, each once."""
    parents = status.parents if isinstance(status, RouteStatus) else ()
    return tuple(dict.fromkeys(words for parent in parents for words in parent.doubts))


def _address(one: Assigned) -> dict[str, Any]:
    scope = {} if one.routability is None else {"routability": one.routability}
    return {"type": "IPAddress" if is_address(one.value) else "Hostname", "value": one.value} | scope


def _reference(reference: ParentReference) -> dict[str, Any]:
    fields = {
        "group": reference.group,
        "kind": reference.kind,
        "namespace": reference.namespace,
        "name": reference.name,
        "sectionName": reference.section_name,
        "port": reference.port,
    }
    return {field: value for field, value in fields.items() if value is not None}


def _conditions(conditions: tuple[Condition, ...]) -> list[dict[str, Any]]:
    return [
        {
            "type": one.type,
            "status": one.status.value,
            "reason": one.reason,
            "message": one.message,
            "observedGeneration": one.observed_generation,
        }
        for one in conditions
    ]
