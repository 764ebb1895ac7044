"""How a process is, as probes are told, and that nobody can be told; apart from what it takes to tell them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Condition:
    """How the process is.

    `ready` says whether Envoys are answered: true from when all sources have listed once, and false at the end. It
    does not fall when a source is away, since what was known is served on and an Envoy needs it most then. `detail` is
    for people: anything that JSON can say.
    """

    ready: bool
    detail: Mapping[str, object]


class EndpointError(Exception):
    """The address cannot be had; the message names it and says why."""
