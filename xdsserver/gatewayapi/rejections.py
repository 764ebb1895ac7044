"""What Envoys reject although we found nothing wrong with it: a condition of our own on the object that is to blame."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from xdsserver.gatewayapi.conditions import REJECTED, Condition, Status, clip

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from xdsserver.model.places import ListenerKey

_NAMED = 3
"""Nodes that are named before the rest is counted."""


class RejectedAt(NamedTuple):
    """A listener behind which an object is rejected, and what is said of it."""

    listener: ListenerKey
    words: str


def names(nodes: Sequence[str]) -> str:
    """Name some nodes and count the rest."""
    more = f" and {len(nodes) - _NAMED} more" if len(nodes) > _NAMED else ""
    return ", ".join(nodes[:_NAMED]) + more


def in_words(nodes: Sequence[str], words: str) -> str:
    """Say who rejects something, in the words of Envoy."""
    return f"rejected by Envoy {names(nodes)}: {words}"


def rejected_condition(said: Iterable[str], generation: int) -> tuple[Condition, ...]:
    """Say that Envoys reject what an object came to, and what is served instead; nothing where they do not."""
    found = "; ".join(dict.fromkeys(said))
    if not found:
        return ()
    words = clip(f"what was last accepted of it is served on, or nothing: {found}")
    return (Condition(REJECTED, Status.TRUE, "RejectedByEnvoy", words, generation),)
