"""Between the bytes of a stream and the values of a session: parse requests, join responses.

Requests are small and parsed by protobuf. Responses are joined from the fragments that resources keep, so that sending
ten thousand routes to the hundredth Envoy copies bytes once and serialises nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from envoy.service.discovery.v3 import discovery_pb2
from google.protobuf.message import DecodeError, Message

from xdsserver.xds.messages import DeltaRequest, Node, SotwRequest
from xdsserver.xds.names import shared
from xdsserver.xds.protobuf import text_field

if TYPE_CHECKING:
    from envoy.config.core.v3 import base_pb2

    from xdsserver.xds.messages import Response

_Request = TypeVar("_Request", bound=Message)

# Numbers of fields in envoy/service/discovery/v3/discovery.proto.
_SOTW_VERSION, _SOTW_TYPE, _SOTW_NONCE = 1, 4, 5
_DELTA_TYPE, _DELTA_NONCE, _DELTA_REMOVED = 4, 5, 6

_REVISION: Final = "revision.sha"
_REVISION_DIGITS: Final = 12


class MalformedRequestError(ValueError):
    """The bytes are not the message that they should be."""


def read_delta(content: bytes) -> DeltaRequest:
    """Parse a `DeltaDiscoveryRequest`.

    Raises:
        MalformedRequestError: the bytes are no such message.
    """
    message = _parse(discovery_pb2.DeltaDiscoveryRequest(), content)
    return DeltaRequest(
        type_url=message.type_url,
        node=_node(message.node) if message.HasField("node") else None,
        nonce=message.response_nonce,
        error=message.error_detail.message if message.HasField("error_detail") else None,
        # Shared at once: a request may have to wait, and thousands of names are most of it.
        subscribe=shared(message.resource_names_subscribe),
        unsubscribe=shared(message.resource_names_unsubscribe),
        initial_versions=dict(message.initial_resource_versions),
    )


def read_sotw(content: bytes) -> SotwRequest:
    """Parse a `DiscoveryRequest`.

    Raises:
        MalformedRequestError: the bytes are no such message.
    """
    message = _parse(discovery_pb2.DiscoveryRequest(), content)
    return SotwRequest(
        type_url=message.type_url,
        node=_node(message.node) if message.HasField("node") else None,
        nonce=message.response_nonce,
        error=message.error_detail.message if message.HasField("error_detail") else None,
        names=shared(message.resource_names),
        version=message.version_info,
    )


def write_delta(response: Response) -> bytes:
    """Join a `DeltaDiscoveryResponse`."""
    parts = [text_field(_DELTA_TYPE, response.type_url), text_field(_DELTA_NONCE, response.nonce)]
    for resource in response.resources:
        parts += (resource.delta_head, resource.body)
    parts += (text_field(_DELTA_REMOVED, name) for name in response.removed)
    return b"".join(parts)


def write_sotw(response: Response) -> bytes:
    """Join a `DiscoveryResponse`."""
    parts = [
        text_field(_SOTW_VERSION, response.version),
        text_field(_SOTW_TYPE, response.type_url),
        text_field(_SOTW_NONCE, response.nonce),
    ]
    for resource in response.resources:
        parts += (resource.any_head, resource.body)
    return b"".join(parts)


def _node(node: base_pb2.Node) -> Node:
    return Node(node.id, node.cluster, _build(node))


def _build(node: base_pb2.Node) -> str:
    if not node.HasField("user_agent_build_version"):
        return node.user_agent_version
    build = node.user_agent_build_version
    number = f"{build.version.major_number}.{build.version.minor_number}.{build.version.patch}"
    fields = build.metadata.fields
    revision = fields[_REVISION].string_value if _REVISION in fields else ""
    return f"{number}/{revision[:_REVISION_DIGITS]}" if revision else number


def _parse(message: _Request, content: bytes) -> _Request:
    try:
        message.ParseFromString(content)
    except DecodeError as error:
        words = f"{len(content)} bytes that are no {message.DESCRIPTOR.full_name}"
        raise MalformedRequestError(words) from error
    return message
