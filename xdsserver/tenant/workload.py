"""A pool as a StatefulSet, and the budget that keeps whoever empties nodes from taking two servers at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from xdsserver.objects.structural import plain
from xdsserver.tenant.encryption import certificates
from xdsserver.tenant.environment import environment
from xdsserver.tenant.logs import logs
from xdsserver.tenant.names import (
    CONSOLE_PORT,
    S3_PORT,
    headless_service,
    metadata,
    pool_labels,
    pool_selector,
    service_account,
    stateful_set,
)
from xdsserver.tenant.rendering import Rendering
from xdsserver.tenant.security import container_security, pod_security
from xdsserver.tenant.volumes import claim_templates, mounts

if TYPE_CHECKING:
    from xdsserver.objects.tenant import Tenant
    from xdsserver.objects.tenantpools import Pool

IMAGE: Final = "rustfs/rustfs:latest"
CREDENTIALS_MARK: Final = "tenant.xdsserver.io/credentials"
"""The annotation of pods by which they are replaced when their credentials are others."""

_MANAGEMENT: Final = "Parallel"
"""All servers of a cluster are needed before any of them is ready."""


@dataclass(frozen=True, slots=True)
class Making:
    """What decides of pods besides the Tenant: the image of those that name none, and the mark of the credentials."""

    image: str = IMAGE
    credentials: str = ""


def management(tenant: Tenant) -> str:
    """Give the podManagementPolicy."""
    return tenant.spec.pod_management_policy or _MANAGEMENT


def claims(tenant: Tenant, pool: Pool) -> list[dict[str, Any]]:
    """Give all volumeClaimTemplates of a pool: those of its data, and that of its logs."""
    return [*claim_templates(tenant, pool), *logs(tenant, pool).claims]


def workload(tenant: Tenant, pool: Pool, template: dict[str, Any], templates: list[dict[str, Any]]) -> dict[str, Any]:
    """Give the StatefulSet of a pool, around the template of its pods and those of its volumes."""
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": metadata(tenant, stateful_set(tenant, pool), pool_labels(tenant, pool)),
        "spec": {
            "replicas": pool.servers,
            "serviceName": headless_service(tenant),
            "podManagementPolicy": management(tenant),
            "selector": {"matchLabels": pool_selector(tenant, pool)},
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
            # Volumes hold what nobody can make anew: no deletion takes them along.
            "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
            "template": template,
            "volumeClaimTemplates": templates,
        },
    }


def budget(tenant: Tenant, pool: Pool) -> dict[str, Any]:
    """Give the PodDisruptionBudget of a pool; erasure coding bears the loss of one server."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata(tenant, stateful_set(tenant, pool), pool_labels(tenant, pool)),
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": pool_selector(tenant, pool)},
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }


def pod_template(tenant: Tenant, pool: Pool, rendering: Rendering, making: Making) -> dict[str, Any]:
    """Give the template of the pods of a pool."""
    ours = rendering is Rendering.OURS
    kms_volumes, _ = certificates(tenant.spec)
    marks: dict[str, Any] = {"labels": pool_labels(tenant, pool)}
    if ours and making.credentials:
        marks["annotations"] = {CREDENTIALS_MARK: making.credentials}
    spec: dict[str, Any] = {
        "serviceAccountName": service_account(tenant),
        "securityContext": pod_security(tenant, pool, rendering),
        "containers": [_container(tenant, pool, rendering, making)],
        **_given("volumes", [*logs(tenant, pool).volumes, *kms_volumes]),
        **_given("schedulerName", tenant.spec.scheduler),
        **_given("priorityClassName", pool.priority_class_name or tenant.spec.priority_class_name),
        **_scheduling(pool),
    }
    if ours:
        secret = tenant.spec.image_pull_secret
        if secret is not None and secret.name:
            spec["imagePullSecrets"] = [{"name": secret.name}]
        if not tenant.spec.service_account_name:
            spec["automountServiceAccountToken"] = False
    return {"metadata": marks, "spec": spec}


def _container(tenant: Tenant, pool: Pool, rendering: Rendering, making: Making) -> dict[str, Any]:
    spec = tenant.spec
    _, kms_mounts = certificates(spec)
    found: dict[str, Any] = {
        "name": "rustfs",
        "image": spec.image or making.image,
        "ports": [
            {"name": "http", "containerPort": S3_PORT, "protocol": "TCP"},
            {"name": "console", "containerPort": CONSOLE_PORT, "protocol": "TCP"},
        ],
        "env": environment(tenant, pool, rendering),
        "volumeMounts": [*mounts(tenant, pool, rendering), *logs(tenant, pool).mounts, *kms_mounts],
        **_given("resources", plain(pool.resources) if pool.resources is not None else None),
        **_given("lifecycle", dict(spec.lifecycle) if spec.lifecycle else None),
        **_given("imagePullPolicy", spec.image_pull_policy),
    }
    return found if rendering is Rendering.REFERENCE else found | _watched() | _confined(tenant, pool)


def _watched() -> dict[str, Any]:
    """Give the probes: a server that formats large volumes has ten minutes before it is started anew."""
    return {
        "startupProbe": _probe("/health", periodSeconds=5, failureThreshold=120),
        "livenessProbe": _probe("/health", periodSeconds=10, failureThreshold=6),
        "readinessProbe": _probe("/health/ready", periodSeconds=5, failureThreshold=3),
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }


def _probe(path: str, **bounds: int) -> dict[str, Any]:
    return {"httpGet": {"path": path, "port": S3_PORT, "scheme": "HTTP"}, "timeoutSeconds": 5, **bounds}


def _confined(tenant: Tenant, pool: Pool) -> dict[str, Any]:
    return {"securityContext": container_security(tenant, pool)}


def _scheduling(pool: Pool) -> dict[str, Any]:
    return {
        **_given("nodeSelector", dict(pool.node_selector)),
        **_given("affinity", plain(pool.affinity) if pool.affinity is not None else None),
        **_given("tolerations", [plain(one) for one in pool.tolerations]),
        **_given("topologySpreadConstraints", [plain(one) for one in pool.topology_spread_constraints]),
    }


def _given(name: str, value: object) -> dict[str, Any]:
    return {name: value} if value else {}
