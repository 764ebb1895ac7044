"""A control plane whose endpoints change all the time: `python -m tests.live.churning SOCKET PORT BLUE GREEN`.

It is what a user runs without the folder: EndpointSlices change in memory, as fast as a cluster may change them.
Commands are lines on stdin, each answered by a line of JSON: `load SERVICES`, `churn SERVICES RATE SECONDS`.
"""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from typing_extensions import override

from tests.live import manifests as m
from xdsserver.app import ControlPlane, Hooks
from xdsserver.narrator import Narrator
from xdsserver.objects.decode import decode
from xdsserver.objects.kinds import BY_NAME
from xdsserver.objects.meta import Name
from xdsserver.reconciler import FLEET, Reconciler, Surroundings
from xdsserver.server import XdsOptions
from xdsserver.xds.ledger import Acked, Sent
from xdsserver.xds.resource import ENDPOINTS
from xdsserver.xds.rules import Rules

if TYPE_CHECKING:
    from collections.abc import Iterable

    from xdsserver.reconciler import ObjectChange
    from xdsserver.xds.ledger import Event


class Open:
    """Changes of one Service that no Envoy has acknowledged, oldest first: the version that each made, and when."""

    def __init__(self) -> None:
        self.made: list[tuple[str, float]] = []

    def acknowledged(self, version: str, now: float) -> list[float]:
        """Close the first change to this version, and those before it; give how long each took, in seconds."""
        for index, (made, _) in enumerate(self.made):
            if made == version:
                closed, self.made = self.made[: index + 1], self.made[index + 1 :]
                return [now - at for _, at in closed]
        return []


class Churning(ControlPlane):
    """The control plane, with the way from a change to its acknowledgement measured."""

    def __init__(self, socket: str, listener: int, backends: tuple[int, int]) -> None:
        rules = Rules(fleet_of=lambda _node: FLEET)
        hooks = Hooks(lambda _written: None, lambda _key: None)
        narrator = Narrator(lambda _notice: None, Path())
        super().__init__(Reconciler(Surroundings()), XdsOptions((socket,), rules), narrator, hooks)
        self._listener = listener
        self._backends = backends
        self._open: dict[str, Open] = {}
        self._took_s: list[float] = []
        self._sent: list[str] = []

    @override
    def on_event(self, event: Event) -> None:
        super().on_event(event)
        now = asyncio.get_running_loop().time()
        match event:
            case Acked(type_url=type_url, versions=versions) if type_url == ENDPOINTS:
                for name, version in versions:
                    self._took_s += self._open.setdefault(_service_of(name), Open()).acknowledged(version, now)
            case Sent(type_url=type_url):
                self._sent.append(type_url)
            case _:
                pass

    def load(self, services: int) -> None:
        """Begin with a route for each Service."""
        documents = [m.gateway_class(), m.gateway(m.listener(self._listener))]
        for number in range(services):
            documents += m.service(f"s{number}", self._backends[0])
            documents.append(m.http_route(f"r{number}", m.rule(m.to(f"s{number}")), hostnames=[f"s{number}.test"]))
        self.objects(changes(documents))
        self.server.ready()

    async def churn(self, services: int, rate: float, for_s: float) -> dict[str, object]:
        """Move one Service after the other between the backends."""
        loop = asyncio.get_running_loop()
        self._sent.clear()
        start, number = loop.time(), 0
        while number < rate * for_s:
            # A clock, not a condition: this is the pace of the changes.
            await asyncio.sleep(max(0.0, start + number / rate - loop.time()))
            service, turn = number % services, number // services + 1
            _, slice_ = m.service(f"s{service}", self._backends[turn % 2])
            made_at = loop.time()
            self.objects(changes([slice_]))
            self._open.setdefault(name := f"s{service}", Open()).made.append((self._version(name), made_at))
            number += 1
        # What was taken back before it was sent is never acknowledged: it is missing in the answer.
        with suppress(TimeoutError):
            async with asyncio.timeout(5):
                while any(one.made for one in self._open.values()):  # noqa: ASYNC110 (whatever the last one is)
                    await asyncio.sleep(0.005)
        took_s = loop.time() - start
        others = sorted({type_url for type_url in self._sent if type_url != ENDPOINTS})
        return {"changes": number, "took_s": took_s, "live_s": sorted(self._took_s), "others": others}

    def _version(self, service: str) -> str:
        served = self.reconciler.pipeline.resources.rows
        (found,) = (
            row.version for key, row in served.items() if key[1] == ENDPOINTS and _service_of(key[2]) == service
        )
        return found


def _service_of(endpoints: str) -> str:
    """Read the Service off the name of its endpoints."""
    return next(part for part in endpoints.split("/") if part[:1] == "s" and part[1:].isdecimal())


def changes(documents: Iterable[m.Document]) -> list[ObjectChange]:
    """Turn documents into changes of objects."""
    found: list[ObjectChange] = []
    for document in documents:
        kind, metadata = BY_NAME[document["kind"]], document["metadata"]
        namespace = metadata.get("namespace", "default") if kind.namespaced else ""
        whole = {**document, "metadata": {**metadata, "namespace": namespace}}
        found.append((kind.name, Name(namespace, metadata["name"]), decode(kind, whole)))
    return found


async def main(socket: str, listener: str, blue: str, green: str) -> None:
    """Serve until stdin ends."""
    plane = Churning(socket, int(listener), (int(blue), int(green)))
    commands = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    async with plane.serving():
        while line := await commands.readline():
            match line.decode().split():
                case ["load", services]:
                    plane.load(int(services))
                    _say({})
                case ["churn", services, rate, seconds]:
                    _say(await plane.churn(int(services), float(rate), float(seconds)))


def _say(answer: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
