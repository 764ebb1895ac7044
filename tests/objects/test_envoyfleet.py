"""An EnvoyFleet is checked in a folder as an API server checks it, and says all its defaults."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests.cli.run import xdsserver
from tests.objects.documents import envoy_fleet
from tests.objects.fleets import REFUSED, TAKEN
from xdsserver.objects.decode import decode
from xdsserver.objects.envoyfleet import EnvoyFleet
from xdsserver.objects.kinds import BY_NAME
from xdsserver.objects.structural import plain
from xdsserver.objects.validation import validate


def taken(spec: dict[str, Any]) -> EnvoyFleet:
    """Give the object that a checked document decodes into."""
    checked = validate(envoy_fleet(**spec))
    assert checked.errors == ()
    assert checked.unknown == ()
    assert checked.document is not None
    fleet = decode(BY_NAME["EnvoyFleet"], checked.document)
    assert isinstance(fleet, EnvoyFleet)
    return fleet


@pytest.mark.parametrize("name", TAKEN)
def test_what_is_written_is_read_back(name: str) -> None:
    """Each field of the document is in the struct: nothing is lost between the two."""
    fleet = taken(TAKEN[name])
    checked = validate(envoy_fleet(**TAKEN[name])).document
    assert checked is not None
    assert without_empty(plain(fleet.spec)) == without_empty(checked["spec"])


@pytest.mark.parametrize("name", REFUSED)
def test_what_makes_no_sense_is_refused_with_the_remedy(name: str) -> None:
    spec, words = REFUSED[name]
    assert [str(error) for error in validate(envoy_fleet(**spec)).errors] == [words]


def test_defaults_of_the_struct_are_those_of_the_schema() -> None:
    assert taken({}).spec == EnvoyFleet(metadata=taken({}).metadata).spec


def test_a_fleet_without_a_spec_has_one() -> None:
    bare = envoy_fleet()
    del bare["spec"]
    checked = validate(bare)
    assert checked.document is not None
    assert decode(BY_NAME["EnvoyFleet"], checked.document) == taken({})


def test_the_command_prints_a_definition_that_says_something_of_every_field() -> None:
    answer = xdsserver("crds")
    assert answer.code == 0
    definitions = list(yaml.safe_load_all(answer.out))
    names = [one["metadata"]["name"] for one in definitions]
    assert names == ["envoyfleets.gateway.xdsserver.io", "tenants.rustfs.com"]
    for one in definitions:
        schema = one["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        assert [*undescribed(schema["properties"]["spec"], "spec")] == []


def undescribed(schema: dict[str, Any], path: str) -> list[str]:
    parts = {f"{path}.{name}": part for name, part in schema.get("properties", {}).items()}
    if "properties" in schema.get("items", {}):
        parts |= {f"{path}[].{name}": part for name, part in schema["items"]["properties"].items()}
    return [name for name, part in parts.items() if "description" not in part] + [
        found for name, part in parts.items() for found in undescribed(part, name)
    ]


def without_empty(value: object) -> object:
    """Leave out empty mappings, which a struct of defaults and no struct at all may both be."""
    match value:
        case dict():
            parts = {name: without_empty(part) for name, part in value.items()}
            return {name: part for name, part in parts.items() if part != {}}
        case list():
            return [without_empty(part) for part in value]
        case _:
            return value
