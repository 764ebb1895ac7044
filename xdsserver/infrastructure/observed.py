"""What earlier runs decided, read back from the statuses where it is written down."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import msgspec

from xdsserver.infrastructure.allocation import Written

if TYPE_CHECKING:
    from collections.abc import Mapping


class _Address(msgspec.Struct):
    value: str = ""
    routability: str | None = None


class _Condition(msgspec.Struct, rename="camel"):
    type: str = ""
    status: str = ""
    observed_generation: int = 0


class _Listener(msgspec.Struct):
    name: str = ""
    conditions: list[_Condition] | None = None


class _Status(msgspec.Struct):
    addresses: list[_Address] | None = None
    listeners: list[_Listener] | None = None


class _Ingress(msgspec.Struct):
    ip: str = ""
    hostname: str = ""


class _LoadBalancer(msgspec.Struct):
    ingress: list[_Ingress] | None = None


class _ServiceStatus(msgspec.Struct, rename="camel"):
    load_balancer: _LoadBalancer | None = None


class _NodeAddress(msgspec.Struct):
    type: str = ""
    address: str = ""


class _NodeStatus(msgspec.Struct):
    addresses: list[_NodeAddress] | None = None


class _TenantGateway(msgspec.Struct):
    conditions: list[_Condition] | None = None


class _TenantStatus(msgspec.Struct):
    gateway: _TenantGateway | None = None


StatusT = TypeVar("StatusT")


def _read(status: bytes, form: type[StatusT]) -> StatusT:
    try:
        return msgspec.json.decode(status or b"{}", type=form)
    except msgspec.MsgspecError:
        # Somebody else's, of another form; ours is written over it.
        return form()


def written_in_status(uid: str, status: bytes) -> Written | None:
    """Give the address that a Gateway's status (JSON, or empty) says it has; None where it says none.

    One of the cluster is none that was given to it: it is that of its Service.
    """
    addresses = _read(status, _Status).addresses or ()
    value = next((one.value for one in addresses if one.routability != "Cluster"), "")
    return Written(uid, value) if value else None


def programmed_in_status(status: bytes) -> Mapping[str, int]:
    """Give the listeners that a status says are programmed, each with the generation that it says so of."""
    return {
        listener.name: one.observed_generation
        for listener in _read(status, _Status).listeners or ()
        for one in listener.conditions or ()
        if one.type == "Programmed" and one.status == "True"
    }


def tenant_programmed_in_status(status: bytes) -> int | None:
    """Give the generation of which a Tenant's status says that Envoys serve it through Gateways; None where it is not.

    It is said of all listeners together.
    """
    gateway = _read(status, _TenantStatus).gateway
    conditions = (gateway.conditions if gateway is not None else None) or ()
    found = (one.observed_generation for one in conditions if one.type == "Programmed" and one.status == "True")
    return next(found, None)


def ingress_in_status(status: bytes) -> tuple[str, ...]:
    """Give the addresses and hostnames by which a Service's status (JSON, or empty) says that clients get to it."""
    balancer = _read(status, _ServiceStatus).load_balancer
    found = (one.ip or one.hostname for one in (balancer.ingress or () if balancer is not None else ()))
    return tuple(dict.fromkeys(one for one in found if one))


def node_addresses_in_status(status: bytes) -> tuple[str, ...]:
    """Give the addresses of a node that clients can dial: those that are known outside, else those of its network."""
    addresses = _read(status, _NodeStatus).addresses or ()
    for wanted in ("ExternalIP", "InternalIP"):
        if found := tuple(one.address for one in addresses if one.type == wanted and one.address):
            return found
    return ()
