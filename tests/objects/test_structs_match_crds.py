"""Every field, default and enum of the shipped CRD schemas is known to the structs, or left out on purpose."""

import json
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import inspect

from xdsserver.objects.kinds import KINDS, Kind
from xdsserver.objects.meta import GATEWAY_GROUP
from xdsserver.objects.schema import complete, schema_of
from xdsserver.objects.xbackend import XGATEWAY_GROUP

GATEWAY_KINDS = [kind for kind in KINDS if kind.group in {GATEWAY_GROUP, XGATEWAY_GROUP}]
LEFT_OUT: dict[str, str] = {}
"""Path -> why no struct has this field. Empty: what a CRD has, a struct has."""

VALIDATIONS = "x-kubernetes-validations"
ENUMS = Path(__file__).parent / "enums.json"
"""Path -> values of every enum, as the code was written for them."""


def schema(kind: Kind, version: str | None = None) -> dict[str, Any]:
    """Give the schema of a version, or that of the preferred one."""
    file = resources.files("xdsserver.objects.schemas") / f"{kind.group}.{kind.name}.json"
    found = json.loads(file.read_text())["versions"][version or kind.versions[0]]
    return found if isinstance(found, dict) else schema(kind, found)


def struct_of(annotation: inspect.Type) -> type[msgspec.Struct] | None:
    match annotation:
        case inspect.StructType(cls=cls):
            return cls
        case inspect.UnionType(types=types):
            return next((found for part in types if (found := struct_of(part))), None)
        case inspect.VarTupleType(item_type=item):
            return struct_of(item)
        case _:
            return None


def differences(struct: type[msgspec.Struct], schema: dict[str, Any], path: str) -> Iterator[str]:
    fields = {field.encode_name: field for field in msgspec.structs.fields(struct)}
    types = {field.encode_name: field.type for field in inspect.type_info(struct).fields}  # type: ignore[attr-defined]
    for name, part in schema.get("properties", {}).items():
        here = f"{path}.{name}"
        if here in LEFT_OUT:
            continue
        if name not in fields:
            yield f"{here}: no field"
            continue
        field = fields[name]
        if wrong := default_difference(field, part, required=name in schema.get("required", ())):
            yield f"{here}: {wrong}"
        inner = part.get("items", part)
        nested = struct_of(types[name])
        if "properties" in inner:
            if nested is None:
                yield f"{here}: no struct"
            else:
                yield from differences(nested, inner, here + ("[]" if "items" in part else ""))


def default_difference(field: msgspec.structs.FieldInfo, part: dict[str, Any], *, required: bool) -> str:
    if "default" in part:
        default = pruned(msgspec.to_builtins(field.default))
        return "" if default == part["default"] else f"default {default}, the CRD has {part['default']}"
    if required != field.required:
        return "is required" if field.required else "is not required"
    return ""


def pruned(value: object) -> object:
    """A struct's default, without what is empty or not given."""
    match value:
        case dict():
            return {name: pruned(part) for name, part in value.items() if part not in (None, [], {}, ())}
        case list() | tuple():
            return [pruned(part) for part in value]
        case _:
            return value


@pytest.mark.parametrize("kind", GATEWAY_KINDS, ids=lambda kind: kind.name)
def test_every_field_and_default_of_the_crd_is_in_the_struct(kind: Kind) -> None:
    for version in kind.versions:
        assert [*differences(kind.struct, schema(kind, version), kind.name)] == []


def enums(part: dict[str, Any], path: str) -> Iterator[tuple[str, list[str]]]:
    if "enum" in part:
        yield path, part["enum"]
    for name, child in part.get("properties", {}).items():
        yield from enums(child, f"{path}.{name}")
    for keyword, mark in (("items", "[]"), ("additionalProperties", "{}")):
        if isinstance(part.get(keyword), dict):
            yield from enums(part[keyword], path + mark)


def test_enums_are_the_ones_that_the_code_was_written_for() -> None:
    """A value that a release adds must be answered by a condition: this list is the reminder to write one."""
    assert {path: values for kind in GATEWAY_KINDS for path, values in enums(schema(kind), kind.name)} == json.loads(
        ENUMS.read_text(),
    )


@pytest.mark.parametrize("kind", GATEWAY_KINDS, ids=lambda kind: kind.name)
def test_both_versions_of_a_kind_have_one_shape(kind: Kind) -> None:
    assert all(shape(schema(kind, version)) == shape(schema(kind)) for version in kind.versions)


def shape(part: object) -> object:
    """Leave out how many entries there may be, and rules between fields."""
    match part:
        case dict():
            return {name: shape(one) for name, one in part.items() if name not in {"maxItems", VALIDATIONS}}
        case list():
            return [shape(one) for one in part]
        case _:
            return part


def test_defaults_of_the_schema_are_complete() -> None:
    """A default may hold objects that have defaults of their own."""
    root = schema_of(GATEWAY_GROUP, "v1", "Gateway").root
    listener = complete({"spec": {"listeners": [{"name": "a"}]}}, root, (), [])["spec"]["listeners"][0]
    assert listener["allowedRoutes"] == {"namespaces": {"from": "Same"}}
