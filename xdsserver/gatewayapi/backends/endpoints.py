"""Endpoints: who of the members of slices gets requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdsserver.model.backends import Endpoint, Endpoints

if TYPE_CHECKING:
    from collections.abc import Iterable

    from xdsserver.gatewayapi.backends.kinds import Port
    from xdsserver.model.routing import EndpointsKey
    from xdsserver.objects.core import EndpointPort, EndpointSlice


def endpoints(key: EndpointsKey, port: Port, slices: Iterable[EndpointSlice]) -> Endpoints:
    """Collect the endpoints of one port of a backend from all its slices (EndpointSlice v1).

    A slice names the ports of a Service by the Service port's name, whatever their numbers. Endpoints that are ready
    count; where none is ready, those that still serve while they end are better than nobody (as kube-proxy has it).
    """
    ready: set[Endpoint] = set()
    ending: set[Endpoint] = set()
    for slice_ in slices:
        numbers = _numbers(port, slice_.ports)
        if slice_.address_type == "FQDN" or not numbers:
            continue
        for member in slice_.endpoints:
            conditions = member.conditions
            if conditions.ready is not False and not conditions.terminating:
                found = ready
            elif conditions.serving and conditions.terminating:
                found = ending
            else:
                continue
            # All addresses of one endpoint mean the same pod (Endpoint.addresses).
            found.update(Endpoint(member.addresses[0], number) for number in numbers if member.addresses)
    return Endpoints(key, tuple(sorted(ready or ending, key=lambda one: (one.address, one.port))))


def _numbers(port: Port, ports: Iterable[EndpointPort]) -> list[int]:
    if port.target is not None:
        return [port.target]
    return [one.port for one in ports if one.port is not None and _same_port(one, port)]


def _same_port(slice_port: EndpointPort, port: Port) -> bool:
    return (slice_port.name or "") == port.name and (slice_port.protocol or "TCP") == port.transport
