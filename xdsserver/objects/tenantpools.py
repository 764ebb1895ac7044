"""Pools of a Tenant: how many servers with how many volumes, and where they run."""

from collections.abc import Mapping
from typing import Annotated, Any

from xdsserver.objects.envoyfleet import Resources
from xdsserver.objects.meta import Part
from xdsserver.objects.scheduling import Affinity, Toleration, TopologySpreadConstraint
from xdsserver.objects.structural import about

_LABEL = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"


class Persistence(Part):
    """The volumes of each server of a pool; they are kept when the Tenant is deleted."""

    volumes_per_server: Annotated[
        int,
        about(
            "How many volumes each server has. It cannot be changed once the pool is there.",
            ("self > 0", "volumesPerServer must be greater than 0"),
        ),
    ]
    volume_claim_template: Annotated[
        Mapping[str, Any] | None,
        about("The PersistentVolumeClaimSpec of every volume; ReadWriteOnce and 10Gi without. Storage may grow later."),
    ] = None
    path: Annotated[
        str | None,
        about(
            "Under which path volumes are mounted, as PATH/rustfs0 and on; without, that of spec.mountPath.",
            ("self != ''", "path must be not empty"),
            maxLength=512,
        ),
    ] = None
    labels: Annotated[Mapping[str, str], about("Labels of the PersistentVolumeClaims; they replace ours.")] = {}
    annotations: Annotated[Mapping[str, str], about("Annotations of the PersistentVolumeClaims.")] = {}


class SecurityContext(Part):
    """Who the processes of a pod are."""

    run_as_user: Annotated[int | None, about("The user; 10001 without.", format="int64", minimum=0)] = None
    run_as_group: Annotated[int | None, about("The group; 10001 without.", format="int64", minimum=0)] = None
    fs_group: Annotated[int | None, about("The group of the volumes; 10001 without.", format="int64", minimum=0)] = None
    run_as_non_root: Annotated[
        bool | None, about("Whether root is refused; without, wherever the user is not root.")
    ] = None
    seccomp_profile: Annotated[
        Mapping[str, Any] | None, about("The seccomp profile; without, that of the container runtime.")
    ] = None


class Pool(Part):
    """Servers with volumes: a StatefulSet of its own within the one RustFS cluster of the Tenant."""

    name: Annotated[
        str,
        about(
            "The name of the pool. It cannot be changed once the pool is there.",
            ("self != ''", "pool name must be not empty"),
            maxLength=63,
            pattern=_LABEL,
        ),
    ]
    servers: Annotated[
        int,
        about(
            "How many servers the pool has. It cannot be changed once the pool is there.",
            ("self > 0", "servers must be greater than 0"),
        ),
    ]
    persistence: Annotated[Persistence, about("The volumes of each server.")]
    node_selector: Annotated[Mapping[str, str], about("Labels that a node must have.")] = {}
    affinity: Annotated[Affinity | None, about("Nodes and pods that the servers are drawn to or kept away from.")] = (
        None
    )
    tolerations: Annotated[tuple[Toleration, ...], about("Taints that do not keep the servers away.")] = ()
    topology_spread_constraints: Annotated[
        tuple[TopologySpreadConstraint, ...], about("How evenly the servers are spread over places.")
    ] = ()
    resources: Annotated[Resources | None, about("What a server asks for and may take.")] = None
    priority_class_name: Annotated[
        str | None, about("The PriorityClass of the pods; that of the Tenant without.", maxLength=253)
    ] = None
    security_context: Annotated[
        SecurityContext | None, about("Who the processes are, field by field over that of the Tenant.")
    ] = None
    container_security_context: Annotated[
        Mapping[str, Any] | None, about("The securityContext of the container, over that of the Tenant.")
    ] = None
