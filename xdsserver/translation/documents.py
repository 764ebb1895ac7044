"""Envoy resources as documents for people: the JSON form of protobuf, as Envoy's own configuration is written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from envoy.config.cluster.v3 import cluster_pb2
from envoy.config.endpoint.v3 import endpoint_pb2
from envoy.config.listener.v3 import listener_pb2
from envoy.config.route.v3 import route_pb2
from google.protobuf import json_format

from xdsserver.xds.resource import CLUSTER, ENDPOINTS, LISTENER, ROUTE

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from xdsserver.xds.resource import Resource

_MESSAGES: dict[str, type[Message]] = {
    CLUSTER: cluster_pb2.Cluster,
    ENDPOINTS: endpoint_pb2.ClusterLoadAssignment,
    LISTENER: listener_pb2.Listener,
    ROUTE: route_pb2.RouteConfiguration,
}


def message(resource: Resource) -> Message:
    """Parse a resource back from its bytes."""
    out = _MESSAGES[resource.type_url]()
    out.ParseFromString(resource.body)
    return out


def document(resource: Resource) -> dict[str, Any]:
    """Give a resource with the field names of Envoy's documentation."""
    # By way of text: the dictionaries of json_format are of a class that YAML does not know.
    text = json_format.MessageToJson(message(resource), preserving_proto_field_name=True)
    out: dict[str, Any] = json.loads(text)
    return out


def short_type(type_url: str) -> str:
    """Give the name of a message without its package: `Cluster`."""
    return type_url.rpartition(".")[2]
