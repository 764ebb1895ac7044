"""Changes of a served folder that go on and on, and what a load on them may see of each: nothing old beside the new.

Each case owns a file and hostnames, so one Envoy serves them all. A generation of a case is what is written at once;
every request that reaches a backend carries the number of the generation that sent it there.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from tests.live import manifests as m
from tests.live.backends import backend, seen
from tests.live.edits import HIDDEN
from tests.live.http1 import Ask
from tests.live.load import Traffic, load
from tests.live.product import admin, answers, home, standalone
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from tests.live.backends import Backend, Seen
    from tests.live.envoy import Admin
    from tests.live.http1 import Answer
    from tests.live.load import Tally
    from tests.live.manifests import Document
    from tests.live.product import Home, Product

STAMP = "x-generation"
MARK = "x-of-backend"
BLUE, GREEN = "blue", "green"


class Case(Protocol):
    """A kind of change."""

    name: str

    def documents(self, number: int, ports: dict[str, int]) -> Sequence[Document]:
        """Give the whole file of a generation."""

    def load(self) -> Sequence[Ask]:
        """Give the requests that go on all the time."""

    def probes(self, number: int) -> Sequence[Ask]:
        """Give requests that all show the number of the generation once it is in force."""

    def allowed(self, got: Seen, number: int) -> bool:
        """Say whether this generation sends such a request to this backend in this form."""


def stamped(number: int, *targets: Document, matches: Sequence[Document] = ()) -> Document:
    return m.rule(*targets, matches=matches, filters=[m.request_headers(set_=[(STAMP, str(number))])])


def either(number: int) -> str:
    return BLUE if number % 2 else GREEN


class Swap:
    """Every route goes to a backend that Envoy has never heard of, and the ones before are gone."""

    def __init__(self, routes: int) -> None:
        self.name = "swap"
        self._hosts = [f"r{number}.swap.test" for number in range(routes)]

    def documents(self, number: int, ports: dict[str, int]) -> Sequence[Document]:
        found: list[Document] = []
        for index, host in enumerate(self._hosts):
            name = f"swap-{index}-{number}"
            found += m.service(name, ports[either(number)])
            found.append(m.http_route(f"swap-{index}", stamped(number, m.to(name)), hostnames=[host]))
        return found

    def load(self) -> Sequence[Ask]:
        return [Ask("/", host) for host in self._hosts]

    def probes(self, _number: int) -> Sequence[Ask]:
        return [Ask("/", self._hosts[0]), Ask("/", self._hosts[-1])]

    def allowed(self, got: Seen, number: int) -> bool:
        return got.backend == either(number)


class Insert:
    """A rule before all others takes a path from them, and gives it back."""

    name = "insert"
    _host = "insert.test"

    def documents(self, number: int, _ports: dict[str, int]) -> Sequence[Document]:
        first = [stamped(number, m.to(GREEN), matches=[m.path("/x/y", "Exact")])] if number % 2 else []
        rest = [stamped(number, m.to(BLUE), matches=[m.path("/x")]), stamped(number, m.to(BLUE))]
        return [m.http_route(self.name, *first, *rest, hostnames=[self._host])]

    def load(self) -> Sequence[Ask]:
        return [Ask("/x/y", self._host), Ask("/x", self._host), Ask("/", self._host)]

    def probes(self, _number: int) -> Sequence[Ask]:
        return self.load()

    def allowed(self, got: Seen, number: int) -> bool:
        return got.backend == (GREEN if number % 2 and got.path == "/x/y" else BLUE)


class Reorder:
    """Two rules with one match change places among twenty others: the first of them answers."""

    name = "reorder"
    _host = "reorder.test"

    def documents(self, number: int, _ports: dict[str, int]) -> Sequence[Document]:
        same = [stamped(number, m.to(name), matches=[m.path("/same")]) for name in (BLUE, GREEN)]
        others = [stamped(number, m.to(BLUE), matches=[m.path(f"/other/{index}")]) for index in range(10)]
        rules = [*others, *same] if number % 2 else [*reversed(same), *reversed(others)]
        return [m.http_route(self.name, *rules, hostnames=[self._host])]

    def load(self) -> Sequence[Ask]:
        return [Ask("/same", self._host), Ask("/other/3", self._host), Ask("/same/deep", self._host)]

    def probes(self, _number: int) -> Sequence[Ask]:
        return self.load()

    def allowed(self, got: Seen, number: int) -> bool:
        return got.backend == (either(number) if got.path.startswith("/same") else BLUE)


class BackendFilter:
    """One of two backends gets a filter and loses it; as one that rewrites, it splits the rule into several routes."""

    name = "filter"
    _host = "filter.test"

    def documents(self, number: int, _ports: dict[str, int]) -> Sequence[Document]:
        filters = [m.request_headers(set_=[(MARK, str(number))]), m.rewrite(path=m.full_path("/new"))]
        green = m.to(GREEN, *(filters if number % 2 else ()), weight=1)
        return [m.http_route(self.name, stamped(number, m.to(BLUE, weight=1), green), hostnames=[self._host])]

    def load(self) -> Sequence[Ask]:
        return [Ask("/old", self._host)]

    def probes(self, _number: int) -> Sequence[Ask]:
        return self.load()

    def allowed(self, got: Seen, number: int) -> bool:
        filtered = number % 2 and got.backend == GREEN
        return (got.path, got.values(MARK)) == (("/new", [str(number)]) if filtered else ("/old", []))


class Hostname:
    """A route takes a hostname from a route with a wildcard, and gives it back."""

    name = "hostname"
    _hosts = ("a.hostname.test", "b.hostname.test", "c.hostname.test")

    def documents(self, number: int, _ports: dict[str, int]) -> Sequence[Document]:
        first, second, _ = self._hosts
        hosts = [first, second] if number % 2 else [first]
        return [
            m.http_route("wild", stamped(number, m.to(GREEN)), hostnames=["*.hostname.test"]),
            m.http_route(self.name, stamped(number, m.to(BLUE)), hostnames=hosts),
        ]

    def load(self) -> Sequence[Ask]:
        return [Ask("/", host) for host in self._hosts]

    def probes(self, _number: int) -> Sequence[Ask]:
        return self.load()

    def allowed(self, got: Seen, number: int) -> bool:
        first, second, _ = self._hosts
        own = got.values("host") == [first] or (number % 2 and got.values("host") == [second])
        return got.backend == (BLUE if own else GREEN)


CASES: tuple[Case, ...] = (Swap(500), Insert(), Reorder(), BackendFilter(), Hostname())


@dataclass
class Report:
    """What a load saw: `torn` are answers that no generation gives, `hidden` attempts that clients do not see.

    Attributes:
        unseen: requests that reached no backend, or reached one twice: the difference of the two counts.
    """

    tally: Tally
    torn: Counter[str]
    hidden: dict[str, int]
    unseen: int


@dataclass
class Stage:
    """A product that serves all cases, each at its first generation, from two backends."""

    home: Home
    port: int
    backends: tuple[Backend, ...]
    product: Product
    admin: Admin
    _asked: int = 0

    @property
    def served(self) -> int:
        return sum(one.served for one in self.backends)

    def write(self, case: Case, number: int) -> None:
        ports = {one.name: one.port for one in self.backends}
        m.write(self.home.folder / f"{case.name}.yaml", case.documents(number, ports))

    async def shows(self, case: Case, number: int) -> None:
        """Wait until each probe is answered by this generation."""

        def matches(answer: Answer) -> bool:
            # What a probe meets meanwhile is judged as the load is: there is no time at which a 404 is in order.
            self._asked += answer.status == 200
            return answer.status == 200 and seen(answer).values(STAMP) == [str(number)]

        for probe in case.probes(number):
            await answers(self.port, probe, matches)

    async def change_under_load(self, case: Case, for_s: float, at_least: int) -> Report:
        """Write generation after generation, each when the one before is in force, under load.

        For so long, and for so many generations: a busy machine takes more time over them.
        """
        loop = asyncio.get_running_loop()
        torn = Counter[str]()

        def label(answer: Answer) -> str:
            if answer.status == 200:
                got = seen(answer)
                stamp = "".join(got.values(STAMP))
                if not (stamp.isdecimal() and case.allowed(got, int(stamp))):
                    torn[f"{got.values('host')} {got.path} {stamp} {got.backend} {got.values(MARK)}"] += 1
            return str(answer.status)

        hidden, served, asked = await self.hidden(), self.served, self._asked
        start, number = loop.time(), 0
        async with load(Traffic(case.load(), self.port), label) as tally:
            while number < at_least or loop.time() - start < for_s:
                number += 1
                self.write(case, number)
                await self.shows(case, number)
        unseen = tally.requests + self._asked - asked - (self.served - served)
        more = {name: count - hidden.get(name, 0) for name, count in (await self.hidden()).items()}
        self.write(case, 0)
        await self.shows(case, 0)
        return Report(tally, torn, {name: count for name, count in more.items() if count > 0}, unseen)

    async def hidden(self) -> dict[str, int]:
        """Return Envoy's counters of attempts that did not come through."""
        return await self.admin.stats(HIDDEN)


@asynccontextmanager
async def stage() -> AsyncIterator[Stage]:
    async with AsyncExitStack() as stack:
        where = await stack.enter_async_context(home())
        backends = (
            await stack.enter_async_context(backend(BLUE)),
            await stack.enter_async_context(backend(GREEN)),
        )
        port = free_port()
        services = [document for one in backends for document in m.service(one.name, one.port)]
        m.write(where.folder / "base.yaml", [m.gateway_class(), m.gateway(m.listener(port)), *services])
        product = await stack.enter_async_context(standalone(where, "--concurrency", "1"))
        found = Stage(where, port, backends, product, await stack.enter_async_context(admin(where)))
        for case in CASES:
            found.write(case, 0)
        await product.notice("Envoy", "ready")
        for case in CASES:
            await found.shows(case, 0)
        yield found
