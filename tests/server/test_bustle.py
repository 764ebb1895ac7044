"""What is less urgent than Envoys waits until streams have nothing to do, but not for long."""

from __future__ import annotations

import asyncio

from xdsserver.server.bustle import Bustle


async def test_it_rests_when_the_last_task_has_ended() -> None:
    bustle, go_on = Bustle(), asyncio.Event()
    await bustle.rest(60)
    works = [asyncio.create_task(go_on.wait()) for _ in range(2)]
    for work in works:
        bustle.begins(work)
    waiting = [asyncio.create_task(bustle.rest(60)) for _ in range(2)]
    await asyncio.sleep(0)
    works[0].cancel()
    await asyncio.wait([works[0]])
    assert not any(one.done() for one in waiting)

    go_on.set()
    await asyncio.gather(*waiting)
    assert works[1].done()
    await bustle.rest(60)


async def test_one_that_does_not_read_keeps_nobody_for_long() -> None:
    bustle, never = Bustle(), asyncio.Event()
    work = asyncio.create_task(never.wait())
    bustle.begins(work)
    for _ in range(2):
        await bustle.rest(0.001)
    assert not work.done()

    work.cancel()
    await bustle.rest(60)
