"""The port of the admin API: open from the start, and served from when somebody first connects.

A framework for HTTP takes half a second to import and 35 MiB to keep. Most servers are never asked, so none of it is
imported before the first connection; that one waits in the queue of the socket meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from typing import TYPE_CHECKING, Final

from typing_extensions import override

from xdsserver.admin.errors import AdminError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Generator
    from pathlib import Path

    import uvicorn

    from xdsserver.admin.guard import App
    from xdsserver.settings import AdminSettings

_BACKLOG: Final = 64
_END_S: Final = 1
"""For how long the end waits for answers that are under way."""
_CONNECTIONS: Final = 64
"""Connections that are served at once; more are answered 503."""
_HEADER_BYTES: Final = 16 * 1024


class AdminServer:
    """Listens, and builds the application when it is needed."""

    def __init__(self, settings: AdminSettings, application: Callable[[], App], warn: Callable[[str], None]) -> None:
        """Prepare; `application` is called in a thread, once; `warn` is told why it is not served in the end."""
        self._settings = settings
        self._application = application
        self._warn = warn
        self._serving: asyncio.Task[None] | None = None
        self._server: uvicorn.Server | None = None
        self.address = ""
        """`HOST:PORT` with the port that was given; "" while it does not run."""

    @property
    def asked(self) -> bool:
        """Whether anybody has connected yet."""
        return self._serving is not None

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Take connections until the end of the block.

        Raises:
            AdminError: the address cannot be had.
        """
        place = self._settings.address
        listener = _listen(place.host, place.port)
        port = listener.getsockname()[1]
        self.address = f"[{place.host}]:{port}" if ":" in place.host else f"{place.host}:{port}"
        asyncio.get_running_loop().add_reader(listener, self._first, listener)
        try:
            yield
        finally:
            self.address = ""
            if self._serving is None:
                asyncio.get_running_loop().remove_reader(listener)
            await self._end()
            listener.close()

    def _first(self, listener: socket.socket) -> None:
        asyncio.get_running_loop().remove_reader(listener)
        self._serving = asyncio.create_task(self._serve(listener))

    async def _serve(self, listener: socket.socket) -> None:
        try:
            # Beside the loop, which has Envoys to serve.
            self._server = await asyncio.to_thread(_server, self._application, self._settings.tls)
        except Exception as error:  # noqa: BLE001 # whatever it is, Envoys are served on
            self._warn(f"the admin API cannot be served: {error!r}")
            # Whoever waits hears of it.
            listener.close()
            return
        await self._server.serve(sockets=[listener])

    async def _end(self) -> None:
        if self._serving is None:
            return
        if self._server is None:
            # It is being built: a thread cannot be stopped, and the process may end all the same.
            self._serving.cancel()
        else:
            self._server.should_exit = True
        with contextlib.suppress(asyncio.CancelledError):
            await self._serving


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
        listener.setblocking(False)  # noqa: FBT003 (as the standard library has it)
    except OSError as error:
        listener.close()
        why = "it is in use" if error.errno == errno.EADDRINUSE else error.strerror or str(error)
        message = f"--admin {host}:{port} cannot be listened on: {why}"
        raise AdminError(message) from error
    return listener


def _server(application: Callable[[], App], tls: tuple[Path, Path] | None) -> uvicorn.Server:
    import uvicorn  # noqa: PLC0415 (only for those who are asked)

    class Server(uvicorn.Server):
        """A server in a process that has others: signals are not its own."""

        @override
        @contextlib.contextmanager
        def capture_signals(self) -> Generator[None, None, None]:
            yield

    certificate, key = (None, None) if tls is None else tls
    return Server(
        uvicorn.Config(
            application(),
            loop="none",
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            backlog=_BACKLOG,
            limit_concurrency=_CONNECTIONS,
            timeout_graceful_shutdown=_END_S,
            h11_max_incomplete_event_size=_HEADER_BYTES,
            ssl_certfile=certificate,
            ssl_keyfile=key,
        )
    )
