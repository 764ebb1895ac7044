"""Tenants are checked in a folder as an API server checks them, and manifests of the operator that was before apply."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.objects.documents import tenant
from xdsserver.objects.crd import OWN, custom_resource_definition
from xdsserver.objects.decode import decode
from xdsserver.objects.kinds import BY_NAME
from xdsserver.objects.structural import plain
from xdsserver.objects.tenant import Tenant
from xdsserver.objects.validation import validate

EXAMPLES = Path(__file__).parents[2] / "examples" / "tenants"
DOCUMENTS = [
    (file.stem, document)
    for file in sorted(EXAMPLES.glob("*.yaml"))
    for document in yaml.safe_load_all(file.read_text(encoding="utf-8"))
]
TENANTS = [(name, one) for name, one in DOCUMENTS if one["kind"] == "Tenant"]
(DEFINITION,) = [custom_resource_definition(own) for own in OWN if own.name == "Tenant"]
(VERSION,) = DEFINITION["spec"]["versions"]


def taken(document: dict[str, Any]) -> Tenant:
    checked = validate(document)
    assert checked.errors == ()
    assert checked.unknown == ()
    assert checked.document is not None
    found = decode(BY_NAME["Tenant"], checked.document)
    assert isinstance(found, Tenant)
    return found


def test_there_are_eleven_examples() -> None:
    assert len({name for name, _ in TENANTS}) == 11
    assert len(TENANTS) == 12


@pytest.mark.parametrize(
    "document", [one for _, one in TENANTS], ids=[f"{file}-{one['metadata']['name']}" for file, one in TENANTS]
)
def test_every_example_is_taken_as_it_is_written(document: dict[str, Any]) -> None:
    """Each field of it is in the struct: nothing is lost between the two."""
    assert lost(document["spec"], plain(taken(document).spec)) == []


def lost(written: object, read: object, path: str = "spec") -> list[str]:
    """Name what is in a document and not in what was read of it; defaults may have come in."""
    match written, read:
        case dict(), dict():
            return [one for name, part in written.items() for one in lost(part, read.get(name), f"{path}.{name}")]
        case list(), list() if len(written) == len(read):
            pairs = zip(written, read, strict=True)
            return [one for number, (part, found) in enumerate(pairs) for one in lost(part, found, f"{path}[{number}]")]
        case _:
            return [] if written == read else [path]


def test_users_find_tenants_by_the_names_that_they_know() -> None:
    names, group = DEFINITION["spec"]["names"], DEFINITION["spec"]["group"]
    assert (names["kind"], names["plural"], names["singular"], group) == ("Tenant", "tenants", "tenant", "rustfs.com")
    assert names["shortNames"] == ["tenant"]
    columns = {one["name"]: one["jsonPath"] for one in VERSION["additionalPrinterColumns"]}
    assert columns["State"] == ".status.currentState"
    assert columns["Age"] == ".metadata.creationTimestamp"


def test_the_status_is_a_resource_of_its_own() -> None:
    assert VERSION["subresources"] == {"status": {}}
    assert "conditions" in VERSION["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"]


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no pool": ({"pools": []}, "pools must be configured"),
    "no servers": ({"pools": [{"name": "a", "servers": 0, "persistence": {"volumesPerServer": 1}}]}, "servers must be"),
    "no volumes": (
        {"pools": [{"name": "a", "servers": 1, "persistence": {"volumesPerServer": 0}}]},
        "volumesPerServer",
    ),
    "two of one name": (
        {"pools": [{"name": "a", "servers": 1, "persistence": {"volumesPerServer": 1}}] * 2},
        "repeats the name of entry 0",
    ),
    "logs to nowhere": ({"logging": {"mode": "file"}}, "logging"),
    "an unknown policy": ({"podDeletionPolicyWhenNodeIsDown": "Pray"}, "podDeletionPolicyWhenNodeIsDown"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_makes_no_sense_is_refused_by_the_schema(name: str) -> None:
    spec, words = REFUSED[name]
    (error,) = validate(tenant(**spec)).errors
    assert words in str(error)


@pytest.mark.parametrize("mode", ["stdout", "emptydir", "emptyDir", "persistent"])
def test_both_spellings_of_logs_that_go_with_the_pod_are_taken(mode: str) -> None:
    """Known before: documentation wrote `emptyDir`, and the schema took only `emptydir`."""
    logging = taken(tenant(logging={"mode": mode})).spec.logging
    assert logging is not None
    assert logging.mode == mode


def test_the_former_name_of_the_credentials_is_still_read() -> None:
    assert taken(tenant(configuration={"name": "old"})).spec.configuration is not None


def test_a_null_means_not_given() -> None:
    """Known before: every optional field could be null, and generated manifests have such fields."""
    assert taken(tenant(image=None, env=None, logging=None)).spec == taken(tenant()).spec


def test_parts_of_other_apis_are_handed_on_as_they_are() -> None:
    claim = {"accessModes": ["ReadWriteOnce"], "dataSource": {"kind": "VolumeSnapshot", "name": "a"}}
    pool = {"name": "a", "servers": 1, "persistence": {"volumesPerServer": 1, "volumeClaimTemplate": claim}}
    spec = taken(tenant(pools=[pool], lifecycle={"preStop": {"sleep": {"seconds": 5}}})).spec
    assert spec.pools[0].persistence.volume_claim_template == claim
    assert spec.lifecycle == {"preStop": {"sleep": {"seconds": 5}}}
