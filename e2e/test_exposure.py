"""Gateways that get Services of their own, on a real API server: made, given an address, followed, and gone again."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import aiohttp

from e2e.images import ENVOY, load_images
from e2e.roles import as_our_account
from e2e.serving import serving
from e2e.test_fleets import WORLD as FLEET_WORLD
from e2e.test_fleets import answer
from tests.cli.run import xdsserver
from xdsserver.model.fleets import SERVICE_PORTS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from e2e.conftest import Cluster

NAMESPACE = "exposure"
FLEETS = "exposure-fleets"
NODE = "10.244.0.1"
XDS_PORT = 18674
HOST_PORT = 18675
WITHIN_S = 60.0

BACKEND_OBJECTS = [one for one in FLEET_WORLD if one["metadata"]["name"] == "backend"]

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


async def reached(address: str) -> tuple[int, str]:
    """Ask through the Gateway; that the way of the cluster to its pods is there too is told to nobody."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            try:
                async with asyncio.timeout(5):
                    return await answer(address, HOST_PORT)
            except (aiohttp.ClientConnectionError, TimeoutError):
                await asyncio.sleep(0.2)


def shared_fleet(name: str, exposure: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    """Give an EnvoyFleet, its class, and a Gateway elsewhere with a route to the backend."""
    resources = {"requests": {"cpu": "20m", "memory": "64Mi"}, "limits": {"memory": "512Mi", "cpu": 1}}
    counted = {"replicas": 1} if kind == "Deployment" else {}
    parameters = {"group": "gateway.xdsserver.io", "kind": "EnvoyFleet", "name": name, "namespace": FLEETS}
    return [
        {
            "apiVersion": "gateway.xdsserver.io/v1alpha1",
            "kind": "EnvoyFleet",
            "metadata": {"name": name, "namespace": FLEETS},
            "spec": {"exposure": exposure, "workload": {"kind": kind, "resources": resources, **counted}},
        },
        {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "GatewayClass",
            "metadata": {"name": f"exposed-{name}"},
            "spec": {"controllerName": "gateway.xdsserver.io/controller", "parametersRef": parameters},
        },
        {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "Gateway",
            "metadata": {"name": name, "namespace": NAMESPACE},
            "spec": {
                "gatewayClassName": f"exposed-{name}",
                "listeners": [{"name": "http", "port": HOST_PORT, "protocol": "HTTP"}],
            },
        },
        {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "HTTPRoute",
            "metadata": {"name": name, "namespace": NAMESPACE},
            "spec": {"parentRefs": [{"name": name}], "rules": [{"backendRefs": [{"name": "backend", "port": 80}]}]},
        },
    ]


async def test_clients_get_to_pods_of_a_shared_fleet_by_a_service_and_by_ports_of_nodes(
    cluster: Cluster, tmp_path: Path
) -> None:
    """Both from outside of the cluster; the Gateways are in another namespace than the Envoys."""
    load_images()
    applied(cluster, xdsserver("crds").out)
    established = ("wait", "--for=condition=Established", "crd/envoyfleets.gateway.xdsserver.io", "--timeout=30s")
    assert cluster.run(*established).returncode == 0
    namespaces = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in (NAMESPACE, FLEETS)]
    applied(cluster, json.dumps({"apiVersion": "v1", "kind": "List", "items": namespaces}))
    # No pod is taken before its namespace has this.
    account = ("-n", NAMESPACE, "wait", "--for=create", "serviceaccount/default", "--timeout=60s")
    assert cluster.run(*account).returncode == 0
    items = [
        *(one | {"metadata": one["metadata"] | {"namespace": NAMESPACE}} for one in BACKEND_OBJECTS),
        *shared_fleet("balanced", {"type": "Service"}, "Deployment"),
        *shared_fleet("nodes", {"type": "HostPort", "hostPorts": [HOST_PORT]}, "DaemonSet"),
    ]
    applied(cluster, json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
    doors = ("--xds", f"unix:{tmp_path}/xds.sock", "--xds-tls", f"{NODE}:{XDS_PORT}")
    envoys = ("--envoys-xds", f"{NODE}:{XDS_PORT}", "--envoys-image", ENVOY)
    async with serving(as_our_account(cluster, tmp_path), *doors, *envoys) as server:
        wait = ("-n", NAMESPACE, "wait", "--for=condition=Programmed", "gateway/balanced", "gateway/nodes")
        waited = await asyncio.to_thread(cluster.run, *wait, f"--timeout={2 * WITHIN_S:.0f}s")
        assert waited.returncode == 0, waited.stderr
        for name in ("balanced", "nodes"):
            (address,) = addresses(await read(cluster, f"gateway/{name}", addresses))
            assert await reached(address) == (200, "backend")
        service = await read(cluster, "service/gateway-balanced", lambda one: one["spec"]["ports"])
        assert service["spec"]["ports"][0]["targetPort"] in SERVICE_PORTS
        assert "selector" not in service["spec"]
    assert [one for one in server.notices if "cannot be written" in one["message"] or "may not" in one["message"]] == []
    for what in ("namespace/" + NAMESPACE, "namespace/" + FLEETS):
        assert cluster.run("delete", what, "--wait=false").returncode == 0
    assert cluster.run("delete", "gatewayclass", "exposed-balanced", "exposed-nodes").returncode == 0
