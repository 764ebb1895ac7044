"""The pod of an Envoy: no rights at the API server, none on its node, and ready once it has all of its configuration.

There is no liveness probe. An Envoy that cannot reach our server serves on with what it has, and to start it anew would
take that away too; one that hangs ends itself (its own watchdog).
"""

from __future__ import annotations

from fractions import Fraction
from hashlib import sha256
from math import ceil
from typing import TYPE_CHECKING, Any, Final

from xdsserver.infrastructure.dataplane import ADMIN_SOCKET, CERTIFICATE_DIR, CONFIG_DIR, PROBES_PORT, RUN_DIR
from xdsserver.infrastructure.identity import certificate_name, labels, object_name, selector
from xdsserver.infrastructure.stopping import FINISHING_S, SERVE_ON_S
from xdsserver.model.fleets import container_ports
from xdsserver.objects.quantities import amount
from xdsserver.objects.structural import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xdsserver.infrastructure.dataplane import DataPlane, Envoys
    from xdsserver.objects.envoyfleet import EnvoyFleetSpec, Workload

BOOTSTRAP_FILE: Final = "bootstrap.yaml"
STOP_FILE: Final = "stop.pl"
BOOTSTRAP_HASH: Final = "gateway.xdsserver.io/bootstrap"
"""The annotation by which pods are replaced when what they are started with is another."""

_USER: Final = 65532
_REQUESTS: Final = {"cpu": "100m", "memory": "128Mi"}
"""Where the user asks for nothing: what an Envoy needs that serves a small site. Autoscaling needs a number too."""

_HEAP_SHARE: Final = Fraction(9, 10)
"""Of the memory limit: the rest is for threads, code and what is counted late."""


def max_heap_bytes(workload: Workload) -> int | None:
    """Say how much memory an Envoy may fill before it guards itself; None without a limit."""
    limit = amount(workload.resources.limits.get("memory", ""))
    return None if limit is None or limit <= 0 else int(limit * _HEAP_SHARE)


def on_host_network(spec: EnvoyFleetSpec) -> bool:
    """Say whether Envoys open addresses of their nodes, for which they must be in the nodes' network."""
    return spec.exposure.type == "AddressPool"


def on_host_ports(spec: EnvoyFleetSpec) -> bool:
    """Say whether nodes publish ports of their Envoys, which one pod of a node has at a time."""
    return spec.exposure.type == "HostPort"


def pod_template(envoys: Envoys, plane: DataPlane, config: Mapping[str, str]) -> dict[str, Any]:
    """Give the template of the pods; `config` is the data of the ConfigMap that they mount."""
    workload = envoys.spec.workload
    digest = sha256("\0".join(part for pair in sorted(config.items()) for part in pair).encode()).hexdigest()
    metadata = {
        "labels": dict(workload.pod_labels) | labels(envoys),
        "annotations": dict(workload.pod_annotations) | dict(envoys.annotations) | {BOOTSTRAP_HASH: digest[:32]},
    }
    name = object_name(envoys.owner)
    spec = {
        "serviceAccountName": name,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": workload.termination_grace_period_seconds,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "fsGroup": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(envoys, plane)],
        "volumes": [
            {"name": "config", "configMap": {"name": name}},
            # Readable for the group alone, which is that of the process.
            {"name": "certificate", "secret": {"secretName": certificate_name(envoys.owner), "defaultMode": 0o440}},
            {"name": "run", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}},
        ],
        **_scheduling(envoys),
    }
    if on_host_network(envoys.spec):
        # Names of the cluster would not be known to a pod that asks the name servers of its node.
        spec |= {"hostNetwork": True, "dnsPolicy": "ClusterFirstWithHostNet"}
    return {"metadata": metadata, "spec": spec}


def _container(envoys: Envoys, plane: DataPlane) -> dict[str, Any]:
    workload = envoys.spec.workload
    deadline_s = max(SERVE_ON_S, workload.termination_grace_period_seconds - FINISHING_S)
    stop = ["perl", f"{CONFIG_DIR}/{STOP_FILE}", ADMIN_SOCKET, str(SERVE_ON_S), str(deadline_s)]
    return {
        "name": "envoy",
        "image": workload.image or plane.image,
        "command": ["envoy"],
        "args": [
            "--config-path",
            f"{CONFIG_DIR}/{BOOTSTRAP_FILE}",
            "--service-node",
            "$(POD_NAME)",
            # There is no second Envoy in the pod that could take over its sockets.
            "--disable-hot-restart",
            *_concurrency(workload),
        ],
        "env": [{"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
        "ports": [{"name": "probes", "containerPort": PROBES_PORT, "protocol": "TCP"}, *_host_ports(envoys.spec)],
        # Envoy opens no port at all, this one included, before it has its first configuration.
        "readinessProbe": {"httpGet": {"path": "/ready", "port": "probes"}, "periodSeconds": 2, "timeoutSeconds": 2},
        "lifecycle": {"preStop": {"exec": {"command": stop}}},
        "resources": _resources(workload),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "privileged": False,
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
        },
        "volumeMounts": [
            {"name": "config", "mountPath": CONFIG_DIR, "readOnly": True},
            {"name": "certificate", "mountPath": CERTIFICATE_DIR, "readOnly": True},
            {"name": "run", "mountPath": RUN_DIR},
        ],
    }


def _concurrency(workload: Workload) -> tuple[str, ...]:
    """Give as many threads as processors may be used; without a limit Envoy takes all that there are."""
    limit = amount(workload.resources.limits.get("cpu", ""))
    return () if limit is None or limit <= 0 else ("--concurrency", str(ceil(limit)))


def _host_ports(spec: EnvoyFleetSpec) -> list[dict[str, Any]]:
    if not on_host_ports(spec):
        return []
    return [
        {"containerPort": inside, "hostPort": port, "protocol": protocol}
        for port, inside in container_ports(spec.exposure.host_ports).items()
        for protocol in ("TCP", "UDP")
    ]


def _resources(workload: Workload) -> dict[str, Any]:
    asked: dict[str, Any] = plain(workload.resources)
    # A limit alone asks for as much, which Kubernetes fills in: then there is nothing to add.
    limits, requests = asked.get("limits", {}), asked.get("requests", {})
    defaults = {name: value for name, value in _REQUESTS.items() if name not in limits}
    return asked | {"requests": defaults | requests}


def _scheduling(envoys: Envoys) -> dict[str, Any]:
    workload = envoys.spec.workload
    spread: list[dict[str, Any]] = [
        {"labelSelector": {"matchLabels": selector(envoys.owner)}} | plain(one)
        for one in workload.topology_spread_constraints
    ]
    if not spread and workload.kind == "Deployment":
        spread = [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": selector(envoys.owner)},
            }
        ]
    parts = {
        "nodeSelector": dict(workload.node_selector),
        "tolerations": [plain(one) for one in workload.tolerations],
        "affinity": None if workload.affinity is None else plain(workload.affinity),
        "topologySpreadConstraints": spread,
        "priorityClassName": workload.priority_class_name,
    }
    return {name: part for name, part in parts.items() if part}
