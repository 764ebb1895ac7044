"""A backend in a process of its own, which takes no time from what is measured: prints its port, serves for ever."""

from __future__ import annotations

import asyncio

from tests.live.backends import backend


async def _main() -> None:
    async with backend("web") as found:
        print(found.port, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main())
