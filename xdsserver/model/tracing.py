"""Tracing: what is told of the requests of a Gateway, and to whom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from xdsserver.model.routing import ClusterKey


@dataclass(frozen=True, slots=True)
class SpanAttribute:
    """An attribute of every span: a literal, a header of the request, or something that is known of the request."""

    name: str
    source: Literal["literal", "header", "known"]
    value: str


@dataclass(frozen=True, slots=True)
class Tracing:
    """Spans of all requests of which `share_ppm` millionths are told, sent by OTLP over gRPC.

    With `follows_parent` that is for traces that begin here, and others are told when whoever began them says so.
    `service` and `span` are the names that spans carry, `span` empty for Envoy's own. `authority` is the Host of the
    collector, empty where that is no matter.
    """

    collector: ClusterKey
    authority: str
    headers: tuple[tuple[str, str], ...]
    service: str
    span: str
    share_ppm: int
    follows_parent: bool
    attributes: tuple[SpanAttribute, ...]
