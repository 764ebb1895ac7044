"""ServiceCIDR (networking.k8s.io/v1 and v1beta1): the networks out of which a cluster gives its Services addresses."""

from xdsserver.objects.meta import KubeObject, Part

NETWORKING_GROUP = "networking.k8s.io"


class ServiceCIDRSpec(Part):
    """ServiceCIDR.spec; `cidrs` are networks, one for each IP family."""

    cidrs: tuple[str, ...]


class ServiceCIDR(KubeObject):
    """Addresses of Services, cluster scoped."""

    spec: ServiceCIDRSpec
