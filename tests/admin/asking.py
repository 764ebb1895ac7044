"""A server in this process, without a socket: its tables, its admin API, and requests to it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bench import worlds
from xdsserver.admin.answering import Answerer
from xdsserver.admin.api import Api, application
from xdsserver.admin.guard import Guard
from xdsserver.admin.token import Token
from xdsserver.admin.waits import Waits
from xdsserver.inspection.world import Serving, World
from xdsserver.objects.meta import ObjectKey
from xdsserver.reconciler import Reconciler
from xdsserver.xds.cache import Cache
from xdsserver.xds.ledger import Ledger
from xdsserver.xds.quarantine import Quarantine

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

    from fastapi import FastAPI

    from xdsserver.admin.guard import App
    from xdsserver.inspection.world import Unread
    from xdsserver.reconciler import ObjectChange
    from xdsserver.replicas.questions import Peers

TOKEN = "a-token-of-tests"  # noqa: S105 (of nobody)
"""What requests show."""


@dataclass
class Running:
    """A server that has taken in some objects; nothing of it needs a loop but waiting."""

    replica: str = ""
    peers: Peers | None = None
    unread: tuple[Unread, ...] = ()
    now_s: float = 0.0
    reconciler: Reconciler = field(default_factory=Reconciler)
    cache: Cache = field(default_factory=lambda: Cache(ready=True))
    ledger: Ledger = field(default_factory=Ledger)

    def __post_init__(self) -> None:
        self.quarantine = Quarantine(self.cache)
        serving = Serving(self.cache, self.ledger, lambda: self.now_s)
        self.world = World(self.reconciler, serving, unread=lambda: self.unread, replica=self.replica)
        self.waits = Waits(self.reconciler.pipeline, self.cache, self.ledger, self.quarantine)
        self.answerer = Answerer(self.world, self.waits, self.peers)
        self.plain: FastAPI = application(Api(self.world, self.answerer, "0.0.0", lambda: True, longest_s=0.05))
        self.app = Guard(self.plain, Token(TOKEN), frozenset({"admin.example.com"}))

    def take(self, changes: list[ObjectChange]) -> None:
        """Take objects as a run does."""
        outcome = self.reconciler.objects(changes)
        assert not outcome.failures
        self.quarantine.apply(outcome.resources)
        self.waits.published(outcome.resources.keys())
        changed = [(ObjectKey(kind, *name), row is None) for kind, name, row in changes]
        self.world.history.note(1.0, changed, outcome.resources)


def with_routes(count: int) -> Running:
    running = Running()
    running.take(worlds.changes([*worlds.base(8080, 9000), *worlds.routes(count)]))
    return running


@dataclass
class Answer:
    """What came back; `slices` is in how many pieces."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    slices: int

    @property
    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


async def ask(  # noqa: PLR0913 # all that makes a request
    app: App,
    path: str,
    *,
    method: str = "GET",
    token: str | None = TOKEN,
    host: str = "127.0.0.1:19000",
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    announce: bool = True,
) -> Answer:
    """Send one request to an application (ASGI)."""
    path, _, query = path.partition("?")
    shown = {"host": host, **(headers or {})}
    if token is not None:
        shown["authorization"] = f"Bearer {token}"
    if body and announce:
        shown["content-length"] = str(len(body))
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in shown.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 19000),
    }
    pieces = [body[at : at + 65536] for at in range(0, len(body), 65536)] or [b""]
    got: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        if not pieces:
            # Whoever asks stays until there is an answer.
            await asyncio.get_running_loop().create_future()
        return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}

    async def send(message: MutableMapping[str, Any]) -> None:
        got.append(message)

    await app(scope, receive, send)
    first, *rest = got
    found = {name.decode(): value.decode() for name, value in first["headers"]}
    return Answer(first["status"], found, b"".join(one.get("body", b"") for one in rest), len(rest))
