"""Whose fields we take back again and again: then somebody else means it, and we stop for a while.

Times are seconds of one clock that never goes back, handed in.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from xdsserver.objects.meta import ObjectKey

MOST: Final = 3
WITHIN_S: Final = 600.0
"""After so many times within so long an object is left alone, for as long."""


@dataclass
class Reverts:
    """When fields of each object were taken back."""

    _times: dict[ObjectKey, deque[float]] = field(default_factory=dict)

    def reverted(self, key: ObjectKey, now_s: float) -> bool:
        """Note that fields were taken back; True when that was once too often."""
        times = self._times.setdefault(key, deque(maxlen=MOST))
        times.append(now_s)
        if len(times) < MOST or now_s - times[0] > WITHIN_S:
            return False
        del self._times[key]
        return True

    def forget(self, key: ObjectKey) -> None:
        """Forget an object that is gone."""
        self._times.pop(key, None)
