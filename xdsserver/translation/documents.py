"""Envoy resources as documents for people: the JSON form of protobuf, as Envoy's own configuration is written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from google.protobuf import json_format

from xdsserver.xds.redaction import redacted

if TYPE_CHECKING:
    from xdsserver.xds.resource import Resource


def document(resource: Resource) -> dict[str, Any]:
    """Give a resource with the field names of Envoy's documentation; a placeholder stands for what is secret."""
    # By way of text: the dictionaries of json_format are of a class that YAML does not know.
    text = json_format.MessageToJson(redacted(resource), preserving_proto_field_name=True)
    out: dict[str, Any] = json.loads(text)
    del out["@type"]
    return out


def short_type(type_url: str) -> str:
    """Give the name of a message without its package: `Cluster`."""
    return type_url.rpartition(".")[2]
