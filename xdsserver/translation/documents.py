"""Envoy resources as documents for people: the JSON form of protobuf, as Envoy's own configuration is written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from google.protobuf import descriptor_pool, json_format, message_factory

from xdsserver.xds.redaction import redacted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.protobuf.descriptor import FieldDescriptor
    from google.protobuf.message import Message

    from xdsserver.xds.resource import Resource


def document(resource: Resource) -> dict[str, Any]:
    """Give a resource with the field names of Envoy's documentation; a placeholder stands for what is secret."""
    # By way of text: the dictionaries of json_format are of a class that YAML does not know.
    text = json_format.MessageToJson(redacted(resource), preserving_proto_field_name=True)
    out: dict[str, Any] = json.loads(text)
    del out["@type"]
    return out


def pieces(resource: Resource) -> Iterator[str]:
    """Write the same document as JSON text, piece by piece: a table of 5,000 routes takes a second as a whole.

    What is repeated at the top, such as the virtual hosts of a table, is written one by one; the rest is one piece.
    """
    packed = redacted(resource)
    descriptor = descriptor_pool.Default().FindMessageTypeByName(packed.TypeName())
    message = message_factory.GetMessageClass(descriptor).FromString(packed.value)
    lists = [field for field, _ in message.ListFields() if field.is_repeated and _holds_messages(field)]
    rest = message_factory.GetMessageClass(descriptor)()
    rest.CopyFrom(message)
    for field in lists:
        rest.ClearField(field.name)
    yield _text(rest)[:-1]
    comma = "," if rest.ListFields() else ""
    for field in lists:
        yield f'{comma}"{field.name}":['
        for number, element in enumerate(getattr(message, field.name)):
            yield ("," if number else "") + _text(element)
        yield "]"
        comma = ","
    yield "}"


def _holds_messages(field: FieldDescriptor) -> bool:
    return field.message_type is not None and not field.message_type.GetOptions().map_entry


def _text(message: Message) -> str:
    return json_format.MessageToJson(message, preserving_proto_field_name=True, indent=None)


def short_type(type_url: str) -> str:
    """Give the name of a message without its package: `Cluster`."""
    return type_url.rpartition(".")[2]
