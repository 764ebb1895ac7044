"""`xdsserver serve` as a process beside a cluster, with an Envoy of its own, for the length of a block."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from e2e.conftest import Cluster

NAMESPACE = "xdsserver-system"
STOP_S = 30


@dataclass
class Serving:
    """A running server, and what it said."""

    process: asyncio.subprocess.Process
    notices: list[dict[str, Any]] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def notice(self, subject: str, text: str, within_s: float = 60.0) -> dict[str, Any]:
        """Wait for a notice whose subject and text have these words."""
        seen = 0
        async with asyncio.timeout(within_s):
            while True:
                for one in self.notices[seen:]:
                    if subject in one["subject"] and text in one["message"]:
                        return one
                seen = len(self.notices)
                self.news.clear()
                await self.news.wait()

    async def listen(self) -> None:
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            self.notices.append(
                json.loads(line) if line.startswith(b"{") else {"subject": "", "message": line.decode()}
            )
            self.news.set()


@asynccontextmanager
async def serving(cluster: Cluster, *options: str, within: tuple[str, ...] = ()) -> AsyncIterator[Serving]:
    """Run it until the end of the block; its namespace is made where it is missing.

    `within` begins the command where it is run as in a pod, and so without a kubeconfig.
    """
    cluster.run("create", "namespace", NAMESPACE)
    way = () if within else ("--kubeconfig", str(cluster.kubeconfig))
    command = [*within, sys.executable, "-m", "xdsserver", "serve", *way]
    process = await asyncio.create_subprocess_exec(
        *command, "--log-format", "json", *options, stderr=asyncio.subprocess.PIPE
    )
    found = Serving(process)
    listening = asyncio.create_task(found.listen())
    try:
        yield found
    finally:
        if process.returncode is None:
            process.terminate()
        async with asyncio.timeout(STOP_S):
            await process.wait()
            await listening
