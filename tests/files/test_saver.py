"""When something is saved: after changes, together, off the loop; and what happens where the disk does not take it."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest

from xdsserver.files.saver import SavePace, Saver
from xdsserver.files.state import StateError

if TYPE_CHECKING:
    from collections.abc import Callable

AT_ONCE = SavePace(settle_s=0.0, apart_s=0.0)
NEVER = SavePace(settle_s=3600.0, apart_s=3600.0)


class Disk:
    """Takes numbers; fails while `full` says why, and does not answer while `slow` is not set."""

    def __init__(self) -> None:
        self.value = 0
        self.saved: list[int] = []
        self.full = ""
        self.fails: type[Exception] = StateError
        self.slow = threading.Event()
        self.slow.set()
        self.threads: set[int] = set()
        self.begun = asyncio.Event()
        self.tries = asyncio.Event()

    def prepare(self) -> Callable[[], None]:
        value = self.value
        loop = asyncio.get_running_loop()

        def write() -> None:
            loop.call_soon_threadsafe(self.begun.set)
            self.slow.wait(30)
            self.threads.add(threading.get_ident())
            failure = self.fails(self.full) if self.full else None
            loop.call_soon_threadsafe(self.tries.set)
            if failure is not None:
                raise failure
            self.saved.append(value)

        return write

    async def tried(self) -> None:
        async with asyncio.timeout(30):
            await self.tries.wait()
        self.tries.clear()


@pytest.fixture
def disk() -> Disk:
    return Disk()


async def test_a_change_is_saved_off_the_loop(disk: Disk) -> None:
    saver = Saver(disk.prepare, pytest.fail, AT_ONCE)
    async with saver.running():
        disk.value = 1
        saver.changed()
        await disk.tried()
    assert disk.saved == [1]
    assert threading.get_ident() not in disk.threads


async def test_nothing_is_saved_without_a_change(disk: Disk) -> None:
    async with Saver(disk.prepare, pytest.fail, AT_ONCE).running():
        await asyncio.sleep(0)
    assert disk.saved == []


async def test_what_is_not_saved_yet_is_saved_at_the_end(disk: Disk) -> None:
    saver = Saver(disk.prepare, pytest.fail, NEVER)
    async with saver.running():
        for value in range(1, 1001):
            disk.value = value
            saver.changed()
    assert disk.saved == [1000]


async def test_changes_during_a_save_are_saved_together_after_it_and_the_loop_goes_on(disk: Disk) -> None:
    saver = Saver(disk.prepare, pytest.fail, AT_ONCE)
    disk.slow.clear()
    async with saver.running():
        disk.value = 1
        saver.changed()
        await disk.begun.wait()
        for value in range(2, 101):
            disk.value = value
            saver.changed()
        disk.slow.set()
        await disk.tried()
    assert disk.saved == [1, 100]


async def test_a8_a_full_disk_is_said_once_and_tried_again_until_it_is_mended(disk: Disk) -> None:
    """A8: run from memory, warn; never crash."""
    told: list[str] = []
    mended = asyncio.Event()

    def tell(words: str) -> None:
        told.append(words)
        if not words:
            mended.set()

    disk.full = "No space left on device"
    saver = Saver(disk.prepare, tell, AT_ONCE)
    async with saver.running():
        disk.value = 1
        saver.changed()
        for _ in range(3):
            await disk.tried()
        assert told == ["No space left on device"]
        disk.full = ""
        async with asyncio.timeout(30):
            await mended.wait()
    assert told == ["No space left on device", ""]
    assert disk.saved == [1]


async def test_a8_a_bug_in_saving_ends_nothing_and_is_told_without_its_words(disk: Disk) -> None:
    """A8: never crash. What an exception says may come from a Secret."""
    told: list[str] = []
    disk.full, disk.fails = "hunter2", TypeError
    saver = Saver(disk.prepare, told.append, AT_ONCE)
    async with saver.running():
        saver.changed()
        await disk.tried()
        disk.full = ""
        disk.value = 2
        saver.changed()
    assert told == ["the state is not saved, for a bug in xdsserver (TypeError)", ""]
    assert disk.saved == [2]


async def test_a8_a_disk_that_is_full_at_the_end_does_not_hold_the_end_up(disk: Disk) -> None:
    """A8: never crash, and never wait for what may not come."""
    told: list[str] = []
    disk.full = "No space left on device"
    saver = Saver(disk.prepare, told.append, NEVER)
    async with asyncio.timeout(20), saver.running():
        saver.changed()
    assert told == ["No space left on device"]
