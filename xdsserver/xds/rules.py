"""What all streams of a server have in common: who gets what, how long things wait, how much one client may ask."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from xdsserver.xds.messages import DeltaRequest, RefusalCode, Refused
from xdsserver.xds.ordering import Timing

if TYPE_CHECKING:
    from collections.abc import Callable

    from xdsserver.xds.messages import Node, Request


@dataclass(frozen=True, slots=True)
class Limits:
    """What one client may ask of us."""

    names_per_request: int = 20_000
    names_per_type: int = 100_000
    """In all requests of a stream together, those that are subscribed to."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The settings of sessions; `fleet_of` decides which configuration a node gets, or why it gets none."""

    fleet_of: Callable[[Node], str | Refused]
    timing: Timing = field(default_factory=Timing)
    limits: Limits = field(default_factory=Limits)


def refusal(request: Request, limits: Limits, *, introduced: bool) -> Refused | None:
    """Return why this request ends its stream, if it does; `introduced` streams have said who they are."""
    if not introduced and (request.node is None or not request.node.id):
        words = "the first request of a stream must carry a node with an id (start Envoy with --service-node)"
        return Refused(RefusalCode.INVALID_ARGUMENT, words)
    if not request.type_url:
        return Refused(RefusalCode.INVALID_ARGUMENT, "an aggregated stream needs a type_url in every request")
    if isinstance(request, DeltaRequest):
        names = max(len(request.subscribe), len(request.unsubscribe))
    else:
        names = len(request.names)
    if names > limits.names_per_request:
        words = f"{names} names in one request for {request.type_url}; at most {limits.names_per_request} are served"
        return Refused(RefusalCode.RESOURCE_EXHAUSTED, words)
    return None


def excess(type_url: str, subscribed: int, limits: Limits) -> Refused | None:
    """Return why a stream that subscribes to so many names of a type ends, if it does."""
    if subscribed <= limits.names_per_type:
        return None
    words = f"{subscribed} names of {type_url} on one stream; at most {limits.names_per_type} are served"
    return Refused(RefusalCode.RESOURCE_EXHAUSTED, words)
