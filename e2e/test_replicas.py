"""Two servers on a real API server: one decides for the Envoys of both, and the other one goes on when it is gone."""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import yaml

from e2e.redirecting import redirecting, redirects
from e2e.roles import as_our_account
from e2e.serving import NAMESPACE as OURS
from e2e.serving import serving
from xdsserver.infrastructure.permissions import AUTHORITY, DEFAULT_CERTIFICATE
from xdsserver.proxy.envoy import find_envoy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from e2e.conftest import Cluster

ADDRESS = "127.0.0.71"
PORT = 18660
REPORTS_PORT = 18661
XDS = {"one": 18662, "two": 18663}
IPS = {"one": "127.0.0.71", "two": "127.0.0.72"}
NAMESPACE = "replicas"


def make_pods(cluster: Cluster) -> None:
    """Let the API server know the pods of both servers, and that of the Envoy; no node runs them."""
    cluster.run("create", "namespace", OURS)
    # Made a moment after its namespace; no pod is taken before.
    cluster.run("-n", OURS, "wait", "--for=create", "serviceaccount/default", "--timeout=30s")
    labels = {name: {"app.kubernetes.io/name": "xdsserver"} for name in IPS}
    for name, own in (labels | {"edge-1": {"gateway.xdsserver.io/fleet": "fleet-default"}}).items():
        spec = {"schedulingGates": [{"name": "example.com/never"}], "containers": [{"name": "it", "image": "none"}]}
        made = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": own}, "spec": spec}
        done = cluster.run("-n", OURS, "apply", "-f", "-", stdin=json.dumps(made))
        assert done.returncode == 0, done.stderr
        say_ready(cluster, name, "True")


def say_ready(cluster: Cluster, name: str, ready: str) -> None:
    """Say of a pod what the kubelet of its node would."""
    status = {"podIPs": [{"ip": IPS.get(name, "127.0.0.1")}], "conditions": [{"type": "Ready", "status": ready}]}
    patch = json.dumps({"status": status | {"phase": "Running"}})
    done = cluster.run("-n", OURS, "patch", "pod", name, "--subresource=status", "--type=merge", "-p", patch)
    assert done.returncode == 0, done.stderr


def server(cluster: Cluster, name: str, tmp_path: Path) -> Any:  # noqa: ANN401 (a context)
    options = ("--pod", name, "--reports", f"{IPS[name]}:{REPORTS_PORT}", "--xds-tls", f"127.0.0.1:{XDS[name]}")
    return serving(cluster, *options, "--addresses", ADDRESS, "--xds", f"unix:{tmp_path}/{name}.sock")


@asynccontextmanager
async def envoy(cluster: Cluster, to: str, tmp_path: Path) -> AsyncIterator[None]:
    """Run the Envoy with the certificate of its fleet, as it is in the Secret."""
    folder = tmp_path / "tls"
    folder.mkdir()
    made = ("wait", "--for=create", f"secret/{DEFAULT_CERTIFICATE}", "--timeout=90s")
    await asyncio.to_thread(cluster.run, "-n", OURS, *made)
    for name, content in secret(cluster, DEFAULT_CERTIFICATE)["data"].items():
        (folder / name).write_bytes(base64.b64decode(content))
    command = (sys.executable, "-m", "xdsserver", "bootstrap", "--xds", f"127.0.0.1:{XDS[to]}")
    making = await asyncio.create_subprocess_exec(
        *command, "--tls-dir", str(folder), "--node-id", "edge-1", stdout=asyncio.subprocess.PIPE
    )
    bootstrap, _ = await making.communicate()
    document = yaml.safe_load(bootstrap)
    document.pop("admin", None)
    file = tmp_path / "bootstrap.yaml"
    file.write_text(yaml.safe_dump(document))
    options = ("--use-dynamic-base-id", "--concurrency", "1", "-l", "warning")
    process = await asyncio.create_subprocess_exec(str(find_envoy(None)), "-c", str(file), *options)
    try:
        yield
    finally:
        process.terminate()
        await process.wait()


def secret(cluster: Cluster, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(cluster.run("-n", OURS, "get", "secret", name, "-o", "json").stdout)
    return found


def gateway(cluster: Cluster) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(cluster.run("-n", NAMESPACE, "get", "gateway", "edge", "-o", "json").stdout)
    return found


async def programmed(cluster: Cluster, generation: int) -> None:
    """Wait until the Gateway is programmed as of a generation."""
    async with asyncio.timeout(40):
        while True:
            found = await asyncio.to_thread(gateway, cluster)
            if any(
                (one["type"], one["status"], one["observedGeneration"]) == ("Programmed", "True", generation)
                for one in found.get("status", {}).get("conditions", ())
            ):
                return
            await asyncio.sleep(0.2)


async def test_k18_k19_s3_one_server_decides_for_the_envoys_of_both_and_is_followed(
    cluster: Cluster, tmp_path: Path
) -> None:
    """K18, K19: killed or stopped, a leader is followed in time, and what was decided stays.

    S3: both servers show certificates of one authority, and nothing of it changes with the leader. S11: all that the
    servers do they may do by our roles.
    """
    make_pods(cluster)
    ours = as_our_account(cluster, tmp_path)
    cluster.run("-n", OURS, "delete", "lease", "xdsserver")
    # Of an authority that another run had; it would be renewed within a minute, and Envoys told by its files.
    cluster.run("-n", OURS, "delete", "secret", DEFAULT_CERTIFICATE, "--ignore-not-found")
    cluster.run("-n", NAMESPACE, "delete", "gateway", "edge", "--ignore-not-found")
    applied = cluster.run("apply", "-f", "-", stdin=redirecting(NAMESPACE, PORT))
    assert applied.returncode == 0, applied.stderr
    async with server(ours, "two", tmp_path) as two, server(ours, "one", tmp_path) as one:
        leader, follower = ("one", "two") if await leads_first(one, two) else ("two", "one")
        by_name = {"one": one, "two": two}
        await by_name[follower].notice("replicas", f"{leader} leads and hears of our Envoys")
        async with envoy(cluster, follower, tmp_path):
            await programmed(cluster, 1)
            assert await redirects(ADDRESS, PORT)
            before = [secret(cluster, name)["metadata"]["resourceVersion"] for name in (AUTHORITY, DEFAULT_CERTIFICATE)]
            version = gateway(cluster)["metadata"]["resourceVersion"]

            by_name[leader].process.kill()
            killed_s = time.monotonic()
            say_ready(cluster, leader, "False")
            await by_name[follower].notice("Lease", "this server leads")
            took_s = time.monotonic() - killed_s
            await by_name[follower].notice("replicas", "this server leads")
            assert gateway(cluster)["metadata"]["resourceVersion"] == version, "nothing that was true is taken back"
            listener = {"name": "more", "port": PORT + 4, "protocol": "HTTP"}
            listeners = [{"name": "http", "port": PORT, "protocol": "HTTP"}, listener]
            patch = json.dumps({"spec": {"listeners": listeners}})
            cluster.run("-n", NAMESPACE, "patch", "gateway", "edge", "--type=merge", "-p", patch)
            await programmed(cluster, 2)

            say_ready(cluster, leader, "True")
            async with server(ours, leader, tmp_path) as again:
                await again.notice("replicas", f"{follower} leads and hears of our Envoys")
                by_name[follower].process.terminate()
                await by_name[follower].process.wait()
                stopped_s = time.monotonic()
                await again.notice("Lease", "this server leads")
                then_s = time.monotonic() - stopped_s
                assert await redirects(ADDRESS, PORT), "Envoy serves on while nobody is there for it"
            after = [secret(cluster, name)["metadata"]["resourceVersion"] for name in (AUTHORITY, DEFAULT_CERTIFICATE)]
            assert after == before
    sys.stdout.write(f"\ntakeover after a kill: {took_s:.1f} s, after a stop: {then_s:.1f} s\n")
    assert not [notice for each in (one, two, again) for notice in each.notices if "orbidden" in notice["message"]]
    assert took_s < 17
    assert then_s < 3
    cluster.run("delete", "namespace", NAMESPACE)
    cluster.run("-n", OURS, "delete", "pod", *IPS, "edge-1", "--grace-period=0", "--force")


async def leads_first(one: Any, two: Any) -> bool:  # noqa: ANN401
    """Say whether the first of them leads."""
    waiting = [asyncio.create_task(each.notice("Lease", "this server leads")) for each in (one, two)]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    found = waiting[0].done()
    for task in waiting:
        task.cancel()
    await asyncio.wait(waiting)
    return found
