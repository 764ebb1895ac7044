"""What a real Envoy does with requests: which route it chose and what came back, for configurations side by side.

Envoy itself says which route it chose, by its access log: the configuration is ours but for that log.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.extensions.access_loggers.file.v3.file_pb2 import FileAccessLog
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (
    HttpConnectionManager,
)

from tests.certificates import Certificate, curve_key
from tests.live import manifests as m
from tests.live.backends import backend, seen
from tests.live.envoy import running
from tests.live.http1 import Ask, Connection
from tests.live.product import bootstrap
from tests.live.tls_clients import NO_SNI, Tls
from tests.ports import free_port
from xdsserver.files import Folder
from xdsserver.gatewayapi.installed import OUR_SCHEMAS
from xdsserver.infrastructure.allocation import Pool
from xdsserver.reconciler import FLEET, Reconciler, Surroundings
from xdsserver.server import XdsOptions, XdsServer
from xdsserver.xds.cache import Cache
from xdsserver.xds.ledger import Acked, Rejected
from xdsserver.xds.resource import LISTENER, Resource
from xdsserver.xds.rules import Rules

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence
    from pathlib import Path

    from tests.live.http1 import Answer
    from tests.live.questions import Configuration
    from xdsserver.inspection.requests import Request
    from xdsserver.model.places import PortKey
    from xdsserver.objects.meta import KubeObject, Name
    from xdsserver.xds.ledger import Event

_LOG = "%REQ(X-NUMBER)% %ROUTE_NAME%\n"


@dataclass(frozen=True, slots=True)
class Observed:
    """What came back for a request; `closed` where the connection was, before there was an answer.

    `route` is the name of the Envoy route, None where Envoy answered before it logged whose request it was.
    """

    status: int = 0
    grpc_status: int | None = None
    location: str = ""
    backend: str = ""
    path: str = ""
    host: str = ""
    route: str | None = None
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Written:
    """Configurations as they were read from a folder; each Gateway gets an address of its own."""

    configurations: tuple[Configuration, ...]
    objects: tuple[tuple[str, Name, KubeObject | None], ...]

    @classmethod
    def below(cls, folder: Path, configurations: Iterable[Configuration]) -> Self:
        """Write them as one file, and read it."""
        shown = Certificate(curve_key(), hostnames=("*.x.test", "*.y.test"))
        found = tuple(configurations)
        documents = [m.gateway_class(), *(document for one in found for document in one.documents)]
        pair = (shown.pem, shown.key_pem)
        documents += [m.tls_secret("shown", pair, namespace=one.gateway.namespace) for one in found]
        file = folder / "all.yaml"
        file.touch(mode=0o600)
        m.write(file, documents)
        scan = Folder(folder).scan()
        assert not scan.errors, [str(problem) for problem in scan.errors]
        return cls(found, tuple((one.kind, one.name, one.object) for one in scan.changes))

    def reconciled(self) -> Reconciler:
        """Decide on them."""
        pool = Pool(tuple(f"127.0.0.{number}" for number in range(2, 2 + len(self.configurations))))
        out = Reconciler(Surroundings(pool, schemas=OUR_SCHEMAS))
        assert not out.objects(self.objects).failures
        return out


@asynccontextmanager
async def backends(names: Iterable[str]) -> AsyncIterator[dict[str, int]]:
    """Run backends of these names; give their ports."""
    async with AsyncExitStack() as stack:
        yield {name: (await stack.enter_async_context(backend(name))).port for name in names}


async def observe(reconciler: Reconciler, requests: Sequence[Request], log: Path) -> list[Observed]:
    """Have a real Envoy serve it, and ask it all of them; connections are kept and shared by what is alike."""
    xds = free_port()
    resources = {key: _logging(one, log) for key, one in reconciler.pipeline.resources.rows.items()}
    taken = _Taken({(one.type_url, one.name, one.version) for one in resources.values()})
    server = XdsServer(
        Cache(ready=True), XdsOptions((f"127.0.0.1:{xds}",), Rules(fleet_of=lambda _node: FLEET)), taken.hear
    )
    server.publish(resources)
    await server.start()
    try:
        options = ("--file-flush-interval-msec", "20")
        async with running(bootstrap(f"127.0.0.1:{xds}"), options=options) as envoy, _Client(reconciler) as client:
            # Ready is what an Envoy says after a while, too, though something has not come yet.
            async with asyncio.timeout(60):
                await taken.whole.wait()
            await envoy.wait_for_stat("listener_manager.total_listeners_warming", 0)
            found = [await client.ask(number, request) for number, request in enumerate(requests)]
            return await _with_routes(found, log)
    finally:
        await server.stop(1.0)


class _Taken:
    """Hears of acknowledgements, until all of it is acknowledged."""

    def __init__(self, wanted: set[tuple[str, str, str]]) -> None:
        self._wanted = wanted
        self.whole = asyncio.Event()

    def hear(self, event: Event) -> None:
        assert not isinstance(event, Rejected), event
        if isinstance(event, Acked):
            self._wanted -= {(event.type_url, name, version) for name, version in event.versions}
        if not self._wanted:
            self.whole.set()


def _logging(resource: Resource, log: Path) -> Resource:
    """Have each connection manager of a Listener write a line for each request."""
    if resource.type_url != LISTENER:
        return resource
    listener = Listener.FromString(resource.body)
    for chain in listener.filter_chains:
        for filter_ in chain.filters:
            manager = HttpConnectionManager()
            if filter_.typed_config.Unpack(manager):
                entry = manager.access_log.add(name="envoy.access_loggers.file")
                wanted = FileAccessLog(path=str(log))
                wanted.log_format.text_format_source.inline_string = _LOG
                entry.typed_config.Pack(wanted)
                filter_.typed_config.Pack(manager)
    return Resource.of(listener, listener.name)


async def _with_routes(found: list[Observed], log: Path) -> list[Observed]:
    """Add the routes that Envoy logged, once all lines are there."""
    async with asyncio.timeout(30):
        while True:
            lines = dict(line.split(" ", 1) for line in (await asyncio.to_thread(log.read_text)).splitlines())
            if all(one.closed or one.status in (400, 431) or str(at) in lines for at, one in enumerate(found)):
                break
            await asyncio.sleep(0.02)
    return [replace(one, route=lines.get(str(number), "-").strip("-") or None) for number, one in enumerate(found)]


class _Client:
    """Asks over kept connections, one for each address and name in the handshake."""

    def __init__(self, reconciler: Reconciler) -> None:
        self._bindings = reconciler.pipeline.bindings.rows
        self._open: dict[tuple[str, int, str | None], Connection] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        for one in self._open.values():
            one.close()

    async def ask(self, number: int, request: Request) -> Observed:
        place = (self._address(request), request.port, request.sni if request.scheme == "https" else None)
        for _ in range(2):
            kept = place in self._open
            try:
                async with asyncio.timeout(30):
                    connection = self._open.get(place) or await _opened(*place)
                    self._open[place] = connection
                    answer = await connection.exchange(_ask(number, request))
            except (OSError, EOFError):
                self._open.pop(place, None)
                # A connection that was kept may have been closed since; a new one that is closed says something.
                if not kept:
                    return Observed(closed=True)
            else:
                if connection.closing:
                    self._open.pop(place).close()
                return _observed(answer)
        return Observed(closed=True)

    def _address(self, request: Request) -> str:
        assert request.gateway is not None
        key: PortKey = next(one for one in self._bindings if one.gateway == request.gateway)
        return self._bindings[key].ip  # type: ignore[union-attr]


async def _opened(ip: str, port: int, sni: str | None) -> Connection:
    while True:
        try:
            return await Connection.open(ip, port, None if sni is None else Tls(sni or NO_SNI))
        except ConnectionRefusedError:
            # All ports that are asked are there, if not at once.
            await asyncio.sleep(0.02)


def _ask(number: int, request: Request) -> Ask:
    headers = (*request.headers, ("x-number", str(number)))
    return Ask(request.target, request.host or "", request.method, headers)


def _observed(answer: Answer) -> Observed:
    said = seen(answer) if answer.headers.get("content-type") == "application/json" else None
    grpc_status = answer.headers.get("grpc-status")
    return Observed(
        status=answer.status,
        grpc_status=None if grpc_status is None else int(grpc_status),
        location=answer.headers.get("location", ""),
        backend="" if said is None else said.backend,
        path="" if said is None else said.path,
        host="" if said is None else said.values("host")[0],
    )
