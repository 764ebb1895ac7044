"""The definition of EnvoyFleet on a real API server: it refuses what our own check refuses, and fills in the same."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.run import xdsserver
from tests.objects.documents import envoy_fleet
from tests.objects.fleets import REFUSED, TAKEN
from xdsserver.objects.decode import decode, decode_json
from xdsserver.objects.kinds import BY_NAME
from xdsserver.objects.validation import validate

if TYPE_CHECKING:
    from e2e.conftest import Cluster

DRY = ("create", "--dry-run=server", "--output=json", "--filename=-")


@pytest.fixture(scope="module")
def with_definition(cluster: Cluster) -> Cluster:
    applied = cluster.run("apply", "--server-side", "--filename=-", stdin=xdsserver("crds").out)
    assert applied.returncode == 0, applied.stderr
    established = ("wait", "--for=condition=Established", "crd/envoyfleets.gateway.xdsserver.io", "--timeout=30s")
    assert cluster.run(*established).returncode == 0
    schema = json.loads(cluster.run("get", "crd", "envoyfleets.gateway.xdsserver.io", "--output=json").stdout)
    found = {one["type"]: one["status"] for one in schema["status"]["conditions"]}
    assert found.get("NonStructuralSchema", "False") == "False"
    return cluster


def document(spec: dict[str, Any]) -> dict[str, Any]:
    return envoy_fleet(namespace="default", **spec)


@pytest.mark.parametrize("name", TAKEN)
def test_what_we_take_is_taken_with_the_same_defaults(with_definition: Cluster, name: str) -> None:
    answer = with_definition.run(*DRY, stdin=json.dumps(document(TAKEN[name])))
    assert answer.returncode == 0, answer.stderr
    theirs = decode_json(BY_NAME["EnvoyFleet"], answer.stdout.encode())
    checked = validate(document(TAKEN[name])).document
    assert checked is not None
    assert theirs.spec == decode(BY_NAME["EnvoyFleet"], checked).spec  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", REFUSED)
def test_what_we_refuse_is_refused(with_definition: Cluster, name: str) -> None:
    spec, words = REFUSED[name]
    answer = with_definition.run(*DRY, stdin=json.dumps(document(spec)))
    assert answer.returncode != 0
    assert words.partition(":")[0] in answer.stderr


def test_columns_and_the_short_name_are_there(with_definition: Cluster) -> None:
    assert with_definition.run("apply", "--filename=-", stdin=json.dumps(document({}))).returncode == 0
    try:
        header, row = with_definition.run("get", "fleet", "--namespace=default").stdout.splitlines()
        assert header.split() == ["NAME", "MODE", "EXPOSURE", "WORKLOAD", "ACCEPTED", "AGE"]
        assert row.split()[:4] == ["edge", "Shared", "Service", "Deployment"]
    finally:
        with_definition.run("delete", "fleet", "edge", "--namespace=default")
