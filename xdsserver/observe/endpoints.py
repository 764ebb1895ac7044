"""What probes and scrapes ask over HTTP: `/healthz`, `/readyz` and `/metrics`.

Nothing here says what is served or to whom: whoever reaches the port learns counts, kinds and states.
"""

from __future__ import annotations

import contextlib
import errno
from typing import TYPE_CHECKING

from aiohttp import web
from prometheus_client.exposition import choose_encoder

from xdsserver.observe.condition import EndpointError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from prometheus_client import CollectorRegistry

    from xdsserver.observe.condition import Condition

_END_S = 1.0
"""For how long the end waits for a probe that is being answered."""


class Endpoints:
    """A small HTTP server; `condition` is asked for each probe."""

    def __init__(self, host: str, port: int, condition: Callable[[], Condition], registry: CollectorRegistry) -> None:
        self._host = host
        self._port = port
        self._condition = condition
        self._registry = registry
        self.address = ""
        """`HOST:PORT` with the port that was given; "" while it does not run."""

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Answer until the end of the block.

        Raises:
            EndpointError: the address cannot be had.
        """
        routes = web.Application()
        for path, answer in (("/healthz", self._alive), ("/readyz", self._ready), ("/metrics", self._scrape)):
            routes.router.add_get(path, answer)
        runner = web.AppRunner(routes, access_log=None, shutdown_timeout=_END_S)
        await runner.setup()
        try:
            site = web.TCPSite(runner, self._host, self._port)
            try:
                await site.start()
            except OSError as error:
                why = "it is in use" if error.errno == errno.EADDRINUSE else error.strerror or str(error)
                message = f"--health {self._host}:{self._port} cannot be listened on: {why}"
                raise EndpointError(message) from error
            port = runner.addresses[0][1]
            self.address = f"[{self._host}]:{port}" if ":" in self._host else f"{self._host}:{port}"
            yield
        finally:
            self.address = ""
            await runner.cleanup()

    async def _alive(self, _request: web.Request) -> web.Response:
        # An answer is the proof. Whatever is wrong with a source or an Envoy does not get better by a restart.
        condition = self._condition()
        return web.json_response({"alive": True, "ready": condition.ready, **condition.detail})

    async def _ready(self, _request: web.Request) -> web.Response:
        condition = self._condition()
        return web.json_response({"ready": condition.ready, **condition.detail}, status=200 if condition.ready else 503)

    async def _scrape(self, request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(self._registry), headers={"Content-Type": content_type})
