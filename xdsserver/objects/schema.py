"""A kind's schema, compiled once: a tree for defaults, lists and rules, and a validator for shapes and values."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any, Literal

from jsonschema_rs import Draft4Validator, RegexOptions

from xdsserver.objects.cel import CppEngine, Rule
from xdsserver.objects.crd import body_schema, own_kind

Json = Any
"""What JSON can hold."""

INT_BOUNDS = {"int32": (-(2**31), 2**31 - 1), "int64": (-(2**63), 2**63 - 1)}
PARTS = {"properties": "map", "items": "one", "additionalProperties": "one", "not": "one"} | dict.fromkeys(
    ("allOf", "anyOf", "oneOf"),
    "list",
)


@dataclass(frozen=True, slots=True)
class CheckedRule:
    """A CEL rule and the words that its schema has for whoever breaks it."""

    rule: Rule
    message: str


@dataclass(frozen=True, slots=True)
class Node:
    """One place of a schema: what defaults, lists and rules need to know of it."""

    properties: Mapping[str, "Node"] = field(default_factory=dict)
    defaults: Mapping[str, Json] = field(default_factory=dict)
    """Defaults of `properties`, complete themselves; shared by all documents, so nobody may change them."""
    values: "Node | None" = None
    """Of a map with free keys: its values."""
    items: "Node | None" = None
    rules: tuple[CheckedRule, ...] = ()
    list_type: Literal["atomic", "set", "map"] = "atomic"
    list_keys: tuple[str, ...] = ()
    open: bool = False
    """Unknown fields are kept and not mentioned."""


@dataclass(frozen=True, slots=True)
class KindSchema:
    """One version of one kind."""

    kind: str
    namespaced: bool
    root: Node
    validator: Draft4Validator


@cache
def engine() -> CppEngine:
    """Return the engine for rules, made when the first schema is read."""
    return CppEngine()


@cache
def _content(group: str, kind: str) -> Json | None:
    if own := own_kind(group, kind):
        return {"namespaced": True, "versions": {own.version: body_schema(own)}}
    file = resources.files("xdsserver.objects.schemas") / f"{group or 'core'}.{kind}.json"
    return json.loads(file.read_text("utf-8")) if file.is_file() else None


def known_versions(group: str, kind: str) -> tuple[str, ...]:
    """Return the versions of a kind that have a schema, preferred first; none for a kind that has no schema.

    `group` and `kind` may come from a document: they name a file here, so only letters, digits, `.` and `-` get there.
    """
    if not all(part.replace("-", "").replace(".", "").isalnum() for part in (group or "core", kind)):
        return ()
    content = _content(group, kind)
    return tuple(content["versions"]) if content else ()


@cache
def schema_of(group: str, version: str, kind: str) -> KindSchema:
    """Return the compiled schema of a version that `known_versions` named. Takes about 10 ms at the first call."""
    content = _content(group, kind)
    if content is None:
        msg = f"{kind}.{group}"
        raise KeyError(msg)
    schema = content["versions"][version]
    if isinstance(schema, str):
        return schema_of(group, schema, kind)
    return KindSchema(kind, content["namespaced"], _node(schema), linear_validator(schema))


def linear_validator(schema: Json) -> Draft4Validator:
    """Return a validator whose time grows with the text it checks and no faster.

    Patterns meet text of strangers, so the engine is the one without backtracking. Raises jsonschema_rs.ValidationError
    for a pattern that needs more than that.
    """
    return Draft4Validator(_plain(schema), pattern_options=RegexOptions(), validate_formats=True)


@cache
def _rule(text: str, message: str) -> CheckedRule:
    return CheckedRule(engine().compile(text), message)


def _node(schema: Json) -> Node:
    properties = {name: _node(part) for name, part in schema.get("properties", {}).items()}
    values = schema.get("additionalProperties")
    rules = [rule for rule in schema.get("x-kubernetes-validations", ()) if "oldSelf" not in rule["rule"]]
    return Node(
        properties=properties,
        defaults={
            name: complete(part["default"], properties[name], (), [])
            for name, part in schema.get("properties", {}).items()
            if "default" in part
        },
        values=_node(values) if isinstance(values, dict) else None,
        items=_node(schema["items"]) if "items" in schema else None,
        # Rules about the step from an old value to a new one have no old value here.
        rules=tuple(_rule(rule["rule"], rule.get("message") or f"breaks the rule {rule['rule']}") for rule in rules),
        list_type=schema.get("x-kubernetes-list-type", "atomic"),
        list_keys=tuple(schema.get("x-kubernetes-list-map-keys", ())),
        open=schema.get("x-kubernetes-preserve-unknown-fields", False) or values is True,
    )


def _plain(schema: Json) -> Json:
    """Turn a structural schema of Kubernetes into JSON Schema: no extensions, bounds of integers said."""
    if not isinstance(schema, dict):
        return schema
    out: dict[str, Json] = {}
    for keyword, value in schema.items():
        match PARTS.get(keyword):
            case "map":
                out[keyword] = {name: _plain(part) for name, part in value.items()}
            case "list":
                out[keyword] = [_plain(part) for part in value]
            case "one":
                out[keyword] = _plain(value)
            case _ if not keyword.startswith("x-kubernetes-") and keyword != "default":
                out[keyword] = value
    if schema.get("x-kubernetes-int-or-string"):
        out["type"] = ["integer", "string"]
    if schema.get("type") == "integer":
        low, high = INT_BOUNDS[schema.get("format", "int64")]
        out = {"minimum": low, "maximum": high, **out}
        out.pop("format", None)
    return out


def complete(value: Json, node: Node, path: tuple[str | int, ...], unknown: list[tuple[str | int, ...]]) -> Json:
    """Return a copy of the value with defaults filled in, and without nulls and unknown fields.

    Paths of unknown fields are appended to `unknown`. A null stands for "not given", as on an API server. A value of
    the wrong shape is returned as it is: saying so is the validator's part.
    """
    if isinstance(value, dict):
        out: dict[str, Json] = {}
        for name, member in value.items():
            child = node.properties.get(name)
            if child is not None:
                if member is not None:
                    out[name] = complete(member, child, (*path, name), unknown)
            elif node.values is not None:
                out[name] = complete(member, node.values, (*path, name), unknown)
            elif node.open:
                out[name] = member
            else:
                unknown.append((*path, name))
        for name, default in node.defaults.items():
            out.setdefault(name, default)
        return out
    if isinstance(value, list) and node.items is not None:
        return [complete(member, node.items, (*path, index), unknown) for index, member in enumerate(value)]
    return value
