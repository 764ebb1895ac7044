"""What one replica has to say to the leader: newest state by key, told once, however slowly it is taken away.

A leader that reads nothing costs the state and not a queue of its changes.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Final, TypeVar

from xdsserver.replicas.statements import Attending, Statement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from xdsserver.model.places import ListenerKey
    from xdsserver.replicas.attendance import Attendance
    from xdsserver.replicas.statements import Answer, Envoy, Objection
    from xdsserver.xds.case import Blame

K = TypeVar("K")

PIECE: Final = 4000
"""Names in one statement, but for those of the last entry in it: some hundred kibibytes."""

_WORDS_COUNT: Final = 20
"""Names that take as much room as Envoy's words."""


def _nobody() -> None:
    """Wake nobody."""


class Witness:
    """Collects what is to be told; `begin` starts over for another listener, with everything.

    What is told of an Envoy and of what it has must fit together at any time, or somebody counts as served who is not.
    Therefore `settle` takes both at once, and they go out in an order in which no piece says too much: those who left,
    then who has what, then those who came.
    """

    def __init__(self, name: str, attendance: Attendance) -> None:
        self.name = name
        self.on_news: Callable[[], None] = _nobody
        """Called when there is something to tell."""
        self._attendance = attendance
        self._present: dict[Envoy, float] = {}
        self._answers: dict[ListenerKey, Answer] = {}
        self._objections: dict[int, tuple[Objection, float]] = {}
        self._numbers: dict[Blame, int] = {}
        self._number = count(1)
        # Keys of what is new: dictionaries, since their order is that of the news.
        self._left: dict[Envoy, None] = {}
        self._answered: dict[ListenerKey, None] = {}
        self._came: dict[Envoy, None] = {}
        self._objected: dict[int, None] = {}
        self._begun = False
        self._complete = False

    def begin(self) -> None:
        """Tell everything to a leader who knows nothing, and who has not asked for anything yet."""
        self._answers.clear()
        self._present = dict(self._attendance.present())
        self._left, self._answered = {}, {}
        self._came = dict.fromkeys(self._present)
        self._objected = dict.fromkeys(self._objections)
        self._begun = self._complete = False

    def settle(self, moved: Iterable[Envoy], answers: Iterable[Answer]) -> None:
        """Take in which Envoys came, connected anew or left, and how far all of them are with what was asked for."""
        for envoy in moved:
            since_s = self._attendance.since_s(envoy)
            self._left.pop(envoy, None)
            self._came.pop(envoy, None)
            if since_s is not None:
                self._present[envoy] = since_s
                self._came[envoy] = None
            elif self._present.pop(envoy, None) is not None:
                self._left[envoy] = None
        for answer in answers:
            if self._answers.get(answer.subject.key) != answer:
                self._answers[answer.subject.key] = answer
                self._answered[answer.subject.key] = None
        self._wake()

    def closed(self, key: ListenerKey) -> None:
        """Say no more of a subject."""
        self._answers.pop(key, None)
        self._answered.pop(key, None)

    def object(self, objections: Mapping[Blame, Objection], now_s: float) -> None:
        """Take in all that is rejected here now."""
        for blame in self._numbers.keys() - objections.keys():
            number = self._numbers.pop(blame)
            del self._objections[number]
            self._objected[number] = None
        for blame, objection in objections.items():
            number = self._numbers.get(blame) or next(self._number)
            self._numbers[blame] = number
            before = self._objections.get(number)
            if before is None or before[0] != objection:
                self._objections[number] = (objection, now_s if before is None else before[1])
                self._objected[number] = None
        self._wake()

    def next_statement(self, now_s: float, most: int = PIECE) -> Statement | None:
        """Give the next piece of what is new, of about `most` names; None where there is nothing."""
        room = _Room(most)
        left = tuple(Attending(envoy, None) for envoy in room.take(self._left, lambda _: 1))
        answers = tuple(self._answers[key] for key in room.take(self._answered, self._names_of_answer))
        came = tuple(
            Attending(envoy, max(0.0, now_s - self._present[envoy])) for envoy in room.take(self._came, lambda _: 1)
        )
        objected = room.take(self._objected, self._names_of_objection)
        objections = tuple((number, self._objection(number, now_s)) for number in objected)
        told_all = not (self._left or self._answered or self._came or self._objected)
        news = bool(left or answers or came or objections) or not self._begun or (told_all and not self._complete)
        if not news:
            return None
        name = None if self._begun else self.name
        self._begun = True
        self._complete = self._complete or told_all
        return Statement(name, (*left, *came), answers, objections, self._complete)

    def _names_of_answer(self, key: ListenerKey) -> int:
        return 1 + len(self._answers[key].waiting or ())

    def _names_of_objection(self, number: int) -> int:
        objection, _ = self._objections.get(number, (None, 0.0))
        return 1 if objection is None else _WORDS_COUNT + len(objection.nodes) + len(objection.listeners)

    def _objection(self, number: int, now_s: float) -> Objection | None:
        found = self._objections.get(number)
        if found is None:
            return None
        objection, since_s = found
        return replace(objection, lasts_s=max(0.0, now_s - since_s))

    def _wake(self) -> None:
        if self._left or self._answered or self._came or self._objected:
            self.on_news()


class _Room:
    """What still goes into a piece; whatever is taken first goes in, however large it is."""

    def __init__(self, most: int) -> None:
        self._left = most

    def take(self, keys: dict[K, None], size: Callable[[K], int]) -> tuple[K, ...]:
        """Take keys from the front for as long as there is room."""
        taken = []
        for key in keys:
            if self._left <= 0:
                break
            self._left -= size(key)
            taken.append(key)
        for key in taken:
            del keys[key]
        return tuple(taken)
