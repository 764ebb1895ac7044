"""A process that attacks a listener when a test tells it to."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping


@dataclass(frozen=True, slots=True)
class Attacker:
    """A process that attacks when it is told to."""

    process: asyncio.subprocess.Process

    async def attack(self, seconds: float) -> Mapping[str, Any]:
        """Attack for so long, and give what came of it."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{seconds}\n".encode())
        return await self.said()

    async def said(self) -> Mapping[str, Any]:
        assert self.process.stdout is not None
        found: dict[str, Any] = json.loads(await self.process.stdout.readline())
        return found


@asynccontextmanager
async def attacker(name: str, port: int, core: int | None = None) -> AsyncIterator[Attacker]:
    arguments = [name, str(port), *([] if core is None else [str(core)])]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.live.attacks", *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    found = Attacker(process)
    try:
        await found.said()
        yield found
    finally:
        process.kill()
        await process.wait()
