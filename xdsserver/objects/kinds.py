"""The kinds that we read, each with its API group, served versions and struct."""

from typing import NamedTuple

from xdsserver.objects.backendtlspolicy import BackendTLSPolicy
from xdsserver.objects.clustertrustbundle import CERTIFICATES_GROUP, ClusterTrustBundle
from xdsserver.objects.core import ConfigMap, EndpointSlice, Namespace, Service
from xdsserver.objects.envoyfleet import FLEET_GROUP, EnvoyFleet
from xdsserver.objects.gateway import Gateway
from xdsserver.objects.gatewayclass import GatewayClass
from xdsserver.objects.grpcroute import GRPCRoute
from xdsserver.objects.httproute import HTTPRoute
from xdsserver.objects.l4route import TCPRoute, TLSRoute, UDPRoute
from xdsserver.objects.listenerset import ListenerSet
from xdsserver.objects.meta import GATEWAY_GROUP, KubeObject
from xdsserver.objects.referencegrant import ReferenceGrant
from xdsserver.objects.secret import Secret
from xdsserver.objects.servicecidr import NETWORKING_GROUP, ServiceCIDR
from xdsserver.objects.serviceimport import MULTICLUSTER_GROUP, ServiceImport
from xdsserver.objects.tenant import TENANT_GROUP, Tenant
from xdsserver.objects.workloads import Node, PersistentVolumeClaim, Pod, StatefulSet, StorageClass
from xdsserver.objects.xbackend import XGATEWAY_GROUP, XBackend
from xdsserver.objects.xtelemetrypolicy import XTelemetryPolicy


class Kind(NamedTuple):
    """One kind: `versions` are those that decode into `struct`, the first is preferred."""

    name: str
    group: str
    versions: tuple[str, ...]
    struct: type[KubeObject]
    namespaced: bool = True

    @property
    def plural(self) -> str:
        """The name in paths and permissions."""
        return plural(self.name)


def plural(kind: str) -> str:
    """Give the name of a kind in paths and permissions, as those that we know form it."""
    name = kind.lower()
    if name.endswith("y") and name[-2] not in "aeiou":
        return f"{name[:-1]}ies"
    return f"{name}es" if name.endswith("s") else f"{name}s"


KINDS: tuple[Kind, ...] = (
    Kind("GatewayClass", GATEWAY_GROUP, ("v1", "v1beta1"), GatewayClass, namespaced=False),
    Kind("Gateway", GATEWAY_GROUP, ("v1", "v1beta1"), Gateway),
    Kind("ListenerSet", GATEWAY_GROUP, ("v1",), ListenerSet),
    Kind("HTTPRoute", GATEWAY_GROUP, ("v1", "v1beta1"), HTTPRoute),
    Kind("GRPCRoute", GATEWAY_GROUP, ("v1",), GRPCRoute),
    Kind("TLSRoute", GATEWAY_GROUP, ("v1",), TLSRoute),
    Kind("TCPRoute", GATEWAY_GROUP, ("v1", "v1alpha2"), TCPRoute),
    Kind("UDPRoute", GATEWAY_GROUP, ("v1", "v1alpha2"), UDPRoute),
    Kind("ReferenceGrant", GATEWAY_GROUP, ("v1", "v1beta1"), ReferenceGrant),
    Kind("BackendTLSPolicy", GATEWAY_GROUP, ("v1", "v1alpha3"), BackendTLSPolicy),
    Kind("EnvoyFleet", FLEET_GROUP, ("v1alpha1",), EnvoyFleet),
    Kind("Tenant", TENANT_GROUP, ("v1alpha1",), Tenant),
    Kind("Namespace", "", ("v1",), Namespace, namespaced=False),
    Kind("Service", "", ("v1",), Service),
    Kind("EndpointSlice", "discovery.k8s.io", ("v1",), EndpointSlice),
    Kind("ServiceCIDR", NETWORKING_GROUP, ("v1", "v1beta1"), ServiceCIDR, namespaced=False),
    Kind("ServiceImport", MULTICLUSTER_GROUP, ("v1alpha1", "v1beta1"), ServiceImport),
    Kind("XBackend", XGATEWAY_GROUP, ("v1alpha1",), XBackend),
    Kind("XTelemetryPolicy", XGATEWAY_GROUP, ("v1alpha1",), XTelemetryPolicy),
    Kind("Secret", "", ("v1",), Secret),
    Kind("ConfigMap", "", ("v1",), ConfigMap),
    Kind("ClusterTrustBundle", CERTIFICATES_GROUP, ("v1", "v1beta1"), ClusterTrustBundle, namespaced=False),
)

OWNED: tuple[Kind, ...] = (
    Kind("ServiceAccount", "", ("v1",), KubeObject),
    Kind("Deployment", "apps", ("v1",), KubeObject),
    Kind("DaemonSet", "apps", ("v1",), KubeObject),
    Kind("PodDisruptionBudget", "policy", ("v1",), KubeObject),
    Kind("HorizontalPodAutoscaler", "autoscaling", ("v2",), KubeObject),
)
"""Kinds of which we look at objects of our own alone, to see that they are as intended."""

TENANT_READ: tuple[Kind, ...] = (
    Kind("StatefulSet", "apps", ("v1",), StatefulSet),
    Kind("PersistentVolumeClaim", "", ("v1",), PersistentVolumeClaim),
    Kind("Pod", "", ("v1",), Pod),
    Kind("Node", "", ("v1",), Node, namespaced=False),
    Kind("StorageClass", "storage.k8s.io", ("v1",), StorageClass, namespaced=False),
)
"""Kinds that are read for Tenants, beside Tenant and Secret."""

TENANT_OWNED: tuple[Kind, ...] = (
    Kind("Service", "", ("v1",), KubeObject),
    Kind("ServiceAccount", "", ("v1",), KubeObject),
    Kind("Role", "rbac.authorization.k8s.io", ("v1",), KubeObject),
    Kind("RoleBinding", "rbac.authorization.k8s.io", ("v1",), KubeObject),
    Kind("PodDisruptionBudget", "policy", ("v1",), KubeObject),
)
"""Kinds of which a Tenant's own objects are looked at, to see that they are as intended."""

BY_NAME = {kind.name: kind for kind in KINDS}
