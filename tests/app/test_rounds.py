"""Rounds have their turn one after the other, a slice of time in each turn of the loop: by a clock of the tests."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from xdsserver.app.rounds import Rounds

if TYPE_CHECKING:
    from xdsserver.tables import Steps


class Log:
    """What was done, and a clock that goes on by one with each step."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.now_s = 0.0

    def clock(self) -> float:
        return self.now_s

    def work(self, name: str, steps: int) -> Steps[str]:
        for number in range(steps):
            self.done.append(f"{name}{number}")
            self.now_s += 1
            yield
        self.done.append(f"{name} ends")
        return name


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def rounds(log: Log) -> Rounds:
    return Rounds(log.clock, slice_s=3)


async def test_what_is_short_ends_where_it_began(log: Log, rounds: Rounds) -> None:
    turned = asyncio.create_task(asyncio.sleep(0))
    assert await rounds.do(log.work("a", 2)) == "a"
    assert await rounds.do(log.work("b", 2)) == "b"
    assert log.done == ["a0", "a1", "a ends", "b0", "b1", "b ends"]
    assert not turned.done(), "no turn of the loop was waited for"
    await turned


async def test_what_is_long_leaves_the_loop_to_others_after_each_slice(log: Log, rounds: Rounds) -> None:
    turns: list[int] = []

    async def note() -> None:
        while True:
            turns.append(len(log.done))
            await asyncio.sleep(0)

    noting = asyncio.create_task(note())
    assert await rounds.do(log.work("a", 10)) == "a"
    noting.cancel()
    assert [later - before for before, later in zip([0, *turns], turns, strict=False)] == [3, 3, 3, 2], (
        "the last step and the end"
    )


async def test_a_round_may_ask_for_a_turn_of_the_others(log: Log, rounds: Rounds) -> None:
    def publishing() -> Steps[None]:
        asyncio.get_running_loop().call_soon(log.done.append, "others")
        rounds.pause()
        yield
        log.done.append("goes on")
        yield

    await rounds.do(publishing())
    assert log.done == ["others", "goes on"]

    log.done.clear()
    rounds.at_once(publishing())
    assert log.done == ["goes on"], "here nobody is let in"
    assert await rounds.do(log.work("a", 2)) == "a"
    assert log.done == ["goes on", "a0", "a1", "a ends"], "and what was asked for then is forgotten"


async def test_rounds_are_done_in_their_order_also_those_that_one_of_them_begins(log: Log, rounds: Rounds) -> None:
    def nested() -> Steps[None]:
        rounds.begin(log.work("inner", 1))
        log.done.append("outer goes on")
        yield

    first = asyncio.create_task(rounds.do(log.work("a", 5)))
    await asyncio.sleep(0)
    rounds.begin(nested())
    assert await rounds.do(log.work("b", 1)) == "b"
    assert await first == "a"
    await rounds.do(log.work("c", 0))
    order = ["a ends", "outer goes on", "b ends", "inner ends", "c ends"]
    assert [one for one in log.done if one in order] == order


async def test_a_round_that_fails_tells_who_waits_and_no_other(log: Log, rounds: Rounds) -> None:
    def failing() -> Steps[None]:
        yield from log.work("bad", 4)
        raise ArithmeticError

    bad = asyncio.create_task(rounds.do(failing()))
    await asyncio.sleep(0)
    good = asyncio.create_task(rounds.do(log.work("good", 4)))
    with pytest.raises(ArithmeticError):
        await bad
    assert await good == "good"


async def test_who_waits_behind_a_round_that_fails_has_his_turn(log: Log, rounds: Rounds) -> None:
    def failing() -> Steps[None]:
        yield from log.work("bad", 4)
        raise ArithmeticError

    told: list[object] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _loop, context: told.append(context["exception"]))
    rounds.begin(failing())
    assert await rounds.do(log.work("good", 4)) == "good"
    assert [type(one) for one in told] == [ArithmeticError]


async def test_a_round_nobody_waits_for_any_more_is_done_to_its_end(log: Log, rounds: Rounds) -> None:
    left = asyncio.create_task(rounds.do(log.work("a", 5)))
    await asyncio.sleep(0)
    left.cancel()
    assert await rounds.do(log.work("b", 1)) == "b"
    assert log.done.index("a ends") < log.done.index("b0")


async def test_at_once_does_what_was_begun_first_and_waits_for_no_turn(log: Log, rounds: Rounds) -> None:
    rounds.begin(log.work("a", 10))
    assert rounds.at_once(log.work("b", 10)) == "b"
    assert log.done.index("a ends") < log.done.index("b0")
    assert await rounds.do(log.work("c", 1)) == "c"
