"""Gateways that get Services of their own, on a real API server: made, given an address, followed, and gone again."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from e2e.serving import serving
from tests.cli.run import xdsserver

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from e2e.conftest import Cluster

NAMESPACE = "exposure"
FLEETS = "exposure-fleets"
WITHIN_S = 60.0

WORLD = f"""
apiVersion: v1
kind: Namespace
metadata: {{name: {NAMESPACE}}}
---
apiVersion: v1
kind: Namespace
metadata: {{name: {FLEETS}}}
---
apiVersion: gateway.xdsserver.io/v1alpha1
kind: EnvoyFleet
metadata: {{name: edge, namespace: {FLEETS}}}
spec: {{}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {{name: exposed}}
spec:
  controllerName: gateway.xdsserver.io/controller
  parametersRef: {{group: gateway.xdsserver.io, kind: EnvoyFleet, namespace: {FLEETS}, name: edge}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: edge, namespace: {NAMESPACE}}}
spec:
  gatewayClassName: exposed
  infrastructure: {{labels: {{team: shop}}}}
  listeners: [{{name: http, port: 80, protocol: HTTP}}]
"""

PODS = f"""
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: fleet-edge-one
  namespace: {FLEETS}
  labels: {{kubernetes.io/service-name: fleet-edge, endpointslice.kubernetes.io/managed-by: test}}
addressType: IPv4
ports: [{{name: probes, port: 19001, protocol: TCP}}]
endpoints: [{{addresses: [10.1.2.3], conditions: {{ready: true, serving: true, terminating: false}}}}]
"""


def applied(cluster: Cluster, manifest: str) -> None:
    done = cluster.run("apply", "--server-side", "-f", "-", stdin=manifest)
    assert done.returncode == 0, done.stderr


async def read(
    cluster: Cluster, what: str, good: Callable[[dict[str, Any]], object], namespace: str = NAMESPACE
) -> dict[str, Any]:
    """Wait until an object is there and good, and give it."""
    found: dict[str, Any] = {}
    async with asyncio.timeout(WITHIN_S):
        while True:
            done = await asyncio.to_thread(cluster.run, "-n", namespace, "get", what, "-o", "json")
            found = json.loads(done.stdout) if done.returncode == 0 else {}
            if found and good(found):
                return found
            await asyncio.sleep(0.2)


async def gone(cluster: Cluster, *what: str) -> None:
    """Wait until what a Gateway owns was collected."""
    wait = ("-n", NAMESPACE, "wait", "--for=delete", f"--timeout={WITHIN_S:.0f}s", *what)
    done = await asyncio.to_thread(cluster.run, *wait)
    assert done.returncode == 0, done.stderr


def addresses(of: dict[str, Any]) -> list[str]:
    return [one["value"] for one in of["status"].get("addresses", ())]


async def test_a_gateway_gets_a_service_whose_address_is_its_own(cluster: Cluster, tmp_path: Path) -> None:
    """Its endpoints are the pods of the fleet on the port that is written down; a second run writes none of it anew."""
    applied(cluster, xdsserver("crds").out)
    established = ("wait", "--for=condition=Established", "crd/envoyfleets.gateway.xdsserver.io", "--timeout=30s")
    assert cluster.run(*established).returncode == 0
    applied(cluster, WORLD)
    service, slice_ = "service/gateway-edge", "endpointslice/gateway-edge-fleet-edge-one"
    versions, targets = set(), set()
    for turn in range(2):
        async with serving(cluster, "--addresses", "127.0.0.71", "--xds", f"unix:{tmp_path}/xds{turn}.sock") as server:
            await server.notice("Lease", "this server leads")
            made = await read(cluster, service, lambda one: one["status"].get("loadBalancer", {}).get("ingress"))
            applied(cluster, PODS)
            mirrored = await read(cluster, slice_, lambda one: one["endpoints"])
            ingress = [one["ip"] for one in made["status"]["loadBalancer"]["ingress"]]
            gateway = await read(cluster, "gateway/edge", addresses)
            assert addresses(gateway) == ingress
            assert made["metadata"]["labels"]["team"] == "shop"
            (port,) = made["spec"]["ports"]
            assert (made["spec"]["type"], port["port"]) == ("LoadBalancer", 80)
            assert [one["port"] for one in mirrored["ports"]] == [port["targetPort"]]
            assert mirrored["endpoints"][0]["addresses"] == ["10.1.2.3"]
            await read(cluster, "service/fleet-edge", lambda one: one["spec"]["clusterIP"] == "None", FLEETS)
            versions.add(made["metadata"]["resourceVersion"])
            targets.add(port["targetPort"])
            if turn:
                assert cluster.run("-n", NAMESPACE, "delete", "gateway/edge").returncode == 0
                await gone(cluster, service, slice_)
    assert len(targets) == 1
    assert len(versions) == 1
    assert cluster.run("delete", "namespace", NAMESPACE, FLEETS).returncode == 0
    assert cluster.run("delete", "gatewayclass", "exposed").returncode == 0
