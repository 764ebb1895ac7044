"""Gateways and Tenants in one process are observed at one port."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest_asyncio

from tests.app.told import Told
from tests.ports import free_port
from xdsserver.app.cluster import ServeCluster
from xdsserver.app.tenants import ServeTenants
from xdsserver.observe.metrics import KUBE_FAMILIES
from xdsserver.observe.tenancy import TENANT_FAMILIES
from xdsserver.settings import ClusterSettings, HostPort, TenantSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

KUBECONFIG = """\
apiVersion: v1
kind: Config
current-context: c
contexts: [{{name: c, context: {{cluster: c, user: u}}}}]
clusters: [{{name: c, cluster: {{server: "http://127.0.0.1:{port}"}}}}]
users: [{{name: u, user: {{}}}}]
"""


@asynccontextmanager
async def both(folder: Path) -> AsyncIterator[str]:
    """Run Gateways and Tenants where no API server answers; gives where the process is observed."""
    (folder / "kubeconfig").write_text(KUBECONFIG.format(port=free_port()))
    way = (str(folder / "kubeconfig"), None, "xdsserver-system")
    told, stop = Told(), asyncio.Event()
    doors = (f"unix:{folder}/xds.sock",)
    gateways = ServeCluster(ClusterSettings(*way, pool=(), xds=doors, health=HostPort("127.0.0.1", 0)), told)
    tenants = ServeTenants(TenantSettings(*way, image="rustfs/rustfs:1.0.0"), told, gateways.observation)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(gateways.run(stop))
        tasks.create_task(tenants.run(stop))
        yield (await told.of("/metrics are at")).text.rpartition(" ")[2]
        stop.set()


@pytest_asyncio.fixture
async def server(tmp_path: Path) -> AsyncIterator[str]:
    async with both(tmp_path) as address:
        yield address


async def ask(address: str, path: str) -> tuple[int, Any]:
    async with aiohttp.ClientSession() as session, session.get(f"{address}{path}") as answer:
        return answer.status, await (answer.json() if path != "/metrics" else answer.text())


async def test_probes_say_how_gateways_and_tenants_are(server: str) -> None:
    status, said = await ask(server, "/readyz")
    assert status == 503
    assert said["kinds"]["Gateway"]["standing"] == "waiting for its first list"
    assert said["tenants"]["ready"] is False
    assert said["tenants"]["kinds"]["Tenant"]["standing"] == "waiting for its first list"


async def test_metrics_are_those_of_both_and_each_is_there_once(server: str) -> None:
    _, text = await ask(server, "/metrics")
    for family in (*KUBE_FAMILIES, *TENANT_FAMILIES):
        assert text.count(f"# TYPE {family.name} ") == 1, family.name
    for kind in ("Gateway", "Tenant"):
        assert text.count(f'xdsserver_relists_total{{kind="{kind}"}}') == 1
    assert "xdsserver_leader 0.0" in text
    assert "xdsserver_tenant_leader 0.0" in text
