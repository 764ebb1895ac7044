"""A resource is bytes with a name and a content version; whoever sends it joins bytes and never serialises again.

A response to one stream is a few bytes of its own (nonce, type) around fragments that all streams share: the small
`head` of each resource, made once, followed by its `body`, which is never copied until the response is joined.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING, Final, Self

from xdsserver.xds.protobuf import length_prefix, text_field

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.message import Message

    from xdsserver.xds.fragments import Assembly

_PREFIX: Final = "type.googleapis.com/"

CLUSTER: Final = _PREFIX + "envoy.config.cluster.v3.Cluster"
ENDPOINTS: Final = _PREFIX + "envoy.config.endpoint.v3.ClusterLoadAssignment"
LISTENER: Final = _PREFIX + "envoy.config.listener.v3.Listener"
SCOPED_ROUTE: Final = _PREFIX + "envoy.config.route.v3.ScopedRouteConfiguration"
ROUTE: Final = _PREFIX + "envoy.config.route.v3.RouteConfiguration"
SECRET: Final = _PREFIX + "envoy.extensions.transport_sockets.tls.v3.Secret"
EXTENSION: Final = _PREFIX + "envoy.config.core.v3.TypedExtensionConfig"

TYPE_ORDER: Final = (CLUSTER, ENDPOINTS, LISTENER, SCOPED_ROUTE, ROUTE, SECRET, EXTENSION)
"""Every type that is served, in the order in which one change is sent: what is named before what names it."""

WILDCARD_TYPES: Final = frozenset({CLUSTER, LISTENER, SCOPED_ROUTE})
"""Types for which an empty first request asks for everything, and whose state-of-the-world response is complete."""

_VERSION_DIGITS: Final = 32


def content_version(body: bytes) -> str:
    """Name the content: the same bytes have the same version on every replica and after every restart.

    SHA-256, since processors compute it: for a large route table hashing is a good part of what a change costs us.
    """
    return sha256(body).hexdigest()[:_VERSION_DIGITS]


@dataclass(frozen=True, slots=True)
class Resource:
    """One Envoy resource as it is sent; two resources are equal when type, name and version are.

    `version` is the content hash of `body` (32 hex digits), so that comparing it compares the bytes. What follows
    `body` is read off the same content and therefore takes no part in equality.
    """

    type_url: str
    name: str
    version: str
    body: bytes = field(compare=False, repr=False)
    clusters: tuple[frozenset[str], ...] = field(default=(), compare=False, repr=False)
    """Names of the clusters that this Listener or RouteConfiguration names; sets that its parts can share."""
    endpoints: str | None = field(default=None, compare=False, repr=False)
    """For a Cluster: the name of the ClusterLoadAssignment that it reads over EDS, which other clusters may share."""
    parts: Callable[[], Assembly] | None = field(default=None, compare=False, repr=False)
    """What it is joined from, taken apart only when an Envoy rejects it; None where it belongs together."""
    _delta_head: bytes = field(default=b"", init=False, compare=False, repr=False)
    _any_head: bytes = field(default=b"", init=False, compare=False, repr=False)

    @classmethod
    def of_bytes(
        cls,
        type_url: str,
        name: str,
        body: bytes,
        *,
        clusters: tuple[frozenset[str], ...] = (),
        endpoints: str | None = None,
    ) -> Self:
        """Make a resource of a message that is serialised already (deterministically, by whoever joined it)."""
        return cls(type_url, name, content_version(body), body, clusters, endpoints)

    @classmethod
    def of(
        cls,
        message: Message,
        name: str,
        *,
        clusters: tuple[frozenset[str], ...] = (),
        endpoints: str | None = None,
    ) -> Self:
        """Make a resource of a message; its type URL is that of the message."""
        body = message.SerializeToString(deterministic=True)
        type_url = _PREFIX + message.DESCRIPTOR.full_name
        return cls.of_bytes(type_url, name, body, clusters=clusters, endpoints=endpoints)

    def joined_from(self, parts: Callable[[], Assembly]) -> Self:
        """Give the same resource with the way to take it apart, which is gone at most once."""
        return replace(self, parts=cache(parts))

    def without_bytes(self) -> Self:
        """Give what is worth keeping of a version that will hardly be sent again: parts are shared, a body is not."""
        return self if self.parts is None else replace(self, body=b"")

    def with_bytes(self) -> Resource:
        """Join again what `without_bytes` left."""
        return self if self.parts is None or self.body else self.parts().resource(self.type_url, self.name)

    @property
    def any_head(self) -> bytes:
        """What precedes `body` in a field 2 of type `Any`: an entry of `DiscoveryResponse.resources`.

        It is also how `envoy.service.discovery.v3.Resource` holds its `resource`, which is field 2 there too.
        """
        if not self._any_head:
            within = text_field(1, self.type_url) + length_prefix(2, len(self.body))
            head = length_prefix(2, len(within) + len(self.body)) + within
            object.__setattr__(self, "_any_head", head)
        return self._any_head

    @property
    def delta_head(self) -> bytes:
        """What precedes `body` in an entry of `DeltaDiscoveryResponse.resources` (field 2)."""
        if not self._delta_head:
            within = text_field(1, self.version) + text_field(3, self.name) + self.any_head
            head = length_prefix(2, len(within) + len(self.body)) + within
            object.__setattr__(self, "_delta_head", head)
        return self._delta_head
