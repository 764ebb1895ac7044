"""Kinds of the Kubernetes core that routes and listeners lean on; only the fields that we read."""

from collections.abc import Mapping

import msgspec

from xdsserver.objects.meta import KubeObject, Part

SERVICE_NAME_LABEL = "kubernetes.io/service-name"


class Namespace(KubeObject):
    """A namespace; its labels decide who may attach."""


class ServicePort(Part):
    """One port of a Service."""

    port: int
    name: str = ""
    protocol: str = "TCP"
    target_port: int | str | None = None
    app_protocol: str | None = None


class ServiceSpec(Part):
    """Service.spec."""

    type: str = "ClusterIP"
    selector: Mapping[str, str] = {}
    ports: tuple[ServicePort, ...] = ()
    cluster_ip: str = msgspec.field(default="", name="clusterIP")
    external_name: str = ""


class Service(KubeObject):
    """A named backend; its endpoints come from EndpointSlices, or from DNS for type ExternalName."""

    spec: ServiceSpec = ServiceSpec()


class EndpointConditions(Part):
    """Unset means true, but for `terminating`."""

    ready: bool | None = None
    serving: bool | None = None
    terminating: bool | None = None


class Endpoint(Part):
    """Addresses of one pod or machine; all of them mean the same endpoint."""

    addresses: tuple[str, ...]
    conditions: EndpointConditions = EndpointConditions()
    zone: str | None = None
    node_name: str | None = None


class EndpointPort(Part):
    """A port of all endpoints of a slice; without `port` any port."""

    port: int | None = None
    name: str | None = None
    protocol: str | None = "TCP"


class EndpointSlice(KubeObject):
    """Part of the endpoints of a Service, or of something like it, that a label names."""

    address_type: str
    endpoints: tuple[Endpoint, ...] = ()
    ports: tuple[EndpointPort, ...] = ()

    @property
    def service(self) -> str | None:
        """Name of the Service in the same namespace, or None for a slice that belongs to none."""
        return self.metadata.labels.get(SERVICE_NAME_LABEL)


class ConfigMap(KubeObject):
    """A ConfigMap."""

    data: Mapping[str, str] = {}
