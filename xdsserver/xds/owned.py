"""Mappings that are empty on nearly every stream: they are one and the same until something is put into one.

An empty dictionary is 80 bytes, one that was emptied 250, and a stream would have thirty of them.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping

_K = TypeVar("_K")
_V = TypeVar("_V")

NOTHING: Final[Mapping[Any, Any]] = MappingProxyType({})
"""What all share that have nothing."""


def own(mapping: Mapping[_K, _V]) -> dict[_K, _V]:
    """Return a dictionary to change: the mapping itself, or a new one in place of what is shared."""
    return mapping if isinstance(mapping, dict) else {}
