"""A release of the chart as `helm install` leaves it: soon there, without rights, observed, and good for more."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
from typing import TYPE_CHECKING

import aiohttp
import pytest
import yaml

from e2e.cluster.objects import route
from e2e.cluster.release import ENVOYS, NAMESPACE, SERVERS
from e2e.cluster.shell import ROOT
from e2e.conformance.suite import found
from tests.deploy.envoy_metrics import ENVOY

if TYPE_CHECKING:
    from pathlib import Path

    from e2e.cluster.release import Release

INSTALLED_S = 90.0
SUITE = "localhost/gateway-conformance:dev"


async def test_from_install_to_an_answer_takes_less_than_90_s(release: Release) -> None:
    print(f"\nfrom `helm install` to the first answer: {release.installed_s:.1f} s")
    assert release.installed_s < INSTALLED_S
    await asyncio.to_thread(release.shell.do, "install", "Does it work?")


STATUS_PYTHON = ("python3", "-c", "print(open('/proc/1/status').read())")
STATUS_PERL = ("perl", "-e", "open F, '/proc/1/status'; print <F>")
WRITE_PYTHON = ("python3", "-c", "open('/opt/x', 'w')")
WRITE_PERL = ("perl", "-e", "open F, '>/opt/x' or die 'read-only: ' . $!")


@pytest.mark.parametrize(
    ("selector", "status", "write"),
    [(SERVERS, STATUS_PYTHON, WRITE_PYTHON), (ENVOYS, STATUS_PERL, WRITE_PERL)],
    ids=["server", "envoy"],
)
async def test_s13_a_container_has_no_right_at_all(
    release: Release, selector: str, status: tuple[str, ...], write: tuple[str, ...]
) -> None:
    """S13: user 65532, no capability, no new privileges, seccomp, and a root file system that nothing can write to."""
    (pod,) = await release.pods(selector)
    said = await release.kubectl("exec", pod, "--", *status)
    found = dict(line.split(":", 1) for line in said.splitlines() if ":" in line)
    assert found["Uid"].split() == ["65532"] * 4
    assert {int(found[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
    assert int(found["NoNewPrivs"]) == 1
    assert int(found["Seccomp"]) == 2
    tried = await asyncio.to_thread(release.shell.cluster.run, "--namespace", NAMESPACE, "exec", pod, "--", *write)
    assert tried.returncode != 0
    assert "ead-only" in tried.stderr


async def test_s12_an_envoy_has_no_token_and_the_way_to_xds_is_for_envoys(release: Release) -> None:
    """S12: no ServiceAccount token in the pod; 18000 is open to pods of fleets alone, as the cluster has it."""
    envoys = (await release.get("pods", "--selector", ENVOYS))["items"]
    assert envoys
    for pod in envoys:
        mounts = [mount["mountPath"] for one in pod["spec"]["containers"] for mount in one["volumeMounts"]]
        assert not any("serviceaccount" in mount for mount in mounts)
    policy = await release.get("networkpolicy", "xdsserver")
    (xds,) = [one for one in policy["spec"]["ingress"] if one["ports"][0]["port"] == "xds"]
    ((label,),) = [one["podSelector"]["matchExpressions"] for one in xds["from"]]
    assert all(label["key"] in pod["metadata"]["labels"] for pod in envoys)


async def test_what_boards_and_alerts_ask_for_is_there(release: Release) -> None:
    """And a pod answers nothing else at that port: not another path of the admin interface, not another method."""
    async with release.under_load("scraped"):
        pass
    (pod,) = (await release.get("pods", "--selector", ENVOYS))["items"]
    base = f"http://{pod['status']['podIP']}:19001"
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{base}/stats/prometheus") as got:
            scraped = await got.text()
        for method, path in (("GET", "/config_dump"), ("POST", "/ready"), ("POST", "/quitquitquit"), ("GET", "/")):
            async with session.request(method, base + path) as refused:
                assert refused.status == 404, (method, path)
    names = {re.sub("_(bucket|sum|count)$", "", name) for name in re.findall(r"^envoy_\w+", scraped, re.MULTILINE)}
    assert names >= ENVOY, ENVOY - names


async def test_a_gateway_gets_envoys_of_its_own_from_the_same_chart(release: Release) -> None:
    fleet = {
        "apiVersion": "gateway.xdsserver.io/v1alpha1",
        "kind": "EnvoyFleet",
        "metadata": {"name": "own", "namespace": "default"},
        "spec": {"mode": "Dedicated", "workload": {"replicas": 1}},
    }
    gateway = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "own", "namespace": "default"},
        "spec": {
            "gatewayClassName": "xdsserver",
            "infrastructure": {"parametersRef": {"group": "gateway.xdsserver.io", "kind": "EnvoyFleet", "name": "own"}},
            "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}],
        },
    }
    await release.apply(fleet, gateway, route("own", "/", gateway="own"), namespace="default")
    # It is Programmed: nothing is waited for besides, and the first answer is the right one.
    assert (await release.first_answer(await release.address("own"))).status == 200
    await release.kubectl("delete", "gateway/own", "httproute/own", "envoyfleet/own", namespace="default")
    await release.kubectl(
        "wait", "--for=delete", "deployment/gateway-own", "service/gateway-own", "--timeout=60s", namespace="default"
    )


async def test_s11_the_operator_of_tenants_has_an_account_of_its_own(release: Release) -> None:
    """S11: a Deployment with a Role of its own: what it may do the servers of Envoys may not, nor the reverse."""
    again = (
        "helm upgrade xdsserver deploy/chart/xdsserver --namespace xdsserver-system --reset-then-reuse-values --wait"
    )
    await release.sh(f"{again} --set tenants.enabled=true")
    await release.rolled_out("deployment/xdsserver-tenants")
    log = await release.kubectl("logs", "deployment/xdsserver-tenants")
    assert "may not be read" not in log
    for account, verb, what, may in (
        ("xdsserver-tenants", "create", "statefulsets.apps", "yes"),
        ("xdsserver-tenants", "patch", "gateways.gateway.networking.k8s.io/status", "no"),
        ("xdsserver", "create", "statefulsets.apps", "no"),
    ):
        who = f"system:serviceaccount:{NAMESPACE}:{account}"
        asked = ("auth", "can-i", verb, what, "--namespace", "default", "--as", who)
        said = await asyncio.to_thread(release.shell.cluster.run, *asked)
        assert said.stdout.strip() == may, (account, verb, what)
    await release.sh(f"{again} --set tenants.enabled=false")


async def test_the_suite_of_the_gateway_api_runs_as_a_job(release: Release, tmp_path: Path) -> None:
    """One test of it, which is enough to see that it gets to the API server, to our addresses, and to its end."""
    rig, binary = os.environ.get("XDSSERVER_RIG"), found("1.7.0")
    if not rig or binary is None:
        pytest.skip("the suite as an image: only the rig can load one that is made here, and has the suite")
    archive = tmp_path / "conformance.tar"
    for command in (
        (f"{rig}/pack-image", archive, SUITE, f"{binary}=/conformance"),
        (f"{rig}/load-image", SUITE, archive),
    ):
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    objects = list(yaml.safe_load_all((ROOT / "deploy/conformance/job.yaml").read_text(encoding="utf-8")))
    job = next(one for one in objects if one["kind"] == "Job")
    job["spec"]["template"]["spec"]["containers"][0]["args"].append("--run-test=HTTPRouteSimpleSameNamespace")
    inside = "gateway-conformance"
    await release.apply(*(one for one in objects if "namespace" not in one["metadata"]))
    await release.apply(*(one for one in objects if "namespace" in one["metadata"]), namespace=inside)
    try:
        await release.kubectl("wait", "--for=condition=Complete", "job/conformance", "--timeout=240s", namespace=inside)
    finally:
        log = await release.kubectl("logs", "job/conformance", "--tail=-1", namespace=inside)
        print("\n".join(log.splitlines()[-60:]))
    assert re.search(r"--- PASS: TestConformance/HTTPRouteSimpleSameNamespace ", log)
    await release.kubectl("delete", "namespace", inside, "--wait=false")
    await release.kubectl("delete", "clusterrolebinding", "gateway-conformance")
