"""What clusters report of workloads: StatefulSets, their pods, volumes and nodes; only the fields that we read.

Their statuses are structs of their own, as everywhere: they are rows beside the objects, and no part of them.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from xdsserver.objects.meta import KubeObject, ObjectMeta, Part
from xdsserver.objects.scheduling import Toleration


class OwnerReference(Part):
    """Whom an object belongs to; `controller` for the one that manages it."""

    kind: str
    name: str
    uid: str
    controller: bool = False


class OwnedMeta(ObjectMeta):
    """Metadata, with whom the object belongs to."""

    owner_references: tuple[OwnerReference, ...] = ()

    @property
    def controller(self) -> OwnerReference | None:
        """The owner that manages it."""
        return next((one for one in self.owner_references if one.controller), None)


class StatefulSetSpec(Part):
    """StatefulSet.spec; parts that are compared as a whole are documents, as the server has them."""

    replicas: int = 1
    service_name: str = ""
    pod_management_policy: str = "OrderedReady"
    selector: Mapping[str, Any] = {}
    template: Mapping[str, Any] = {}
    volume_claim_templates: tuple[Mapping[str, Any], ...] = ()


class StatefulSet(KubeObject):
    """Pods with names and volumes of their own."""

    metadata: OwnedMeta
    spec: StatefulSetSpec = StatefulSetSpec()


class StatefulSetStatus(Part):
    """StatefulSet.status."""

    observed_generation: int = 0
    replicas: int = 0
    ready_replicas: int = 0
    current_replicas: int = 0
    updated_replicas: int = 0
    current_revision: str = ""
    update_revision: str = ""


class VolumeResources(Part):
    """How much a volume is to hold, or holds; amounts as Kubernetes writes them."""

    requests: Mapping[str, str] = {}


class PersistentVolumeClaimSpec(Part):
    """PersistentVolumeClaim.spec."""

    storage_class_name: str | None = None
    resources: VolumeResources = VolumeResources()


class PersistentVolumeClaim(KubeObject):
    """A volume that somebody asks for."""

    spec: PersistentVolumeClaimSpec = PersistentVolumeClaimSpec()


class PersistentVolumeClaimStatus(Part):
    """PersistentVolumeClaim.status."""

    phase: str = ""
    capacity: Mapping[str, str] = {}


class PodSpec(Part):
    """Pod.spec."""

    node_name: str = ""
    tolerations: tuple[Toleration, ...] = ()


class Pod(KubeObject):
    """A pod."""

    metadata: OwnedMeta
    spec: PodSpec = PodSpec()


class WorkloadCondition(Part):
    """One condition of a pod or a node."""

    type: str
    status: str = "Unknown"
    last_transition_time: str | None = None


class Conditioned(Part):
    """The status of a pod or a node."""

    conditions: tuple[WorkloadCondition, ...] = ()

    def ready(self) -> WorkloadCondition | None:
        """Give its condition Ready."""
        return next((one for one in self.conditions if one.type == "Ready"), None)


class Taint(Part):
    """What keeps pods away from a node that do not tolerate it."""

    key: str
    effect: str = ""
    value: str = ""


class NodeSpec(Part):
    """Node.spec."""

    taints: tuple[Taint, ...] = ()


class Node(KubeObject):
    """A machine."""

    spec: NodeSpec = NodeSpec()


class StorageClass(KubeObject):
    """Where volumes come from."""

    allow_volume_expansion: bool = False
    provisioner: str = msgspec.field(default="")
