"""The quickstart, started by `make run`: demo backends, and a gateway for them.

    python run.py [FOLDER]      FOLDER has the objects; the default is `gateway` beside this file

The backends listen where the EndpointSlices of the folder say. Everything that is started here ends with this process,
however it ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shlex
import signal
import sys
import tempfile
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from xdsserver.files import Folder
from xdsserver.objects.core import EndpointSlice
from xdsserver.observe.notices import Level, Notice, to_terminal
from xdsserver.proxy.child import LAUNCH

if TYPE_CHECKING:
    from asyncio.subprocess import Process

HERE = Path(os.path.relpath(Path(__file__).parent))
DRAIN_S = 1.0
"""How long requests under way may take when all of it ends."""
END_WITHIN_S = 10.0
"""How long a child may take to end before it is killed: longer than it should ever need."""


class StartError(Exception):
    """Something could not be started; the text says what to do."""


async def main(folder: Path) -> int:
    """Run until a signal comes or a child ends; returns the exit code."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    children: list[Process] = []
    with tempfile.TemporaryDirectory(prefix="quickstart-") as home:
        try:
            children.append(await start_backends(folder))
            children.append(await start_gateway(folder, Path(home)))
            return await watch(stop, folder, *children)
        except StartError as error:
            print(f"quickstart: {error}", file=sys.stderr)
            return 1
        finally:
            # The gateway first: while it drains, requests under way still need their backends.
            for child in reversed(children):
                await end(child)


async def start_backends(folder: Path) -> Process:
    """Start a backend for each EndpointSlice of the folder, and wait until all of them listen."""
    slices = [change.object for change in Folder(folder).scan().changes if isinstance(change.object, EndpointSlice)]
    places = [
        f"{one.service}={endpoint.addresses[0]}:{port.port}"
        for one in slices
        for endpoint in one.endpoints
        for port in one.ports
    ]
    process = await start(sys.executable, str(HERE / "backends.py"), *places, stdout=PIPE)
    if process.stdout is not None and await process.stdout.readline() != b"ready\n":
        message = f"the port is taken, perhaps by another quickstart: stop that, or write another port into {folder}"
        raise StartError(message)
    return process


async def start_gateway(folder: Path, home: Path) -> Process:
    """Start the gateway; what it says comes as JSON, a line each."""
    return await start(
        *(sys.executable, "-m", "xdsserver", "standalone", str(folder), "--log-format", "json"),
        *("--drain-s", str(DRAIN_S), "--state-dir", str(home / "state"), "--runtime-dir", str(home / "run")),
        stderr=PIPE,
    )


async def start(*command: str, stdout: int | None = None, stderr: int | None = None) -> Process:
    """Start a process that the kernel kills when this one dies (Linux).

    Its session is its own, so that Ctrl-C comes here only: what ends first is then decided in one place.
    """
    return await asyncio.create_subprocess_exec(
        *(*LAUNCH, "bound", str(os.getpid()), *command), stdout=stdout, stderr=stderr, start_new_session=True
    )


async def watch(stop: asyncio.Event, folder: Path, backends: Process, gateway: Process) -> int:
    """Pass on what the gateway says, and say how to try it once it answers; returns when something ends."""
    ends = {
        asyncio.create_task(stop.wait()): "",
        asyncio.create_task(backends.wait()): "the backends ended",
        asyncio.create_task(gateway.wait()): "the gateway ended",
    }
    telling = asyncio.create_task(tell(gateway, folder))
    done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    words = next((ends[task] for task in done if ends[task]), "")
    if not stop.is_set():
        # Its last words say why.
        await telling
        print(f"quickstart: {words}", file=sys.stderr)
        return 1
    await end(gateway)
    await telling
    for task in ends:
        task.cancel()
    return 0


async def tell(gateway: Process, folder: Path) -> None:
    """Write the notices of the gateway for people; after the first one with an address, what to try."""
    report = to_terminal(sys.stdout)
    trying: asyncio.Task[None] | None = None
    while gateway.stderr is not None and (line := await gateway.stderr.readline()):
        try:
            fields = json.loads(line)
            notice = Notice(Level(fields["level"]), fields["subject"], fields["message"], fields.get("url", ""))
        except (ValueError, KeyError, TypeError):
            # No notice: what it says when it cannot start, or what a crash leaves.
            sys.stderr.buffer.write(line)
            sys.stderr.flush()
            continue
        report(notice)
        if notice.url and trying is None:
            trying = asyncio.create_task(say_how_to_try(notice.url, folder))
    if trying is not None:
        trying.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await trying


async def say_how_to_try(url: str, folder: Path) -> None:
    """Wait until the gateway answers, then print what to type."""
    await answering(url)
    edited = shlex.quote(str(folder / "routes.yaml"))
    print(f"""
The gateway answers at {url}. In another terminal, try:

curl {url}/blue
curl -H 'x-secret: 42' {url}/headers
curl -s '{url}/split?[1-20]'

The first goes by path, the second has its headers changed, the third is 20 requests of which about 4 go to green.
To change any of it, edit {edited} and curl again. Ctrl-C stops everything.
""")
    sys.stdout.flush()


async def answering(url: str) -> None:
    """Wait for the first answer of any kind; Envoy says that it has a listener a moment before it opens it."""
    place = urlsplit(url)
    while True:
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection(place.hostname, place.port)
            try:
                writer.write(f"GET / HTTP/1.1\r\nhost: {place.netloc}\r\nconnection: close\r\n\r\n".encode())
                if await reader.readline():
                    return
            finally:
                writer.close()
        await asyncio.sleep(0.05)


async def end(process: Process) -> None:
    """End a child; one that does not follow is killed."""
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), END_WITHIN_S)
    except TimeoutError:
        process.kill()
        await process.wait()


if __name__ == "__main__":
    sys.exit(asyncio.run(main(Path(sys.argv[1]) if sys.argv[1:] else HERE / "gateway")))
