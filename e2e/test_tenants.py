"""Tenants at a real API server: it takes all examples, and what is written to it is written once."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from e2e.roles import as_account
from e2e.serving import serving
from tests.cli.run import xdsserver
from xdsserver.effects.objects import INTENT
from xdsserver.infrastructure.tenant_permissions import TENANTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from e2e.conftest import Cluster

ROOT = Path(__file__).parents[1]
NAMESPACE = "storage"
WITHIN_S = 90.0
KINDS = "statefulsets,services,serviceaccounts,roles,rolebindings,poddisruptionbudgets"

TENANT = """
apiVersion: v1
kind: Secret
metadata: {name: root}
stringData: {accesskey: operator-key, secretkey: operator-secret}
---
apiVersion: rustfs.com/v1alpha1
kind: Tenant
metadata: {name: fresh}
spec:
  credsSecret: {name: root}
  logging: {mode: emptyDir}
  pools:
    - name: primary
      servers: 2
      persistence: {volumesPerServer: 2}
      resources: {requests: {cpu: 1000m, memory: 1024Mi}}
    - name: second
      servers: 1
      persistence: {volumesPerServer: 4}
"""


@pytest.fixture(scope="module", autouse=True)
def kinds(cluster: Cluster) -> Iterator[None]:
    cluster.run("create", "namespace", NAMESPACE)
    cluster.run("create", "namespace", "rustfs-system")
    done = cluster.run("apply", "--server-side", "-f", "-", stdin=xdsserver("crds").out)
    assert done.returncode == 0, done.stderr
    established = ("wait", "--for=condition=Established", "crd/tenants.rustfs.com", "--timeout=30s")
    assert cluster.run(*established).returncode == 0
    yield
    cluster.run("delete", "namespace", NAMESPACE, "rustfs-system", "--wait=true", "--timeout=240s")
    cluster.run("delete", "crd", "tenants.rustfs.com", "--ignore-not-found")


@pytest.mark.parametrize("file", sorted((ROOT / "examples" / "tenants").glob("*.yaml")), ids=lambda one: one.stem)
def test_every_example_applies(cluster: Cluster, file: Path) -> None:
    done = cluster.run("create", "--dry-run=server", "--validate=strict", "-f", "-", stdin=file.read_text())
    assert done.returncode == 0, done.stderr


def documents(cluster: Cluster, what: str = KINDS) -> dict[str, dict[str, Any]]:
    """Give objects of the namespace, by kind and name."""
    done = cluster.run("-n", NAMESPACE, "get", what, "-o", "json")
    assert done.returncode == 0, done.stderr
    return {f"{one['kind']}/{one['metadata']['name']}": one for one in json.loads(done.stdout)["items"]}


async def until(cluster: Cluster, good: Callable[[dict[str, dict[str, Any]]], object], what: str = KINDS) -> None:
    async with asyncio.timeout(WITHIN_S):
        while not good(await asyncio.to_thread(documents, cluster, what)):  # noqa: ASYNC110
            await asyncio.sleep(0.3)


def specs(cluster: Cluster) -> dict[str, tuple[int, str]]:
    """Give what another write of ours would change: generations, and versions of what has none but for our writes."""
    return {
        name: (one["metadata"].get("generation", 0), one["metadata"]["annotations"][INTENT])
        for name, one in documents(cluster).items()
        if INTENT in one["metadata"].get("annotations", {})
    }


async def test_a_tenant_is_made_under_exactly_its_roles_and_written_once(cluster: Cluster, tmp_path: Path) -> None:
    """A restart of the operator writes nothing: what the API server filled in is no difference."""
    ours = as_account(cluster, tmp_path, TENANTS)
    done = cluster.run("-n", NAMESPACE, "apply", "-f", "-", stdin=TENANT)
    assert done.returncode == 0, done.stderr
    async with serving(ours, "--controllers", "tenant") as server:
        await server.notice("Lease rustfs-operator", "this server leads")
        await until(
            cluster, lambda found: {"StatefulSet/fresh-primary", "PodDisruptionBudget/fresh-second"} <= {*found}
        )
        await until(cluster, lambda found: "conditions" in found["Tenant/fresh"].get("status", {}), "tenants")
        assert not [one for one in server.notices if "cannot be written" in one["message"]]
    before = specs(cluster)
    assert len(before) == 10
    assert before["StatefulSet/fresh-primary"][0] == 1
    managers = {
        field["manager"]
        for one in documents(cluster).values()
        if one["metadata"]["name"].startswith("fresh")
        for field in one["metadata"].get("managedFields", ())
    }
    assert managers <= {"rustfs-operator", "kube-controller-manager"}
    async with serving(ours, "--controllers", "tenant") as server:
        await server.notice("Lease rustfs-operator", "this server leads", within_s=90)
        # Another change is a sign that all of before was looked at.
        cluster.run("-n", NAMESPACE, "delete", "service", "fresh-io")
        await until(cluster, lambda found: "Service/fresh-io" in found)
        after = specs(cluster)
        assert after == before
    (tenant,) = documents(cluster, "tenants").values()
    verdicts = {one["type"]: one["status"] for one in tenant["status"]["conditions"]}
    assert verdicts["CredentialsReady"] == verdicts["SpecValid"] == "True"


async def test_what_the_operator_before_us_made_is_adopted_without_a_restart(cluster: Cluster, tmp_path: Path) -> None:
    """Created by a client of the API under the owner that it had; no revision of its pods is made."""
    case = (ROOT / "tests" / "tenant" / "cases" / "adopted" / "cluster.yaml").read_text()
    cluster.run("-n", NAMESPACE, "delete", "secret", "root", "--ignore-not-found")
    uid = ""
    for one in yaml.safe_load_all(case):
        metadata = one["metadata"]
        for name in ("uid", "generation"):
            metadata.pop(name, None)
        for owner in metadata.get("ownerReferences", ()):
            owner["uid"] = uid
        # As that operator wrote them: by a server-side apply under the name that we write under.
        flags = ("--server-side", "--field-manager=rustfs-operator", "--force-conflicts")
        done = cluster.run("-n", NAMESPACE, "apply", *flags, "-o", "json", "-f", "-", stdin=json.dumps(one))
        assert done.returncode == 0, done.stderr
        uid = json.loads(done.stdout)["metadata"]["uid"] if one["kind"] == "Tenant" else uid
    await until(cluster, lambda found: found["StatefulSet/data-primary"].get("status", {}).get("updateRevision"))
    before = documents(cluster)["StatefulSet/data-primary"]
    async with serving(as_account(cluster, tmp_path, TENANTS), "--controllers", "tenant") as server:
        await server.notice("Lease rustfs-operator", "this server leads", within_s=90)
        await until(
            cluster, lambda found: INTENT in found["StatefulSet/data-primary"]["metadata"].get("annotations", {})
        )
        await until(cluster, lambda found: "conditions" in found["Tenant/data"].get("status", {}), "tenants")
    after = documents(cluster)["StatefulSet/data-primary"]
    assert after["spec"] == before["spec"]
    assert after["metadata"]["generation"] == before["metadata"]["generation"]
    assert after["status"]["updateRevision"] == before["status"]["updateRevision"]
