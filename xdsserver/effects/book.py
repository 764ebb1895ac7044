"""The book: what the API server has of each object as far as we know, and so what is owed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from xdsserver.effects.objects import (
    Amend,
    Amended,
    Apply,
    Delete,
    Intended,
    Kept,
    Removed,
    Taken,
    is_of,
    owed_amendment,
    owed_object,
)
from xdsserver.effects.status import Decided, StatusWrite, owed_status
from xdsserver.objects.gatewayclass import CONTROLLER

if TYPE_CHECKING:
    from datetime import datetime

    from xdsserver.effects.status import Observed
    from xdsserver.objects.meta import ObjectKey


Decision = Decided | Intended | Kept | Amended | Removed
"""What is decided on an object: its status, or all of it, or what is to become of one that is somebody else's."""

Effect = StatusWrite | Apply | Amend | Delete | Taken
"""What may be owed."""


@dataclass
class Book:
    """Holds the newest reading of every object, whether a watch told it or the answer to a write of ours.

    A watch runs behind our own writes. What it tells of a version before one that is known is dropped, so that nothing
    is written twice.
    """

    ours: frozenset[str] = frozenset({CONTROLLER})
    """The controller names whose entries we answer for."""
    realm: str = ""
    """What begins intentions of ours: what another controller of us made is not ours to delete."""
    _readings: dict[ObjectKey, Observed] = field(default_factory=dict)
    _answers: dict[ObjectKey, tuple[Decision | None, bytes]] = field(default_factory=dict)

    def read(self, key: ObjectKey, observed: Observed) -> bool:
        """Take a reading; False where it tells nothing that is new: an echo of our own write, or what was before it."""
        known = self._readings.get(key)
        if known is not None:
            if known.uid != observed.uid:
                self._answers.pop(key, None)
            elif not _is_news(observed.resource_version, known.resource_version):
                return False
        self._readings[key] = observed
        return True

    def gone(self, key: ObjectKey, uid: str = "") -> None:
        """Forget an object; where `uid` is given, only that one and not its successor."""
        known = self._readings.get(key)
        if known is not None and uid in {"", known.uid}:
            del self._readings[key]
            self._answers.pop(key, None)

    def written(self, key: ObjectKey, decided: Decision | None, answer: Observed) -> None:
        """Take the answer to a write of what was decided.

        Whatever the server made of it (a field pruned that its CRDs do not know yet, a default filled in) is as near as
        it gets: until either changes, nothing more is owed, or we would write the same for ever.
        """
        self.read(key, answer)
        self._answers[key] = (decided, answer.status)

    def reading(self, key: ObjectKey) -> Observed | None:
        """Give what is known of an object."""
        return self._readings.get(key)

    def owed(self, key: ObjectKey, decided: Decision | None, now: datetime) -> Effect | None:
        """Say what is owed to an object; no status to one that is not there."""
        observed = self._readings.get(key)
        if isinstance(decided, Intended) and self._drifted_before(key, decided):
            decided = replace(decided, drift=0)
        if isinstance(decided, Intended | Kept) or (
            decided is None and observed is not None and is_of(observed.intent, self.realm)
        ):
            return owed_object(decided, observed)
        if isinstance(decided, Amended | Removed):
            answered = self._answers.get(key)
            return None if answered is not None and answered[0] == decided else owed_amendment(decided, observed)
        if observed is None or self._answers.get(key) == (decided, observed.status):
            return None
        return owed_status(decided, observed, now, self.ours)

    def _drifted_before(self, key: ObjectKey, intended: Intended) -> bool:
        """Whether just this was applied already: what differs still is how the server writes it."""
        answered = self._answers.get(key)
        return answered is not None and answered[0] == intended


def _is_news(version: str, known: str) -> bool:
    """Whether a version may be newer than the one that is known of the same object.

    Versions are integers that grow, for every resource of an API server since Kubernetes 1.35 by promise and before by
    practice. Of others nothing can be told, and then what comes later counts.
    """
    if version == known:
        return version == ""
    return not (version.isdecimal() and known.isdecimal() and int(version) < int(known))
