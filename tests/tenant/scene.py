"""A cluster in memory and an operator beside it, in virtual time."""

from __future__ import annotations

import asyncio
import traceback
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from tests.objects.documents import tenant
from tests.tenant.simulated import Simulated
from xdsserver.app.census import tenants_measured
from xdsserver.app.operator import Operator, OperatorSurroundings
from xdsserver.kube.executor import Clock, ExecutorOptions
from xdsserver.objects.meta import Name, ObjectKey
from xdsserver.objects.validation import validate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from xdsserver.effects.events import Happening

NAMESPACE = "storage"
START = datetime(2026, 1, 1, tzinfo=UTC)
CREDENTIALS = {"accesskey": "operator-key", "secretkey": "operator-secret"}


def defaulted(document: dict[str, Any]) -> dict[str, Any]:
    """Give a Tenant as an API server stores it."""
    checked = validate(document)
    assert checked.errors == ()
    assert checked.document is not None
    return checked.document | {"metadata": dict(document["metadata"])}


def a_tenant(**spec: Any) -> dict[str, Any]:  # noqa: ANN401
    return defaulted(tenant(**({"credsSecret": {"name": "root"}} | spec)))


def a_pool(name: str = "pool-0", servers: int = 2, volumes: int = 2, **parts: Any) -> dict[str, Any]:  # noqa: ANN401
    persistence = {"volumesPerServer": volumes} | parts.pop("persistence", {})
    return {"name": name, "servers": servers, "persistence": persistence, **parts}


def a_secret(name: str = "root", **values: str) -> dict[str, Any]:
    found = values or CREDENTIALS
    metadata = {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": dict(found)}


def key(kind: str, name: str) -> ObjectKey:
    return ObjectKey(kind, "" if kind in {"Node", "StorageClass"} else NAMESPACE, name)


TENANT = key("Tenant", "data")
SET = key("StatefulSet", "data-pool-0")


@dataclass
class Scene:
    """What a test looks at."""

    cluster: Simulated
    operator: Operator
    happened: list[Happening] = field(default_factory=list)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    async def settle(self, seconds: float = 30.0) -> None:
        """Let so much time go by."""
        await asyncio.sleep(seconds)

    @property
    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = self.cluster.objects[TENANT].get("status", {})
        return found

    def condition(self, type_: str) -> tuple[str, str, str]:
        """Give status, reason and message of a condition."""
        (one,) = [one for one in self.status["conditions"] if one["type"] == type_]
        return one["status"], one["reason"], one["message"]

    def verdicts(self) -> dict[str, tuple[str, str]]:
        return {one["type"]: (one["status"], one["reason"]) for one in self.status["conditions"]}

    def writes(self, kind: str = "") -> list[tuple[str, ObjectKey]]:
        return [one for one in self.cluster.writes if not kind or one[1].kind == kind]

    def forget_writes(self) -> None:
        self.cluster.writes.clear()

    def container(self, set_: ObjectKey = SET) -> dict[str, Any]:
        found: dict[str, Any] = self.cluster.objects[set_]["spec"]["template"]["spec"]["containers"][0]
        return found

    def variables(self, set_: ObjectKey = SET) -> dict[str, Any]:
        return {one["name"]: one.get("value", one.get("valueFrom")) for one in self.container(set_)["env"]}

    def change(self, **spec: object) -> None:
        """Change the spec of the Tenant, as its user."""
        self.cluster.edit(TENANT, lambda document: document["spec"].update(spec))

    def scraped(self) -> dict[str, dict[str, float]]:
        """Give what a scrape says that is not 0: of each metric the values by those of its labels, joined by commas."""
        text = generate_latest(self.registry).decode()
        found: dict[str, dict[str, float]] = {}
        for one in (sample for family in text_string_to_metric_families(text) for sample in family.samples):
            if one.value and not one.name.endswith(("_bucket", "_created")):
                found.setdefault(one.name, {})[",".join(one.labels.values())] = one.value
        return found

    def notes(self) -> list[str]:
        return [one.reason for one in self.happened]


def clock() -> Clock:
    """Give a clock that goes with the loop."""
    loop = asyncio.get_running_loop()
    begun_s = loop.time()
    return Clock(loop.time, lambda: START + timedelta(seconds=loop.time() - begun_s), asyncio.sleep, lambda: 0.5)


@asynccontextmanager
async def operating(cluster: Simulated, options: ExecutorOptions | None = None) -> AsyncIterator[Scene]:
    """Run an operator beside a cluster."""
    happened: list[Happening] = []
    registry = CollectorRegistry()
    metrics = tenants_measured(registry, lambda: scene.operator.story, lambda: True)
    faults: list[str] = []
    around = OperatorSurroundings(
        cluster,
        lambda: True,
        happened.append,
        failed=lambda row, fault: faults.append(f"{row}: {''.join(traceback.format_exception(fault))}"),
        reconciled=metrics.reconciled,
        requeued=metrics.requeued,
        clock=clock(),
        options=options or ExecutorOptions(),
    )
    scene = Scene(cluster, Operator(around), happened, registry)
    cluster.tell = None
    cluster.flush()
    scene.operator.take(*cluster.listed())
    cluster.tell = scene.operator.take
    running = asyncio.create_task(scene.operator.run())
    try:
        yield scene
    finally:
        cluster.tell = None
        running.cancel()
        await asyncio.wait([running])
    assert "\n".join(faults) == ""


def world(*documents: dict[str, Any]) -> Simulated:
    """Give a cluster with these objects, in which volumes may grow."""
    cluster = Simulated()
    standard: dict[str, Any] = {"kind": "StorageClass", "metadata": {"name": "standard"}, "allowVolumeExpansion": True}
    node: dict[str, Any] = {"kind": "Node", "metadata": {"name": "n1"}, "spec": {}}
    ready = [{"type": "Ready", "status": "True", "lastTransitionTime": "2025-12-31T00:00:00Z"}]
    for one in (standard, node | {"status": {"conditions": ready}}, *documents):
        cluster.put(one)
    return cluster


def name() -> Name:
    return Name(NAMESPACE, "data")
