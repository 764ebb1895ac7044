"""`tenants` of a folder and of a server that runs: where clients get to them, and what is wrong with the way."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bench import worlds
from tests.cli.run import xdsserver
from tests.cli.test_asking import run, served
from tests.live import manifests as m
from tests.objects.documents import tenant

if TYPE_CHECKING:
    from pathlib import Path

    from tests.live.manifests import Document

PARENTS = [{"name": "edge", "namespace": "default"}]
API = {"parentRefs": PARENTS, "api": {"hostnames": ["s3.test"], "port": 9000}}


def documents() -> list[Document]:
    edge = m.gateway(m.listener(8080, name="web"), m.listener(9000, name="s3", hostname="s3.test"))
    edge["metadata"]["annotations"] = {"gateway.xdsserver.io/s3-listeners": "s3"}
    for listener in edge["spec"]["listeners"]:
        listener["allowedRoutes"] = {"namespaces": {"from": "All"}}
    found = [
        m.gateway_class(),
        edge,
        tenant("inside"),
        tenant("store", gateway={**API, "console": {"hostnames": ["console.test"]}}),
        tenant("lost", gateway={"parentRefs": PARENTS, "api": {"hostnames": ["s3.elsewhere"]}}),
    ]
    for port, name in ((9000, "store-io"), (9001, "store-console")):
        of_it, *_ = m.service(name, port)
        of_it["metadata"]["namespace"] = "storage"
        of_it["spec"]["ports"] = [{"port": port}]
        found.append(of_it)
    for one in found:
        # As a folder counts them.
        one["metadata"]["generation"] = 1
    return found


async def test_where_clients_get_to_tenants(tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text("\n---\n".join(map(json.dumps, documents())))
    answer = xdsserver("tenants", "--dir", tmp_path, "-o", "json")
    inside, lost, store = json.loads(answer.out)
    assert answer.code == 1
    assert (inside["name"], inside["state"], inside["endpoint"], inside["routes"]) == ("inside", "unattached", "", [])
    assert (lost["name"], lost["state"], lost["endpoint"]) == ("lost", "bad", "")
    assert "spec.gateway.api" in lost["words"]
    assert (store["endpoint"], store["console"]) == ("http://s3.test:9000", "http://console.test:8080")
    assert [(one["kind"], one["hostnames"], one["listeners"]) for one in store["routes"]] == [
        ("Tenant", ["s3.test", "*.s3.test"], ["Gateway default/edge listener s3"]),
        ("TenantConsole", ["console.test"], ["Gateway default/edge listener web"]),
    ]
    assert {one["type"] for one in store["conditions"]} == {"Accepted", "ResolvedRefs", "Programmed"}
    names = xdsserver("tenants", "--dir", tmp_path, "-n", "storage", "-o", "name")
    assert names.lines == ["Tenant/storage/inside", "Tenant/storage/lost", "Tenant/storage/store"]
    assert (xdsserver("tenants", "--dir", tmp_path, "-n", "other", "-o", "name").out) == ""


async def test_a_server_says_what_its_folder_says(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "all.yaml").write_text("\n---\n".join(map(json.dumps, documents())))
    async with served(tmp_path) as asked:
        asked.running.take(worlds.changes(documents()))
        answer = await run("tenants", *asked.options, "-o", "json")
    assert answer == xdsserver("tenants", "--dir", tmp_path / "config", "-o", "json")
