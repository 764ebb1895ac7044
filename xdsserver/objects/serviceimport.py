"""ServiceImport (multicluster.x-k8s.io, both versions have one shape); only the fields that we read."""

from xdsserver.objects.meta import KubeObject, Part

MULTICLUSTER_GROUP = "multicluster.x-k8s.io"
SERVICE_NAME_LABEL = "multicluster.kubernetes.io/service-name"
"""The label by which an EndpointSlice belongs to a ServiceImport of its namespace."""


class ServiceImportPort(Part):
    """One port of a ServiceImport."""

    port: int
    name: str = ""
    protocol: str = "TCP"
    app_protocol: str | None = None


class ServiceImportSpec(Part):
    """ServiceImport.spec."""

    ports: tuple[ServiceImportPort, ...]
    type: str


class ServiceImport(KubeObject):
    """A Service of several clusters, as one of them sees it."""

    spec: ServiceImportSpec
