"""What a follower tells: all of it first, then what changes, and at no time more than is true."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.replicas.council import FLEET, KEY, SHOP, TABLE, answer, objection
from xdsserver.replicas import Envoy, Statement, Subject, Witness, witness
from xdsserver.replicas.attendance import Attendance
from xdsserver.replicas.statements import Attending
from xdsserver.xds.case import Blame
from xdsserver.xds.ledger import Joined, Left
from xdsserver.xds.messages import Node

BLAME = Blame(*TABLE, tuple(SHOP))


class Follower:
    """A witness, and Envoys that come and go."""

    def __init__(self) -> None:
        self.attendance = Attendance()
        self.witness = Witness("two", self.attendance)
        self.now = 100.0
        self.woken = 0
        self.witness.begin()
        self.witness.on_news = self.wake

    def wake(self) -> None:
        self.woken += 1

    def joins(self, node: str, stream: str) -> None:
        self._moved(Joined(stream, Node(node, FLEET), FLEET))

    def leaves(self, stream: str) -> None:
        self._moved(Left(stream))

    def _moved(self, event: Joined | Left) -> None:
        envoy = self.attendance.hear(event, self.now)
        self.witness.settle([envoy] if envoy is not None else [], ())

    def says(self) -> list[Statement]:
        return list(iter(lambda: self.witness.next_statement(self.now), None))


def test_everything_first_and_then_what_changes() -> None:
    follower = Follower()
    follower.joins("a", "1")
    follower.now += 5
    follower.witness.object({BLAME: objection("a")}, follower.now)
    (first,) = follower.says()
    assert (first.replica, first.complete) == ("two", True)
    assert first.attending == (Attending(Envoy(FLEET, "a"), 5.0),)
    assert [one for _, one in first.objections] == [objection("a")]
    assert follower.says() == []

    woken = follower.woken
    follower.witness.settle((), [answer("a")])
    assert follower.woken == woken + 1
    assert follower.says() == [Statement(answers=(answer("a"),), complete=True)]
    follower.witness.object({}, follower.now)
    assert follower.says() == [Statement(objections=((1, None),), complete=True)]
    woken = follower.woken
    follower.witness.object({}, follower.now)
    follower.witness.settle((), [answer("a")])
    assert (follower.woken, follower.says()) == (woken, []), "the same again is no news"


def test_with_nothing_to_tell_the_picture_is_whole_all_the_same() -> None:
    assert Follower().says() == [Statement("two", complete=True)]


def test_another_leader_is_told_everything_again_but_for_answers_that_it_has_not_asked_for() -> None:
    follower = Follower()
    follower.joins("a", "1")
    follower.witness.settle((), [answer()])
    follower.says()
    follower.witness.begin()
    (first,) = follower.says()
    assert (first.replica, len(first.attending), first.answers) == ("two", 1, ())


def test_what_changes_while_nobody_listens_is_told_once_as_it_is_then() -> None:
    follower = Follower()
    follower.says()
    for number in range(1000):
        follower.joins("a", str(number))
        follower.witness.settle((), [answer("a", generation=number)])
        if number:
            follower.leaves(str(number - 1))
    (told,) = follower.says()
    assert (len(told.attending), told.answers) == (1, (answer("a", generation=999),))


def test_x23_the_age_of_an_envoy_is_that_of_its_newest_stream() -> None:
    """X23: two streams with one node id; the newest counts, and what is left of them when it ends."""
    follower = Follower()
    follower.joins("a", "old")
    follower.now += 60
    follower.joins("a", "new")
    follower.now += 1
    assert follower.says()[0].attending == (Attending(Envoy(FLEET, "a"), 1.0),)
    follower.leaves("new")
    assert follower.says()[0].attending == (Attending(Envoy(FLEET, "a"), 61.0),)
    follower.leaves("old")
    assert follower.says()[0].attending == (Attending(Envoy(FLEET, "a"), None),)


def test_an_objection_tells_for_how_long_it_has_lasted() -> None:
    follower = Follower()
    follower.witness.object({BLAME: objection("a")}, follower.now)
    follower.now += 7
    follower.witness.object({BLAME: objection("a", "b")}, follower.now)
    follower.now += 1
    ((_, told),) = follower.says()[0].objections
    assert told is not None
    assert (told.nodes, told.lasts_s) == (frozenset("ab"), 8.0)


def test_a_large_picture_comes_in_pieces() -> None:
    follower = Follower()
    for number in range(2 * witness.PIECE):
        follower.joins(f"n{number}", str(number))
    told = follower.says()
    assert [len(one.attending) for one in told] == [witness.PIECE] * 2
    assert [one.complete for one in told] == [False, True]
    assert [one.replica for one in told] == ["two", None]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("join"), st.integers(0, 9)), st.tuples(st.just("ack"), st.integers(0, 9)), st.none()
        )
    ),
    st.integers(1, 3),
)
def test_no_piece_says_of_an_envoy_that_it_has_what_it_has_not(steps: list[tuple[str, int] | None], piece: int) -> None:
    """Whoever reads the pieces in order, and stops at any of them, takes nobody as served who was not at some time."""
    follower = Follower()
    present: set[str] = set()
    have: set[str] = set()
    ever: set[str] = set()
    seen: set[str] = set()
    waiting: frozenset[str] | None = None
    for step in steps:
        match step:
            case ("join", number):
                node = f"n{number}"
                event: Joined | Left = Left(node) if node in present else Joined(node, Node(node, FLEET), FLEET)
                present ^= {node}
                have.discard(node)
                envoy = follower.attendance.hear(event, follower.now)
                moved = [envoy] if envoy is not None else []
                follower.witness.settle(moved, [answer(*(present - have))])
            case ("ack", number):
                have |= {f"n{number}"} & present
                ever |= have
                follower.witness.settle((), [answer(*(present - have))])
            case _:
                statement = follower.witness.next_statement(follower.now, piece)
                if statement is None:
                    continue
                for one in statement.attending:
                    (seen.discard if one.for_s is None else seen.add)(one.envoy.node)
                for said in statement.answers:
                    waiting = said.waiting
                if waiting is not None:
                    assert seen - waiting <= ever


def test_a_subject_that_is_closed_is_not_spoken_of() -> None:
    follower = Follower()
    follower.says()
    follower.witness.settle((), [answer("a")])
    follower.witness.closed(KEY)
    assert follower.says() == []
    assert answer().subject == Subject(KEY, "u", 2)
