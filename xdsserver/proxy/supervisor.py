"""Keep one local Envoy alive, and leave none behind.

One of four things can happen to a running Envoy: it ends by itself, it stops answering, we are asked to stop, or we
die. The first two start another after a delay; the third drains it; for the last the kernel ends it (`launch`), or,
where it is kept on purpose, the next life of ours finds it by its pid file and adopts it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from typing import TYPE_CHECKING, Self

from xdsserver.proxy.admin import AdminClient, AdminError
from xdsserver.proxy.bootstrap import to_yaml
from xdsserver.proxy.child import Child, Detached
from xdsserver.proxy.drain import STATS_TARGET, in_flight
from xdsserver.proxy.envoy import REMEDY
from xdsserver.proxy.home import Home, Resident
from xdsserver.proxy.process import TERM_WAIT_S, ProcessId
from xdsserver.proxy.states import Crashed, Draining, Missing, Ready, Starting, Stopped

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from xdsserver.proxy.local_envoy import LocalEnvoy
    from xdsserver.proxy.states import State

BACKOFF_FIRST_S = 0.1
BACKOFF_MOST_S = 10.0
STABLE_S = 10.0
"""An Envoy that was ready for so long owes nothing to the crashes before it: the backoff starts over."""

POLL_S = 0.05
"""Between two questions while something is expected soon: the start of an Envoy, the last request of a drain."""

LAST_CHANCE_S = 2.0
"""One more question before an Envoy counts as hung: it may be us who slept, in a debugger or a stopped container."""


class Supervisor:
    """Runs a `LocalEnvoy`: `async with Supervisor(envoy, on_state, on_line): ...`, or `run()` in a task and `stop()`.

    `on_state` gets each new state, `on_line` each line of Envoy's stderr (`[level] [logger] text`; none from a kept
    Envoy, whose words are in `envoy.log` of its folder). Both are called from the event loop and must not block.
    """

    def __init__(
        self, envoy: LocalEnvoy, on_state: Callable[[State], None], on_line: Callable[[str], None] = lambda _: None
    ) -> None:
        self.admin = AdminClient(envoy.admin_socket)
        self._envoy = envoy
        self._home = Home(envoy.runtime_dir.absolute())
        self._on_state = on_state
        self._on_line = on_line
        self._stopping = asyncio.Event()
        self._failures = 0
        self._owning = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self.run())
        owning = asyncio.create_task(self._owning.wait())
        await asyncio.wait({self._task, owning}, return_when=asyncio.FIRST_COMPLETED)
        if not owning.done():
            owning.cancel()
            await self._task
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if self._task is not None:
            await self._task

    def stop(self) -> None:
        """Ask for the end: `run` drains Envoy, or keeps it, and returns. To cancel `run` skips the drain."""
        self._stopping.set()

    async def run(self) -> None:
        """Keep Envoy alive until `stop`.

        Raises:
            HomeBusyError: another supervisor runs in the same folder.
        """
        with self._home.owned():
            self._owning.set()
            running: Child | Detached | None = await self._inherit()
            text = to_yaml(self._envoy.bootstrap)
            self._home.write_bootstrap(text)
            while not self._stopping.is_set():
                if running is None and not os.access(self._envoy.binary, os.X_OK):
                    delay_s = self._next_delay_s()
                    self._on_state(Missing(self._envoy.binary, REMEDY, delay_s))
                    await self._pause(delay_s)
                    continue
                running = running or await self._start()
                reason = await self._watch(running)
                if reason is None:
                    break
                running = None
                self._home.forget()
                delay_s = self._next_delay_s()
                self._on_state(Crashed(reason, delay_s))
                await self._pause(delay_s)
            kept = running.pid if running is not None and self._envoy.keep else None
            self._on_state(Stopped(kept))

    async def _inherit(self) -> Detached | None:
        """Adopt the Envoy of an earlier life where it is what we would start; end it where it is not."""
        resident = self._home.resident()
        if resident is None:
            return None
        if self._envoy.keep and self._fits(resident):
            with contextlib.suppress(AdminError):
                await self.admin.get("/ready")
                return Detached(resident.process, self._home.log)
        await resident.process.end()
        self._home.forget()
        return None

    def _fits(self, resident: Resident) -> bool:
        try:
            return resident.fingerprint == self._envoy.fingerprint(self._home.bootstrap)
        except OSError:
            # There is no binary to start instead: an Envoy of yesterday is better than none.
            return True

    async def _start(self) -> Child | Detached:
        command = self._envoy.command(self._home.bootstrap)
        started = (
            await Detached.start(command, self._home.log)
            if self._envoy.keep
            else await Child.start(command, self._on_line)
        )
        process = ProcessId.of(started.pid)
        if process is not None:
            self._home.remember(Resident(process, self._envoy.fingerprint(self._home.bootstrap)))
        return started

    async def _watch(self, envoy: Child | Detached) -> str | None:
        """Wait for what comes first: its end or its silence (answers why), or `stop` (answers None)."""
        ended = asyncio.create_task(envoy.ended())
        silent = asyncio.create_task(self._silence(envoy))
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait({ended, silent, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                return ended.result()
            if not stopping.done():
                reason = silent.result()
                envoy.signal(signal.SIGKILL)
                await ended
                return reason
            if not self._envoy.keep:
                silent.cancel()
                await self._drain(envoy, ended)
                self._home.forget()
            return None
        finally:
            # Also when we are cancelled, or a callback raised: an Envoy that nobody watches must not go on.
            if not self._envoy.keep:
                envoy.signal(signal.SIGKILL)
                await asyncio.wait({ended}, timeout=TERM_WAIT_S)
            for task in (ended, silent, stopping):
                task.cancel()
            await asyncio.gather(ended, silent, stopping, return_exceptions=True)

    async def _silence(self, envoy: Child | Detached) -> str:
        """Tell when Envoy becomes ready; return when it has not answered for `hang_s`."""
        loop = asyncio.get_running_loop()
        if not envoy.adopted:
            self._on_state(Starting(envoy.pid))
        ready_at: float | None = None
        while True:
            try:
                ready = await self._answer(self._envoy.hang_s)
            except TimeoutError:
                try:
                    ready = await self._answer(LAST_CHANCE_S)
                except TimeoutError:
                    return f"did not answer on its admin socket for {self._envoy.hang_s:g} s"
            if ready and ready_at is None:
                ready_at = loop.time()
                self._on_state(Ready(envoy.pid, envoy.adopted))
            if ready_at is not None and loop.time() - ready_at >= STABLE_S:
                self._failures = 0
            await asyncio.sleep(POLL_S if ready_at is None else self._envoy.hang_s / 10)

    async def _answer(self, within_s: float) -> bool:
        async with asyncio.timeout(within_s):
            while True:
                with contextlib.suppress(AdminError):
                    return await self.admin.is_ready()
                await asyncio.sleep(POLL_S)

    async def _drain(self, envoy: Child | Detached, ended: asyncio.Task[str]) -> None:
        """Let requests under way finish for `drain_s`, then quit; what does not follow is terminated, then killed."""
        with contextlib.suppress(AdminError, TimeoutError):
            async with asyncio.timeout(self._envoy.drain_s):
                await self.admin.post("/drain_listeners?graceful")
                self._on_state(Draining(envoy.pid))
                while True:
                    _, stats = await self.admin.get(STATS_TARGET)
                    if in_flight(stats) == 0:
                        break
                    await asyncio.sleep(POLL_S)
        with contextlib.suppress(AdminError):
            await self.admin.post("/quitquitquit")
        for number in (signal.SIGTERM, signal.SIGKILL):
            if (await asyncio.wait({ended}, timeout=TERM_WAIT_S))[0]:
                return
            envoy.signal(number)
        await ended

    def _next_delay_s(self) -> float:
        delay_s = min(BACKOFF_MOST_S, BACKOFF_FIRST_S * 2.0 ** min(self._failures, 16))
        self._failures += 1
        return delay_s

    async def _pause(self, delay_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(delay_s):
                await self._stopping.wait()
