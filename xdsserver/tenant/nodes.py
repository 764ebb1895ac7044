"""Pods that cannot leave, since their node is down: deleted once that is sure, and never at the cost of data.

Only pods that are on their way out already, that a StatefulSet of the Tenant controls (by uid, not by name), and while
most servers of the cluster are ready. Deleting by force says that the pod does not run any more; that is true only when
the node is known to be fenced: its object is gone, or it carries the taint `node.kubernetes.io/out-of-service`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xdsserver.objects.tenant import Tenant
    from xdsserver.objects.workloads import Taint
    from xdsserver.tenant.observed import Observed, SeenNode, SeenPod

DOWN: Final = timedelta(minutes=5)
"""How long a node must have been down."""
OUT_OF_SERVICE: Final = "node.kubernetes.io/out-of-service"

_FORCING: Final = frozenset({"ForceDelete", "DeleteStatefulSetPod", "DeleteBothStatefulSetAndDeploymentPod"})
"""Policies that do not wait for the node. That for Deployments has no effect: no pod of a Tenant is of one."""


@dataclass(frozen=True, slots=True)
class Eviction:
    """A pod that is to be deleted at `due` (RFC 3339) and not before; `forced` without waiting for its node."""

    pod: SeenPod
    due: str
    forced: bool


@dataclass(frozen=True, slots=True)
class Spared:
    """A pod that would be deleted by force, but for the words."""

    pod: SeenPod
    words: str


def evictions(tenant: Tenant, observed: Observed) -> Iterator[Eviction | Spared]:
    """Give the pods that the policy of a Tenant is about."""
    policy = tenant.spec.pod_deletion_policy_when_node_is_down or "DoNothing"
    if policy != "Delete" and policy not in _FORCING:
        return
    owned = _owned(tenant, observed)
    for pod in observed.pods:
        if pod.leaving is None or not pod.node or pod.owner_kind != "StatefulSet" or pod.owner not in owned:
            continue
        node = observed.nodes.get(pod.node)
        since = _down_since(node, pod.leaving)
        if since is not None:
            yield _verdict(pod, node, _due(since), forced=policy in _FORCING, quorum=_has_quorum(tenant, observed))


def _verdict(pod: SeenPod, node: SeenNode | None, due: str, *, forced: bool, quorum: bool) -> Eviction | Spared:
    if not forced:
        return Eviction(pod, due, forced=False)
    if node is not None and not _is_fenced(pod, node):
        return Spared(pod, f"its node {pod.node} is down and not fenced: delete the Node, or taint it {OUT_OF_SERVICE}")
    if not quorum:
        return Spared(pod, "most servers of the Tenant are not ready")
    return Eviction(pod, due, forced=True)


def _owned(tenant: Tenant, observed: Observed) -> frozenset[str]:
    """Give the uids of the StatefulSets that this very Tenant controls."""
    found = (one.set.metadata for one in observed.running.values())
    return frozenset(
        one.uid for one in found if one.controller is not None and one.controller.uid == tenant.metadata.uid
    )


def _down_since(node: SeenNode | None, leaving: str) -> str | None:
    """Say since when a node is down; None where it is not. One that is gone tells no time but that of its pods."""
    if node is None:
        return leaving
    ready = node.status.ready()
    if ready is None:
        return leaving
    return None if ready.status == "True" else ready.last_transition_time or leaving


def _is_fenced(pod: SeenPod, node: SeenNode) -> bool:
    return any(one.key == OUT_OF_SERVICE and not _tolerates(pod, one) for one in node.node.spec.taints)


def _tolerates(pod: SeenPod, taint: Taint) -> bool:
    return any(
        (one.key is None or one.key == taint.key)
        and (one.operator == "Exists" or one.value == taint.value)
        and one.effect in (None, "", taint.effect)
        for one in pod.tolerations
    )


def _has_quorum(tenant: Tenant, observed: Observed) -> bool:
    """Whether more than half of all servers are ready, which is what writing needs at any erasure coding."""
    servers = sum(pool.servers for pool in tenant.spec.pools)
    return 2 * sum(one.ready and one.leaving is None for one in observed.pods) > servers


def _due(since: str) -> str:
    at = datetime.fromisoformat(since).astimezone(UTC) + DOWN
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
