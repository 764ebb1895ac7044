"""XBackend (gateway.networking.x-k8s.io/v1alpha1)."""

from collections.abc import Mapping

from xdsserver.objects.backendtlspolicy import BackendTLSValidation
from xdsserver.objects.httproute import SessionPersistence
from xdsserver.objects.meta import KubeObject, Part, SecretObjectReference

XGATEWAY_GROUP = "gateway.networking.x-k8s.io"


class BackendPort(Part):
    """The one port of a backend."""

    number: int | None = None


class ExternalHostname(Part):
    """A name outside of the cluster."""

    hostname: str


class EndpointSelector(Part):
    """Pods of the namespace that have all these labels."""

    match_labels: Mapping[str, str]


class BackendTLS(Part):
    """TLS towards the backend."""

    mode: str
    client_certificate_ref: SecretObjectReference | None = None
    validation: BackendTLSValidation | None = None


class XBackendSpec(Part):
    """XBackend.spec."""

    type: str
    port: BackendPort
    external_hostname: ExternalHostname | None = None
    endpoint_selector: EndpointSelector | None = None
    session_persistence: SessionPersistence | None = None
    protocol: str | None = None
    tls: BackendTLS | None = BackendTLS(mode="None")


class XBackend(KubeObject):
    """A destination, and how a gateway connects to it."""

    spec: XBackendSpec
