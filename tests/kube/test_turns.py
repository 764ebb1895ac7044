"""Work of many in the turns of one loop: how much of it is done between two looks at what else there is."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from xdsserver.kube.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Iterator

STEP_S = 0.001
WORKERS = 10
STEPS = 40


class Bench:
    """Turns on a clock that only work moves on, with the steps of each turn of the loop counted."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.turns = Turns(lambda: self.now_s, slice_s=5 * STEP_S)
        self.steps: list[int] = [0]
        self.order: list[str] = []
        self._loop = asyncio.get_running_loop()
        self._turn()

    def _turn(self) -> None:
        self.steps.append(0)
        self._handle = self._loop.call_soon(self._turn)

    def close(self) -> None:
        self._handle.cancel()

    def work(self, name: str, steps: int = STEPS) -> Iterator[None]:
        for _ in range(steps):
            self.now_s += STEP_S
            self.steps[-1] += 1
            self.order.append(name)
            yield


async def test_k10_all_who_have_work_do_one_slice_of_it_in_a_turn() -> None:
    """K10: lists of many kinds at once: together they take of each turn of the loop what one of them would."""
    bench = Bench()
    names = [str(number) for number in range(WORKERS)]
    await asyncio.gather(*(bench.turns.do(bench.work(name)) for name in names))
    bench.close()
    assert Counter(bench.order) == dict.fromkeys(names, STEPS)
    assert max(bench.steps) == 5
    # Whoever came first has a second slice before the last one has the first, and nobody waits for longer.
    assert {*bench.order[: 5 * (WORKERS + 1)]} == {*names}
    # Nor is a turn wasted for long: all but a few have their slice.
    assert len(bench.steps) < 1.2 * WORKERS * STEPS / 5 + 5


async def test_what_is_little_is_done_at_once() -> None:
    bench = Bench()
    before = len(bench.steps)
    await bench.turns.do(bench.work("line", 1))
    await bench.turns.do(bench.work("nothing", 0))
    assert bench.order == ["line"]
    bench.close()
    assert len(bench.steps) <= before + 3


async def test_who_is_cancelled_does_no_more_and_holds_up_nobody() -> None:
    bench = Bench()
    tasks = {name: asyncio.create_task(bench.turns.do(bench.work(name))) for name in ("a", "b", "c")}
    # Turns of the loop are what is counted.
    while bench.order.count("b") < 5:  # noqa: ASYNC110
        await asyncio.sleep(0)
    tasks["b"].cancel()
    await asyncio.wait(tasks.values())
    bench.close()
    assert tasks["b"].cancelled()
    assert Counter(bench.order) == {"a": STEPS, "b": 5, "c": STEPS}


async def test_a_fault_is_that_of_whoever_has_the_work() -> None:
    def faulty() -> Iterator[None]:
        yield
        message = "a bug"
        raise RuntimeError(message)

    bench = Bench()
    other = asyncio.create_task(bench.turns.do(bench.work("other")))
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="a bug"):
        await bench.turns.do(faulty())
    await other
    bench.close()
    assert len(bench.order) == STEPS
