"""Addresses of Gateways on a real API server: their scope in statuses, and the Service that leads pods to them."""

from __future__ import annotations

import asyncio
import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from e2e.serving import serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from e2e.conftest import Cluster

POOL = "10.250.0.60-10.250.0.69"
NAMESPACE = "addresses"
PORT = 8600
SENTINEL = "testing.x-k8s.io/sentinel"
# By name, what each Gateway asks for.
ASKING: dict[str, list[dict[str, Any]]] = {
    "any": [],
    "sentinel": [{"type": "IPAddress", "routability": SENTINEL}],
    "cluster": [{"type": "IPAddress", "routability": "Cluster"}],
    "both": [{"type": "IPAddress"}, {"type": "IPAddress", "routability": "Cluster"}],
}


def gateway(name: str, addresses: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "gatewayClassName": "xdsserver",
            "listeners": [{"name": "http", "port": PORT, "protocol": "HTTP"}],
            "infrastructure": {"labels": {"team": "payments"}, "annotations": {"example.com/paid-by": "payments"}},
            **({"addresses": addresses} if addresses else {}),
        },
    }


def world() -> str:
    class_ = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "GatewayClass",
        "metadata": {"name": "xdsserver"},
        "spec": {"controllerName": "gateway.xdsserver.io/controller"},
    }
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    gateways = [gateway(name, addresses) for name, addresses in ASKING.items()]
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": [namespace, class_, *gateways]})


def conditions(status: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {one["type"]: (one["status"], one["reason"]) for one in status.get("conditions", ())}


async def until(cluster: Cluster, what: str, true: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Read an object until it is as it should be."""
    found: dict[str, Any] = {}
    try:
        async with asyncio.timeout(60):
            while True:
                answer = await asyncio.to_thread(cluster.run, "-n", NAMESPACE, "get", what, "--output=json")
                found = json.loads(answer.stdout) if answer.returncode == 0 else {}
                if found and true(found):
                    return found
                await asyncio.sleep(0.2)
    except TimeoutError:
        pytest.fail(f"{what} stays {json.dumps(found.get('status', found))}")


@pytest.fixture
def gateways(cluster: Cluster) -> Iterator[None]:
    if not os.environ.get("XDSSERVER_RIG"):
        pytest.skip("no addresses for Gateways: they are those of the rig, and XDSSERVER_RIG is not set")
    applied = cluster.run("apply", "--filename=-", stdin=world())
    assert applied.returncode == 0, applied.stderr
    yield
    cluster.run("delete", "namespace", NAMESPACE, "--wait=true", "--timeout=120s")


@pytest.mark.usefixtures("gateways")
async def test_each_address_tells_its_scope_and_a_service_leads_to_it(cluster: Cluster, tmp_path: Path) -> None:
    options = ("--addresses", POOL, "--envoy", "auto", "--runtime-dir", str(tmp_path), "--xds", f"unix:{tmp_path}/x")
    async with serving(cluster, *options):

        def says(reason: str) -> Callable[[dict[str, Any]], bool]:
            return lambda one: conditions(one.get("status", {})).get("AddressesAssigned", ("", ""))[1] == reason

        for name, scope in (("any", ""), ("sentinel", SENTINEL)):
            found = await until(cluster, f"gateway/{name}", says("AddressesAssigned"))
            (address,) = found["status"]["addresses"]
            assert (address["type"], address["routability"]) == ("IPAddress", scope)
        # The scope that we do not have: nothing of another scope instead.
        found = await until(cluster, "gateway/cluster", says("NotAssigned"))
        assert not found["status"].get("addresses")
        assert conditions(found["status"])["Programmed"] == ("False", "AddressNotAssigned")
        found = await until(cluster, "gateway/both", says("PartiallyAssigned"))
        assert [one["routability"] for one in found["status"]["addresses"]] == [""]

        await until(cluster, "gateway/any", lambda one: conditions(one["status"])["Programmed"][0] == "True")
        service = await until(cluster, "service/gateway-any", lambda one: bool(one["spec"].get("clusterIP")))
        assert service["metadata"]["labels"]["team"] == "payments"
        assert service["metadata"]["annotations"]["example.com/paid-by"] == "payments"
        assert b"404" in await answer(service["spec"]["clusterIP"])
        cluster.run("-n", NAMESPACE, "delete", "gateway/any", "--wait=true")
        async with asyncio.timeout(60):
            # No event tells that the garbage collector has been there.
            while cluster.run("-n", NAMESPACE, "get", "service/gateway-any").returncode == 0:  # noqa: ASYNC110
                await asyncio.sleep(0.2)


async def answer(ip: str) -> bytes:
    """Give the status line of what Envoy answers at a ClusterIP, once the node leads there."""
    async with asyncio.timeout(30):
        while True:
            try:
                reader, writer = await asyncio.open_connection(ip, PORT)
                writer.write(b"GET / HTTP/1.1\r\nhost: a.example\r\nconnection: close\r\n\r\n")
                line = await reader.readline()
                writer.close()
            except OSError:
                line = b""
            if line:
                return line
            await asyncio.sleep(0.2)
