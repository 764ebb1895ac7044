"""Service: endpoints of this cluster from its slices, or a name to resolve (type ExternalName)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdsserver.gatewayapi.backends.kinds import Backend, Kind, numbered
from xdsserver.objects.core import SERVICE_NAME_LABEL

if TYPE_CHECKING:
    from xdsserver.gatewayapi.backends.kinds import Port, PortPlace
    from xdsserver.objects.core import Service

SERVICE = Kind("", "Service", label=SERVICE_NAME_LABEL)


def service(row: Service) -> Backend:
    """Narrow a Service; edits of its ports, selector or addresses change nothing here."""
    return Backend(hostname=row.spec.external_name if row.spec.type == "ExternalName" else "")


def service_ports(row: Service) -> dict[PortPlace, Port]:
    """Give the ports of a Service by number and transport."""
    return numbered(row.spec.ports)
