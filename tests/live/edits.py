"""Edits of a served folder, one after the other, each with an answer that only the edited configuration gives."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.live import manifests as m
from tests.live.backends import backend, seen
from tests.live.http1 import Ask
from tests.live.load import Traffic, load
from tests.live.product import admin, answers, home, standalone
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.live.backends import Backend
    from tests.live.envoy import Admin
    from tests.live.http1 import Answer
    from tests.live.load import Tally
    from tests.live.manifests import Document
    from tests.live.product import Home, Product

EDIT_HEADER = "x-edit"
HOST = "gateway.test"
HIDDEN = "upstream_rq_retry$|upstream_rq_rx_reset$|upstream_rq_tx_reset$|upstream_cx_connect_fail$|no_cluster$"
"""What Envoy counts when an attempt failed that a client might not see, or when a route led to no cluster."""


@dataclass(frozen=True, slots=True)
class Edit:
    """A route as it is written, and what shows that it is in force.

    Attributes:
        probe: a request whose answer tells.
        backend: who must answer the probe; for weights, who must answer as well as `also`.
        allowed: backends that may answer the load (path `/`) while this edit is in force.
        fresh: a Service that comes with the edit, for the backend `backend`, and goes with the next one.
    """

    route: Document
    probe: Ask
    backend: str
    allowed: frozenset[str]
    also: str | None = None
    fresh: str | None = None


def edit(number: int) -> Edit:
    """Give an edit: weights, a new rule before the others, a backend swapped, back again, a hostname added, in turn."""
    stamp = m.request_headers(set_=[(EDIT_HEADER, str(number))])

    def whole(*targets: Document) -> Document:
        return m.rule(*targets, filters=[stamp])

    def route(*rules: Document, also: str | None = None) -> Document:
        return m.http_route("r", *rules, hostnames=[HOST, *([also] if also else [])])

    blue, green = m.to("blue"), m.to("green")
    match number % 5:
        case 0:
            half = whole(m.to("blue", weight=1), m.to("green", weight=1))
            return Edit(route(half), Ask("/", HOST), "blue", frozenset({"blue", "green"}), also="green")
        case 1:
            first = m.rule(green, matches=[m.path(f"/first/{number}", "Exact")], filters=[stamp])
            return Edit(route(first, whole(blue)), Ask(f"/first/{number}", HOST), "green", frozenset({"blue"}))
        case 2:
            # A Service that nobody knew: Envoy needs its cluster and endpoints before the route that names it.
            fresh = f"fresh-{number}"
            return Edit(route(whole(m.to(fresh))), Ask("/", HOST), "green", frozenset({"green"}), fresh=fresh)
        case 3:
            return Edit(route(whole(blue)), Ask("/", HOST), "blue", frozenset({"blue"}))
        case _:
            added = f"added-{number}.test"
            return Edit(route(whole(blue), also=added), Ask("/", added), "blue", frozenset({"blue"}))


@dataclass
class Stage:
    """A served folder with two backends behind one route, and what the load on it has shown."""

    home: Home
    port: int
    backends: tuple[Backend, ...]
    product: Product
    admin: Admin
    probes: int = 0
    took_s: list[float] = field(default_factory=list)

    @property
    def served(self) -> int:
        return sum(one.served for one in self.backends)

    async def apply(self, number: int) -> Edit:
        """Save an edit and wait for the answer that shows it."""
        wanted = edit(number)
        ports = {one.name: one.port for one in self.backends}
        services = [] if wanted.fresh is None else m.service(wanted.fresh, ports[wanted.backend])
        m.write(self.home.folder / "route.yaml", [*services, wanted.route])
        missing = {wanted.backend} | ({wanted.also} if wanted.also else set())

        def shows(answer: Answer) -> bool:
            if answer.status != 200:
                return False
            self.probes += 1
            found = seen(answer)
            if found.values(EDIT_HEADER) == [str(number)]:
                missing.discard(found.backend)
            return not missing

        _, took_s = await answers(self.port, wanted.probe, shows)
        self.took_s.append(took_s)
        return wanted

    async def hidden(self) -> dict[str, int]:
        """Return Envoy's counters of attempts that did not come through, those that are not zero."""
        return {name: value for name, value in (await self.admin.stats(HIDDEN)).items() if value}


@asynccontextmanager
async def stage() -> AsyncIterator[Stage]:
    """Serve two backends behind edit 3 of one route."""
    async with AsyncExitStack() as stack:
        where = await stack.enter_async_context(home())
        blue = await stack.enter_async_context(backend("blue"))
        green = await stack.enter_async_context(backend("green"))
        port = free_port()
        services = [*m.service("blue", blue.port), *m.service("green", green.port)]
        m.write(where.folder / "base.yaml", [m.gateway_class(), m.gateway(m.listener(port)), *services])
        m.write(where.folder / "route.yaml", [edit(3).route])
        product = await stack.enter_async_context(standalone(where, "--concurrency", "1"))
        await product.notice("Envoy", "ready")
        asked = await stack.enter_async_context(admin(where))
        found = Stage(where, port, (blue, green), product, asked)
        await found.apply(3)
        yield found


@dataclass
class EditsReport:
    """What a load saw while edits were made: `torn` answers mix the header of one edit with a backend of another."""

    tally: Tally
    edits: int
    torn: Counter[str]
    hidden: dict[str, int]
    took_s: list[float]
    served: int
    asked: int


async def edits_under_load(edits: int, at_least_s: float, rate: float = 750.0) -> EditsReport:
    """Make at least so many edits, for at least so long, under load."""
    loop = asyncio.get_running_loop()
    async with stage() as on:
        allowed: dict[str, frozenset[str]] = {"3": edit(3).allowed}

        def label(answer: Answer) -> str:
            if answer.status != 200:
                return f"{answer.status}"
            found = seen(answer)
            return f"{''.join(found.values(EDIT_HEADER))} {found.backend}"

        before, probes = on.served, on.probes
        start, number = loop.time(), 3
        async with load(Traffic([Ask("/", HOST)], on.port, rate=rate), label) as tally:
            while number - 3 < edits or loop.time() - start < at_least_s:
                number += 1
                allowed[str(number)] = edit(number).allowed
                await on.apply(number)
        torn = Counter[str]()
        for words, count in tally.answers.items():
            stamp, _, name = words.partition(" ")
            if name not in allowed.get(stamp, frozenset()):
                torn[words] += count
        asked = tally.requests + on.probes - probes
        return EditsReport(tally, number - 3, torn, await on.hidden(), on.took_s, on.served - before, asked)
