"""EnvoyFleet (gateway.xdsserver.io/v1alpha1): Envoys that get one configuration, and how clients reach them."""

from collections.abc import Mapping
from typing import Annotated

import msgspec

from xdsserver.objects.meta import KubeObject, Part
from xdsserver.objects.scheduling import Affinity, Toleration, TopologySpreadConstraint
from xdsserver.objects.statusconditions import CONDITIONS, StatusCondition
from xdsserver.objects.structural import about

FLEET_GROUP = "gateway.xdsserver.io"

_PERCENT = "^([0-9]|[1-9][0-9]|100)%$"
_LABELS = about("Labels of the pods; those that we set ourselves are not replaced.", maxProperties=64)
_QUANTITY = r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?$"
_IS_ADDRESS = (
    "isIP(self) || (self.contains('/') && isIP(self.split('/')[0])) || "
    "(self.contains('-') && self.split('-').size() == 2 && self.split('-').all(part, isIP(part)))"
)
_ADDRESS = about(
    "An address, a range such as 192.0.2.10-192.0.2.19, or a network such as 192.0.2.0/24.",
    (_IS_ADDRESS, "must be an address, a range FIRST-LAST or a network ADDRESS/BITS"),
    maxLength=79,
    pattern="^[0-9a-fA-F.:]+([/-][0-9a-fA-F.:]+)?$",
)


class ServiceExposure(Part):
    """The Service that each Gateway gets."""

    type: Annotated[str, about("The type of the Service.", enum=["LoadBalancer", "NodePort", "ClusterIP"])] = (
        "LoadBalancer"
    )
    external_traffic_policy: Annotated[
        str | None,
        about(
            "Local keeps the addresses of clients, and sends them to Envoys of their node only.",
            enum=["Cluster", "Local"],
        ),
    ] = None
    load_balancer_class: Annotated[
        str | None,
        about("Which load balancer; without it, the default one of the cluster.", minLength=1, maxLength=316),
    ] = None


class Exposure(Part):
    """How clients reach the Gateways of a fleet."""

    type: Annotated[
        str,
        about(
            "Service: a Service for each Gateway. HostPort: ports of the nodes, which Gateways share. "
            "AddressPool: an address of its own for each Gateway, on Envoys in the network of their nodes.",
            enum=["Service", "HostPort", "AddressPool"],
        ),
    ] = "Service"
    service: Annotated[
        ServiceExposure | None,
        about(
            "For type Service.",
            (
                "!has(self.externalTrafficPolicy) || self.type != 'ClusterIP'",
                "externalTrafficPolicy is for LoadBalancer and NodePort: a ClusterIP takes no traffic from outside",
            ),
            (
                "!has(self.loadBalancerClass) || self.type == 'LoadBalancer'",
                "loadBalancerClass is for type LoadBalancer",
            ),
        ),
    ] = None
    host_ports: Annotated[
        tuple[Annotated[int, about("A port.", minimum=1, maximum=65535)], ...],
        about(
            "For type HostPort: the ports of the nodes that listeners may use.",
            minItems=1,
            maxItems=64,
            **{"x-kubernetes-list-type": "set"},
        ),
    ] = (80, 443)
    addresses: Annotated[
        tuple[Annotated[str, _ADDRESS], ...],
        about(
            "For type AddressPool: the addresses that Gateways get, in the order in which they are given out. "
            "For type Service: those that Gateways may ask for, which routers lead to the nodes (externalIPs).",
            maxItems=64,
            **{"x-kubernetes-list-type": "set"},
        ),
    ] = ()


class Resources(Part):
    """What Envoy asks for and may take."""

    requests: Annotated[
        Mapping[str, Annotated[int | str, about("An amount.", pattern=_QUANTITY)]], about("What is set aside.")
    ] = {}
    limits: Annotated[
        Mapping[str, Annotated[int | str, about("An amount.", pattern=_QUANTITY)]],
        about(
            "What may be taken at most. Above 95 % of the memory Envoy gives back what it can; "
            "at 98 % it refuses requests."
        ),
    ] = {}


class Autoscaling(Part):
    """How many Envoys, by how busy they are."""

    max_replicas: Annotated[int, about("At most so many.", minimum=1)]
    min_replicas: Annotated[int, about("At least so many.", minimum=1)] = 1
    target_cpu_utilization_percentage: Annotated[
        int,
        about(
            "How much of the processor time that they requested the Envoys are to use on average.",
            minimum=1,
            maximum=1000,
        ),
    ] = msgspec.field(default=80, name="targetCPUUtilizationPercentage")


class DisruptionBudget(Part):
    """How many Envoys may be away at once when nodes are emptied."""

    min_available: Annotated[
        int | str | None, about("So many must stay, as a number or a share such as 50%.", pattern=_PERCENT)
    ] = None
    max_unavailable: Annotated[
        int | str | None, about("So many may go, as a number or a share such as 50%.", pattern=_PERCENT)
    ] = None


class Workload(Part):
    """The pods."""

    kind: Annotated[
        str,
        about(
            "Deployment: as many Envoys as are asked for. DaemonSet: one on each node.",
            enum=["Deployment", "DaemonSet"],
        ),
    ] = "Deployment"
    image: Annotated[
        str | None,
        about("The image of Envoy; without it, the one that this release was tested with.", minLength=1, maxLength=512),
    ] = None
    replicas: Annotated[
        int | None, about("How many Envoys a Deployment has; 2 where neither this nor autoscaling is given.", minimum=0)
    ] = None
    resources: Annotated[Resources, about("What an Envoy asks for and may take.")] = Resources()
    node_selector: Annotated[Mapping[str, str], about("Labels that a node must have.")] = {}
    tolerations: Annotated[tuple[Toleration, ...], about("Taints that do not keep the Envoys away.")] = ()
    affinity: Annotated[Affinity | None, about("Nodes and pods that the Envoys are drawn to or kept away from.")] = None
    topology_spread_constraints: Annotated[
        tuple[TopologySpreadConstraint, ...],
        about("How evenly the Envoys are spread; without any, over nodes as well as may be."),
    ] = ()
    priority_class_name: Annotated[str | None, about("The PriorityClass of the pods.", minLength=1, maxLength=253)] = (
        None
    )
    autoscaling: Annotated[
        Autoscaling | None,
        about(
            "For a Deployment, instead of replicas.",
            ("self.minReplicas <= self.maxReplicas", "minReplicas must not be more than maxReplicas"),
        ),
    ] = None
    disruption_budget: Annotated[
        DisruptionBudget | None,
        about(
            "How many Envoys may be away at once when nodes are emptied.",
            (
                "has(self.minAvailable) != has(self.maxUnavailable)",
                "give either minAvailable or maxUnavailable",
            ),
        ),
    ] = None
    termination_grace_period_seconds: Annotated[
        int,
        about(
            "How long an Envoy may take to stop. It serves on for 25 seconds, telling clients to leave, and then ends.",
            minimum=30,
            maximum=86400,
        ),
    ] = 60
    pod_labels: Annotated[Mapping[str, str], _LABELS] = {}
    pod_annotations: Annotated[Mapping[str, str], about("Annotations of the pods.", maxProperties=64)] = {}


class EnvoyFleetSpec(Part):
    """EnvoyFleet.spec."""

    mode: Annotated[
        str,
        about(
            "Shared: all Gateways that name this fleet share its Envoys. "
            "Dedicated: each Gateway gets Envoys of its own, in its namespace, made as this says.",
            enum=["Shared", "Dedicated"],
        ),
    ] = "Shared"
    exposure: Annotated[
        Exposure,
        about(
            "How clients reach the Gateways.",
            ("self.type == 'Service' || !has(self.service)", "service is for type Service"),
            (
                "self.type != 'AddressPool' || (has(self.addresses) && size(self.addresses) > 0)",
                "type AddressPool needs addresses",
            ),
            (
                "self.type != 'HostPort' || !has(self.addresses) || size(self.addresses) == 0",
                "addresses are for types AddressPool and Service: with HostPort they are those of the nodes",
            ),
        ),
    ] = Exposure()
    workload: Annotated[
        Workload,
        about(
            "The pods.",
            (
                "self.kind == 'Deployment' || !(has(self.replicas) || has(self.autoscaling))",
                "replicas and autoscaling are for a Deployment: a DaemonSet has one pod on each node",
            ),
            (
                "!(has(self.replicas) && has(self.autoscaling))",
                "give either replicas or autoscaling: the autoscaler decides how many there are",
            ),
        ),
    ] = Workload()


class EnvoyFleetStatus(Part):
    """EnvoyFleet.status."""

    conditions: Annotated[tuple[StatusCondition, ...], CONDITIONS] = ()


class EnvoyFleet(KubeObject):
    """A set of Envoys that get one configuration."""

    spec: Annotated[
        EnvoyFleetSpec,
        about(
            "What is wanted.",
            (
                "self.exposure.type != 'HostPort' || (self.workload.kind == 'DaemonSet' && self.mode == 'Shared')",
                "exposure HostPort needs workload.kind DaemonSet and mode Shared: a port of a node is opened once",
            ),
        ),
    ] = EnvoyFleetSpec()
