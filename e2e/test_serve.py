"""`xdsserver serve` on a real API server: what is applied is served, and its status says so."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from e2e.redirecting import redirecting, redirects
from e2e.serving import serving

if TYPE_CHECKING:
    from pathlib import Path

    from e2e.conftest import Cluster

POOL = "127.0.0.61-127.0.0.70"
PORT = 18640
NAMESPACE = "serve"

LOST = f"""
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: lost, namespace: {NAMESPACE}}}
spec:
  parentRefs: [{{name: edge}}]
  rules: [{{matches: [{{path: {{value: /lost}}}}], backendRefs: [{{name: nobody, port: 80}}]}}]
"""


def condition(of: dict[str, Any], type_: str) -> tuple[str, str]:
    return next((one["status"], one["reason"]) for one in of["conditions"] if one["type"] == type_)


async def event_of(name: str, reason: str, cluster: Cluster) -> None:
    """Wait for an Event of an object."""
    async with asyncio.timeout(20):
        while True:
            found = await asyncio.to_thread(cluster.run, "-n", NAMESPACE, "get", "events", "-o", "json")
            if any(
                (one["involvedObject"]["name"], one["reason"]) == (name, reason)
                for one in json.loads(found.stdout)["items"]
            ):
                return
            await asyncio.sleep(0.2)


async def test_what_is_applied_is_served_and_its_status_says_so(cluster: Cluster, tmp_path: Path) -> None:
    """The second server takes over the address that the first one wrote down, and writes nothing that stands there."""
    applied = cluster.run("apply", "-f", "-", stdin=f"{redirecting(NAMESPACE, PORT)}---{LOST}")
    assert applied.returncode == 0, applied.stderr
    addresses, versions = set(), set()
    for turn in range(2):
        options = ("--addresses", POOL, "--envoy", "auto", "--runtime-dir", str(tmp_path / str(turn)))
        async with serving(cluster, *options, "--xds", f"unix:{tmp_path}/xds{turn}.sock") as server:
            await server.notice(f"Gateway {NAMESPACE}/edge", "listener http is served")
            wait = ("wait", "--for=condition=Programmed", "--timeout=30s", "gateway/edge")
            waited = await asyncio.to_thread(cluster.run, "-n", NAMESPACE, *wait)
            assert waited.returncode == 0, waited.stderr
            found = cluster.run("-n", NAMESPACE, "get", "gateway/edge", "httproute/lost", "-o", "json")
            gateway, lost = json.loads(found.stdout)["items"]
            address = gateway["status"]["addresses"][0]["value"]
            assert await redirects(address, PORT)
            assert gateway["status"]["listeners"][0]["attachedRoutes"] == 2
            assert condition(lost["status"]["parents"][0], "ResolvedRefs") == ("False", "BackendNotFound")
            await event_of("edge", "Programmed", cluster)
            addresses.add(address)
            versions.add(gateway["metadata"]["resourceVersion"])
    assert len(addresses) == 1
    assert len(versions) == 1
    assert cluster.run("delete", "namespace", NAMESPACE).returncode == 0
