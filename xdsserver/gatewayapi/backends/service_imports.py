"""ServiceImport: a Service of several clusters, whose endpoints are here in slices of its own (GEP-1748, MCS API)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdsserver.gatewayapi.backends.kinds import Backend, Kind, numbered
from xdsserver.objects.serviceimport import MULTICLUSTER_GROUP, SERVICE_NAME_LABEL

if TYPE_CHECKING:
    from xdsserver.gatewayapi.backends.kinds import Port, PortPlace
    from xdsserver.objects.serviceimport import ServiceImport

SERVICE_IMPORT = Kind(MULTICLUSTER_GROUP, "ServiceImport", label=SERVICE_NAME_LABEL)


def service_import(_row: ServiceImport) -> Backend:
    """Narrow a ServiceImport: its slices say all about it."""
    return Backend()


def service_import_ports(row: ServiceImport) -> dict[PortPlace, Port]:
    """Give the ports of a ServiceImport by number and transport."""
    return numbered(row.spec.ports)
