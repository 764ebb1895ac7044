"""The admin API of a run: what is told, to whom, and with which other servers."""

from __future__ import annotations

import contextlib
from importlib.metadata import version
from typing import TYPE_CHECKING

from xdsserver.admin.answering import Answerer
from xdsserver.admin.errors import AdminError
from xdsserver.admin.guard import Guard
from xdsserver.admin.lazy import AdminServer
from xdsserver.admin.token import kept_token
from xdsserver.observe.notices import Level, Notice

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from xdsserver.admin.guard import App
    from xdsserver.app.plane import ControlPlane
    from xdsserver.observe.notices import Report
    from xdsserver.replicas.questions import Peers
    from xdsserver.settings import AdminSettings


class Administration:
    """Tells of a run, and of those of other servers (`peers`)."""

    def __init__(
        self, settings: AdminSettings | None, plane: ControlPlane, report: Report, peers: Peers | None = None
    ) -> None:
        self._settings = settings
        self._plane = plane
        self._report = report
        self.answerer = Answerer(plane.world, plane.waits, peers)
        """What other servers are answered, also where there is no port for people."""

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Answer until the end of the block.

        A port that nobody asked for and that cannot be had is told of, and done without: of two runs on one machine the
        first has it.

        Raises:
            AdminError: what was asked for cannot be had.
        """
        async with contextlib.AsyncExitStack() as stack:
            if self._settings is not None:
                try:
                    await stack.enter_async_context(self._listening(self._settings))
                except AdminError as error:
                    if self._settings.wanted:
                        raise
                    self._report(Notice(Level.INFO, "admin", f"{error}; there is no admin API (--admin HOST:PORT)"))
            yield

    @contextlib.asynccontextmanager
    async def _listening(self, settings: AdminSettings) -> AsyncIterator[None]:
        token = kept_token(settings.token_file)

        def application() -> App:
            from xdsserver.admin.api import Api, application  # noqa: PLC0415 (see `lazy`)

            api = Api(self._plane.world, self.answerer, version("xdsserver"), lambda: self._plane.condition().ready)
            return Guard(application(api), token, frozenset(settings.hosts))

        server = AdminServer(settings, application, self._warn)
        async with server.listening():
            scheme = "http" if settings.tls is None else "https"
            url = f"{scheme}://{server.address}"
            words = f"API at {url}/api/v1, token in {settings.token_file}"
            self._report(Notice(Level.INFO, "admin", words, url))
            yield

    def _warn(self, words: str) -> None:
        self._report(Notice(Level.WARNING, "admin", words))
