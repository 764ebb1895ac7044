"""GatewayClass (gateway.networking.k8s.io/v1)."""

from xdsserver.objects.meta import KubeObject, ObjectReference, Part

CONTROLLER = "gateway.xdsserver.io/controller"
"""The controllerName of our classes; classes of others may be taken for ours too, to ease a migration."""


class GatewayClassSpec(Part):
    """GatewayClass.spec."""

    controller_name: str
    parameters_ref: ObjectReference | None = None
    description: str | None = None


class GatewayClass(KubeObject):
    """A class of Gateways that one controller implements."""

    spec: GatewayClassSpec
