"""Where RustFS writes its logs: the container's output, files that go with the pod, or a volume."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from xdsserver.tenant.names import pool_labels
from xdsserver.tenant.variables import text

if TYPE_CHECKING:
    from xdsserver.objects.tenant import Tenant
    from xdsserver.objects.tenantpools import Pool
    from xdsserver.tenant.variables import Variable

_VOLUME: Final = "logs"
_PATH: Final = "/logs"
_SIZE: Final = "5Gi"


@dataclass(frozen=True, slots=True)
class Logs:
    """What files of logs need of a pod."""

    mounts: list[dict[str, Any]] = field(default_factory=list)
    volumes: list[dict[str, Any]] = field(default_factory=list)
    claims: list[dict[str, Any]] = field(default_factory=list)
    variables: list[Variable] = field(default_factory=list)
    """By which RustFS learns of it; the operator before us made the volume, and did not tell."""


def logs(tenant: Tenant, pool: Pool) -> Logs:
    """Give what the logs of a pool need; nothing where they go to the container's output."""
    asked = tenant.spec.logging
    if asked is None or asked.mode == "stdout":
        return Logs()
    path = asked.mount_path or _PATH
    mounts = [{"name": _VOLUME, "mountPath": path}]
    variables = [text("RUSTFS_OBS_LOG_DIRECTORY", path)]
    # `emptyDir` as its documentation wrote it, `emptydir` as its schema took it.
    if asked.mode.lower() == "emptydir":
        return Logs(mounts, [{"name": _VOLUME, "emptyDir": {}}], variables=variables)
    spec: dict[str, Any] = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": asked.storage_size or _SIZE}},
    }
    if asked.storage_class:
        spec["storageClassName"] = asked.storage_class
    claim = {"metadata": {"name": _VOLUME, "labels": pool_labels(tenant, pool)}, "spec": spec}
    return Logs(mounts, claims=[claim], variables=variables)
