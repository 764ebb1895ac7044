"""A chart that comes before the Gateway API."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp

from e2e.cluster.outages import on_the_rig
from e2e.cluster.release import SERVERS, WITHIN_S, Release

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from e2e.cluster.shell import Shell


async def test_k8_before_the_gateway_api_is_installed_one_line_says_so(shell: Shell) -> None:
    """K8: in the notes of Helm, in the log and for probes; what is installed later is taken in without a restart."""
    on_the_rig()
    there = Release(shell, 0.0)
    async with without_the_gateway_api(there) as definitions:
        install = "helm install xdsserver deploy/chart/xdsserver --namespace xdsserver-system --create-namespace --wait"
        notes = await there.sh(f"{install} --set envoy.create=false")
        assert "CustomResourceDefinitions of the Gateway API are not installed" in notes
        (pod,) = (await there.get("pods", "--selector", SERVERS))["items"]
        probes = f"http://{pod['status']['podIP']}:8080/readyz"
        assert "Gateway API are not installed" in (await asked(probes))["lacking"]
        await there.apply(*definitions)
        async with asyncio.timeout(WITHIN_S):
            while not taken_in(await asked(probes)):  # noqa: ASYNC110 (another process)
                await asyncio.sleep(0.3)
        log = (await there.kubectl("logs", "deployment/xdsserver")).splitlines()
        told = [line for line in log if "CustomResourceDefinitions of the Gateway API are not installed" in line]
        assert len(told) == 1, told
        upgrade = "helm upgrade xdsserver deploy/chart/xdsserver --namespace xdsserver-system --reuse-values --wait"
        await there.sh(upgrade)
        await there.kubectl("wait", "--for=condition=Accepted", "gatewayclass/xdsserver", f"--timeout={WITHIN_S}s")


@asynccontextmanager
async def without_the_gateway_api(there: Release) -> AsyncIterator[list[dict[str, Any]]]:
    """Take its definitions away for the length of a block, and give them; at the end they are back, and we are gone."""
    kinds = (await there.sh("kubectl get crd --output=name | grep gateway.networking")).split()
    definitions = [without_what_a_server_adds(one) for one in (await there.get(*kinds))["items"]]
    try:
        await there.sh(f"kubectl delete --timeout=120s {' '.join(kinds)}")
        yield definitions
    finally:
        await there.apply(*definitions)
        await there.sh(
            "helm uninstall xdsserver --namespace xdsserver-system || true;"
            "kubectl delete namespace xdsserver-system --ignore-not-found;"
            "kubectl delete -f deploy/crds --ignore-not-found"
        )


def taken_in(answer: dict[str, Any]) -> bool:
    return "lacking" not in answer and answer["kinds"]["HTTPRoute"]["standing"] == "synced"


def without_what_a_server_adds(definition: dict[str, Any]) -> dict[str, Any]:
    metadata = definition["metadata"]
    notes = {key: value for key, value in metadata["annotations"].items() if "last-applied" not in key}
    return {
        "apiVersion": definition["apiVersion"],
        "kind": definition["kind"],
        "metadata": {"name": metadata["name"], "annotations": notes, "labels": metadata.get("labels", {})},
        "spec": definition["spec"],
    }


async def asked(url: str) -> dict[str, Any]:
    async with aiohttp.ClientSession() as session, session.get(url) as got:
        document: dict[str, Any] = await got.json()
        return document
