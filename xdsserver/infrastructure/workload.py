"""What runs the Envoys of a fleet: a Deployment or a DaemonSet, and what these need; all pure data.

Everything has the fleet's Gateway or EnvoyFleet for its owner, so that deleting that deletes all of it, also while no
controller runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from xdsserver.effects import Intended
from xdsserver.infrastructure.identity import metadata, object_name, selector
from xdsserver.infrastructure.pods import (
    BOOTSTRAP_FILE,
    STOP_FILE,
    max_heap_bytes,
    on_host_network,
    on_host_ports,
    pod_template,
)
from xdsserver.infrastructure.stopping import SCRIPT
from xdsserver.objects.structural import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xdsserver.infrastructure.dataplane import DataPlane, Envoys

REPLICAS: Final = 2
"""Where the user says nothing: one may go at any time."""

Document = dict[str, Any]


def workload(envoys: Envoys, plane: DataPlane) -> tuple[Intended, ...]:
    """Give all objects by which the Envoys of a fleet run; the Secret with their certificate is made elsewhere."""
    return tuple(map(Intended, _documents(envoys, plane)))


def _documents(envoys: Envoys, plane: DataPlane) -> Iterator[Document]:
    asked = envoys.spec.workload
    config = {BOOTSTRAP_FILE: plane.bootstrap(envoys.fleet, max_heap_bytes(asked)), STOP_FILE: SCRIPT}
    yield _object("v1", "ServiceAccount", envoys, automountServiceAccountToken=False)
    yield _object("v1", "ConfigMap", envoys, data=config)
    template = pod_template(envoys, plane, config)
    if asked.kind == "DaemonSet":
        yield _object("apps/v1", "DaemonSet", envoys, spec=_daemon_set(envoys, template))
    else:
        yield _object("apps/v1", "Deployment", envoys, spec=_deployment(envoys, template))
    if budget := _budget(envoys):
        yield _object("policy/v1", "PodDisruptionBudget", envoys, spec=budget)
    if asked.kind == "Deployment" and asked.autoscaling is not None:
        yield _object("autoscaling/v2", "HorizontalPodAutoscaler", envoys, spec=_autoscaler(envoys))


def _object(api_version: str, kind: str, envoys: Envoys, **parts: object) -> Document:
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata(envoys), **parts}


def _deployment(envoys: Envoys, template: Document) -> Document:
    asked = envoys.spec.workload
    spec: Document = {
        "revisionHistoryLimit": 2,
        "selector": {"matchLabels": selector(envoys.owner)},
        "strategy": _one_after_the_other(envoys),
        "template": template,
    }
    # Whoever scales owns the number; to say one as well would take it back with every change.
    return spec if asked.autoscaling else spec | {"replicas": REPLICAS if asked.replicas is None else asked.replicas}


def _daemon_set(envoys: Envoys, template: Document) -> Document:
    return {
        "revisionHistoryLimit": 2,
        "selector": {"matchLabels": selector(envoys.owner)},
        "updateStrategy": _one_after_the_other(envoys),
        "template": template,
    }


def _one_after_the_other(envoys: Envoys) -> Document:
    """Replace a pod once the new one is ready, so that a single node too has no gap.

    A new pod cannot open what an old one on its node has open: there, one goes before one comes.
    """
    takes_ports = on_host_network(envoys.spec) or on_host_ports(envoys.spec)
    limits = {"maxSurge": 0, "maxUnavailable": 1} if takes_ports else {"maxSurge": 1, "maxUnavailable": 0}
    return {"type": "RollingUpdate", "rollingUpdate": limits}


def _budget(envoys: Envoys) -> Document | None:
    asked = envoys.spec.workload
    if asked.disruption_budget is not None:
        limits = plain(asked.disruption_budget)
    elif asked.kind == "Deployment":
        # One at a time, so that whoever empties nodes is never held up for good, not even by a single Envoy.
        limits = {"maxUnavailable": 1}
    else:
        # Emptying a node leaves DaemonSets alone.
        return None
    return {"selector": {"matchLabels": selector(envoys.owner)}, "unhealthyPodEvictionPolicy": "AlwaysAllow", **limits}


def _autoscaler(envoys: Envoys) -> Document | None:
    asked = envoys.spec.workload.autoscaling
    if asked is None:
        return None
    target = {"type": "Utilization", "averageUtilization": asked.target_cpu_utilization_percentage}
    return {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": object_name(envoys.owner)},
        "minReplicas": asked.min_replicas,
        "maxReplicas": asked.max_replicas,
        "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
    }
