"""Addresses of Gateways on a real API server: their scope in statuses, and the Service that leads pods to them."""

from __future__ import annotations

import asyncio
import ipaddress
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
INSIDE = {"type": "IPAddress", "routability": "Cluster"}
NO_SERVICE = "192.0.2.77"
# By name, what each Gateway asks for.
ASKING: dict[str, list[dict[str, Any]]] = {
    "any": [],
    "sentinel": [{"type": "IPAddress", "routability": SENTINEL}],
    "unknown": [{"type": "IPAddress", "routability": "example.com/elsewhere"}],
    "inside": [INSIDE],
    "both": [INSIDE, {"type": "IPAddress"}],
    "outside": [INSIDE | {"value": NO_SERVICE}],
    "partly": [{"type": "IPAddress"}, INSIDE | {"value": NO_SERVICE}],
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
        # What we do not have: nothing of another scope instead.
        for name in ("unknown", "outside"):
            found = await until(cluster, f"gateway/{name}", says("NotAssigned"))
            assert not found["status"].get("addresses")
            assert conditions(found["status"])["Programmed"] == ("False", "AddressNotAssigned")
        found = await until(cluster, "gateway/partly", says("PartiallyAssigned"))
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


@pytest.mark.usefixtures("gateways")
async def test_addresses_of_the_cluster_are_those_of_services_and_outlive_the_server(
    cluster: Cluster, tmp_path: Path
) -> None:
    """GEP-5093: a ClusterIP out of the networks of Services, that answers in the cluster, and nothing in its stead."""

    def told(one: dict[str, Any]) -> dict[str, str]:
        return {each["routability"]: each["value"] for each in one.get("status", {}).get("addresses", ())}

    def all_of(scopes: set[str]) -> Callable[[dict[str, Any]], bool]:
        return lambda one: (
            set(told(one)) == scopes
            and (of := conditions(one["status"]))["AddressesAssigned"] == ("True", "AddressesAssigned")
            and of["Programmed"] == ("True", "Programmed")
        )

    options = ("--addresses", POOL, "--envoy", "auto", "--runtime-dir", str(tmp_path), "--xds", f"unix:{tmp_path}/x")
    networks = [ipaddress.ip_network(one) for one in service_networks(cluster)]
    async with serving(cluster, *options):
        found = await until(cluster, "gateway/inside", all_of({"Cluster"}))
        inside = told(found)["Cluster"]
        assert any(ipaddress.ip_address(inside) in one for one in networks)
        assert b"404" in await answer(inside)
        both = await until(cluster, "gateway/both", all_of({"Cluster", ""}))
        for address in told(both).values():
            assert b"404" in await answer(address)
        claimed = await until(cluster, "gatewayclass/xdsserver", lambda one: bool(one.get("status")))
        features = {one["name"] for one in claimed["status"]["supportedFeatures"]}
        assert {"GatewayAddressRoutability", "GatewayAddressRoutabilityCluster"} <= features

        # One that nobody has: that of a Service that is gone again.
        service = json.loads(cluster.run("-n", NAMESPACE, "create", "-f", "-", "-o", "json", stdin=SPARE).stdout)
        value = service["spec"]["clusterIP"]
        cluster.run("-n", NAMESPACE, "delete", "service/spare", "--wait=true")
        cluster.run("apply", "--filename=-", stdin=json.dumps(gateway("named", [INSIDE | {"value": value}])))
        named = await until(cluster, "gateway/named", all_of({"Cluster"}))
        assert told(named)["Cluster"] == value
        assert b"404" in await answer(value)
        # It is that of a Gateway now, and no other one's.
        cluster.run("apply", "--filename=-", stdin=json.dumps(gateway("late", [INSIDE | {"value": value}])))
        late = await until(cluster, "gateway/late", lambda one: "AddressesAssigned" in conditions(one["status"]))
        assert conditions(late["status"])["AddressesAssigned"] == ("False", "NotAssigned")

    def bound() -> dict[str, str]:
        at = ("-n", NAMESPACE, "get", "service/gateway-inside", "--output=json")
        return dict(json.loads(cluster.run(*at).stdout)["metadata"]["annotations"])

    before = bound()
    async with serving(cluster, *options):
        again = await until(cluster, "gateway/inside", all_of({"Cluster"}))
        assert told(again)["Cluster"] == inside
        assert b"404" in await answer(inside)
        assert bound()["gateway.xdsserver.io/address"] == before["gateway.xdsserver.io/address"]


SPARE = json.dumps(
    {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "spare"},
        "spec": {"ports": [{"port": 1}]},
    }
)


def service_networks(cluster: Cluster) -> list[str]:
    """Give the networks out of which this cluster gives Services addresses."""
    found = json.loads(cluster.run("get", "servicecidrs", "--output=json").stdout)
    return [cidr for one in found["items"] for cidr in one["spec"]["cidrs"]]


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
