"""Structs of ours as schemas: descriptions, limits and rules stand at the fields, and the CRD is made of them.

What `about` adds is for schemas alone. Decoding stays as lenient as that of every other kind, so that an object of a
newer release can be read here, and be answered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import inspect

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xdsserver.objects.meta import Part

Schema = dict[str, Any]
"""A structural schema, as a CRD holds it."""

RULES = "x-kubernetes-validations"


def about(description: str, *rules: tuple[str, str], **keywords: object) -> msgspec.Meta:
    """Describe a field for its schema: words for users, rules (CEL and what to tell who breaks it), JSON Schema."""
    extra = dict(keywords)
    if rules:
        extra[RULES] = [{"rule": rule, "message": message} for rule, message in rules]
    return msgspec.Meta(description=description, extra_json_schema=extra)


def structural(struct: type[Part]) -> Schema:
    """Give the structural schema of a struct: its fields with descriptions, types, defaults, limits and rules.

    Raises:
        TypeError: a field has a type that has no place in such a schema.
    """
    return _schema(inspect.type_info(struct))


def _schema(shape: inspect.Type) -> Schema:
    match shape:
        case inspect.Metadata(type=inner, extra_json_schema=extra):
            return {**_schema(inner), **(extra or {})}
        case inspect.StructType():
            return _object(shape)
        case inspect.UnionType(types=types):
            return _union([one for one in types if not isinstance(one, inspect.NoneType)])
        case inspect.VarTupleType(item_type=item):
            return {"type": "array", "items": _schema(item)}
        case inspect.DictType(value_type=inspect.AnyType()):
            # A part of another API, handed on as it is: it grows with Kubernetes, and whoever runs it checks it.
            return {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
        case inspect.DictType(value_type=value):
            return {"type": "object", "additionalProperties": _schema(value)}
        case inspect.StrType():
            return {"type": "string"}
        case inspect.BoolType():
            return {"type": "boolean"}
        case inspect.IntType():
            return {"type": "integer", "format": "int32"}
        case _:
            message = f"{shape} has no place in a structural schema"
            raise TypeError(message)


def _union(types: list[inspect.Type]) -> Schema:
    if len(types) == 1:
        return _schema(types[0])
    if {type(one) for one in types} == {inspect.IntType, inspect.StrType}:
        return {"anyOf": [{"type": "integer"}, {"type": "string"}], "x-kubernetes-int-or-string": True}
    message = f"a field is one of {types}: schemas know only numbers or text as a choice"
    raise TypeError(message)


def _object(shape: inspect.StructType) -> Schema:
    schema: Schema = {"type": "object", "properties": {}}
    for field in shape.fields:
        part = _schema(field.type)
        if field.default is not msgspec.NODEFAULT and (default := plain(field.default)) not in (None, [], {}):
            part["default"] = default
        elif isinstance(field.default, msgspec.Struct):
            # An empty object: its own defaults are filled in by whoever reads the schema.
            part["default"] = {}
        schema["properties"][field.encode_name] = part
    if required := [field.encode_name for field in shape.fields if field.required]:
        schema["required"] = required
    return schema


def plain(value: object) -> Any:  # noqa: ANN401  (any JSON)
    """Turn a struct into a document, without what is not given; an empty struct stays, since it may mean everything."""
    match value:
        case msgspec.Struct():
            names: Mapping[str, str] = dict(zip(value.__struct_fields__, value.__struct_encode_fields__, strict=True))
            parts = ((encoded, getattr(value, name)) for name, encoded in names.items())
            return {encoded: plain(part) for encoded, part in parts if part not in (None, (), {})}
        case tuple() | list():
            return [plain(part) for part in value]
        case dict():
            return {name: plain(part) for name, part in value.items()}
        case _:
            return value
