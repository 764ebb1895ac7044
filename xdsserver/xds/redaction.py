"""What a resource says, without what must stay secret: for people and tools that may look and not own.

Envoy's protos mark what is sensitive (`udpa.annotations.sensitive`), and Envoy's own config dump hides by that mark.
What is inside an `Any` whose type is not known here cannot be judged, and is left out.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

from envoy.config.cluster.v3 import cluster_pb2
from envoy.config.core.v3 import extension_pb2
from envoy.config.endpoint.v3 import endpoint_pb2
from envoy.config.listener.v3 import listener_pb2
from envoy.config.route.v3 import route_pb2, scoped_route_pb2
from envoy.extensions.transport_sockets.tls.v3 import secret_pb2
from google.protobuf import any_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError
from udpa.annotations import sensitive_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.protobuf.descriptor import Descriptor, FieldDescriptor
    from google.protobuf.message import Message

    from xdsserver.xds.resource import Resource

HIDDEN: Final = "[redacted]"
"""Stands where a secret text was, as in Envoy's config dump."""

_DESCRIBED: Final = (cluster_pb2, endpoint_pb2, extension_pb2, listener_pb2, route_pb2, scoped_route_pb2, secret_pb2)
"""Where the types that are served are described; importing makes them known, to reflection as well."""

_ANY: Final = any_pb2.Any.DESCRIPTOR.full_name


def redacted(resource: Resource) -> any_pb2.Any:
    """Return the content of a resource with everything sensitive replaced or left out."""
    content = any_pb2.Any(type_url=resource.type_url, value=resource.body)
    _clean_any(content)
    return content


def _clean_any(packed: any_pb2.Any) -> None:
    try:
        descriptor = descriptor_pool.Default().FindMessageTypeByName(packed.TypeName())
        message = message_factory.GetMessageClass(descriptor).FromString(packed.value)
    except (KeyError, DecodeError):
        packed.ClearField("value")
        return
    _clean(message)
    packed.value = message.SerializeToString(deterministic=True)


def _clean(message: Message) -> None:
    if isinstance(message, any_pb2.Any):
        _clean_any(message)
        return
    for field, _ in message.ListFields():
        if _is_sensitive(field):
            _hide(message, field)
        elif (kind := _message_type(field)) is not None and _may_hide(kind):
            for part in _parts(message, field):
                _clean(part)


def _hide(message: Message, field: FieldDescriptor) -> None:
    """Leave of a field what it is, and nothing of what it says."""
    if _message_type(field) is not None:
        for part in _parts(message, field):
            for inner, _ in part.ListFields():
                _hide(part, inner)
        return
    plain = not field.is_repeated
    message.ClearField(field.name)
    if plain and field.type == field.TYPE_STRING:
        setattr(message, field.name, HIDDEN)
    elif plain and field.type == field.TYPE_BYTES:
        setattr(message, field.name, HIDDEN.encode())


def _parts(message: Message, field: FieldDescriptor) -> Iterator[Message]:
    value = getattr(message, field.name)
    if not field.is_repeated:
        yield value
    elif field.message_type is not None and field.message_type.GetOptions().map_entry:
        yield from value.values()
    else:
        yield from value


def _message_type(field: FieldDescriptor) -> Descriptor | None:
    """Return the type of a field's messages (of a map: of its values); None where it has plain values."""
    kind: Descriptor | None = field.message_type
    if kind is not None and kind.GetOptions().map_entry:
        kind = kind.fields_by_name["value"].message_type
    return kind


def _is_sensitive(field: FieldDescriptor) -> bool:
    options = field.GetOptions()
    return bool(options.HasExtension(sensitive_pb2.sensitive) and options.Extensions[sensitive_pb2.sensitive])


@cache
def _may_hide(kind: Descriptor) -> bool:
    """Say whether messages of this type can hold anything sensitive, however deep; most cannot, and are not walked."""
    seen, todo = {kind.full_name}, [kind]
    while todo:
        now = todo.pop()
        if now.full_name == _ANY:
            return True
        for field in now.fields:
            if _is_sensitive(field):
                return True
            inner = _message_type(field)
            if inner is not None and inner.full_name not in seen:
                seen.add(inner.full_name)
                todo.append(inner)
    return False
