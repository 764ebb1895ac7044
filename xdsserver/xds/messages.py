"""What crosses a stream, as plain values: requests of both dialects, responses, and the outcome of one step."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from xdsserver.xds.ledger import Event
    from xdsserver.xds.resource import Resource


@dataclass(frozen=True, slots=True)
class Node:
    """Who is at the other end, in its own words (`envoy.config.core.v3.Node`)."""

    id: str
    cluster: str = ""
    build: str = ""
    """Which Envoy it is (version and revision): one opinion of what is good. Empty where it does not say."""


@dataclass(frozen=True, slots=True)
class DeltaRequest:
    """One `DeltaDiscoveryRequest`; `error` is the message of `error_detail` and None when there is none."""

    type_url: str
    node: Node | None = None
    nonce: str = ""
    error: str | None = None
    subscribe: Collection[str] = ()
    unsubscribe: Collection[str] = ()
    initial_versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SotwRequest:
    """One `DiscoveryRequest` (state of the world); `names` is the whole list, not a difference."""

    type_url: str
    node: Node | None = None
    nonce: str = ""
    error: str | None = None
    names: Collection[str] = ()
    version: str = ""


Request: TypeAlias = DeltaRequest | SotwRequest


@dataclass(frozen=True, slots=True)
class Response:
    """One response of either dialect: `removed` is used by delta only, `version` by state of the world only."""

    type_url: str
    nonce: str
    resources: tuple[Resource, ...] = ()
    removed: tuple[str, ...] = ()
    version: str = ""


class RefusalCode(Enum):
    """Why a stream is ended; the values are the names of gRPC's status codes."""

    INVALID_ARGUMENT = "INVALID_ARGUMENT"
    PERMISSION_DENIED = "PERMISSION_DENIED"
    RESOURCE_EXHAUSTED = "RESOURCE_EXHAUSTED"


@dataclass(frozen=True, slots=True)
class Refused:
    """The client broke the protocol or asks for what is not its own: the stream ends with this status."""

    code: RefusalCode
    words: str


@dataclass(frozen=True, slots=True)
class Step:
    """What one input leads to: responses to write in this order, events for the ledger, or the end of the stream."""

    responses: tuple[Response, ...] = ()
    events: tuple[Event, ...] = ()
    refused: Refused | None = None
