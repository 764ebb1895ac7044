"""A fleet of Envoys as the quarantine sees them: each applies and rejects as a real one does, until nothing moves.

fleet = Fleet(envoys=2)
fleet.put(table("t", shop="1", blog="1"))
fleet.put(table("t", shop="1", blog="bad"))
assert fleet.envoys[0].has("t") == {"shop": "1", "blog": "1"}
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.protocol.script import FLEET, LDS, RDS, RULES
from xdsserver.xds.cache import Cache
from xdsserver.xds.fragments import Assembly, Fragment, Section
from xdsserver.xds.ledger import Ledger
from xdsserver.xds.messages import DeltaRequest, Node, SotwRequest
from xdsserver.xds.quarantine import Quarantine
from xdsserver.xds.receipts import Receipts
from xdsserver.xds.resource import CLUSTER, ENDPOINTS
from xdsserver.xds.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from xdsserver.xds.messages import Request, Response, Step
    from xdsserver.xds.quarantine import Changed
    from xdsserver.xds.resource import Resource

TYPES = (CLUSTER, ENDPOINTS, LDS, RDS)
_MOST = 2_000
"""Answers to one change of a test; more are a loop."""


def piece(owner: str, content: str) -> bytes:
    return f"<{owner}={content}>".encode()


def table(name: str, to: Mapping[str, str] | None = None, /, **owners: str) -> Resource:
    """Make a route table with one host, in which each owner has a piece; `to` names clusters of owners."""
    to = to or {}
    fragments = tuple(
        Fragment((owner,), "host", (owner,), piece(owner, content), frozenset({to[owner]} if owner in to else ()))
        for owner, content in sorted(owners.items())
    )
    assembly = Assembly(f"{name}:".encode(), (Section("host", ("gateway",), 2, b"head", fragments),))
    return assembly.resource(RDS, name)


def pieces(resource: Resource) -> dict[str, str]:
    """Read off a table what each owner has in it."""
    text = resource.body.decode(errors="replace")
    found = (part.partition(">")[0].partition("=") for part in text.split("<")[1:])
    return {owner: content for owner, _, content in found}


def bad_content(resource: Resource) -> str:
    """Reject whatever holds the word bad."""
    return "there is something bad in it" if b"bad" in resource.body else ""


@dataclass
class Envoy:
    """One stream; `judge` gives the words with which a resource is rejected, or nothing.

    A `strict` one finds the fault before it applies anything (validation); others apply what is good and reject all
    the same (a fault at loading).
    """

    id: str
    session: Session
    judge: Callable[[Resource], str] = bad_content
    strict: bool = True
    sotw: bool = False
    running: dict[tuple[str, str], Resource] = field(default_factory=dict)
    history: list[dict[str, str]] = field(default_factory=list)
    sends: Counter[tuple[str, str]] = field(default_factory=Counter)
    rejections: Counter[tuple[str, str]] = field(default_factory=Counter)
    inbox: list[Response] = field(default_factory=list)
    subscribed: dict[str, tuple[str, ...]] = field(default_factory=dict)
    mute: bool = False
    build: str = "1.40.0"

    def has(self, name: str, type_url: str = RDS) -> dict[str, str]:
        """Give the pieces of a table that it runs."""
        found = self.running.get((type_url, name))
        return pieces(found) if found is not None else {}

    def requests(self, response: Response) -> list[Request]:
        """Apply a response as Envoy does, and answer."""
        words = [said for resource in response.resources if (said := self.judge(resource))]
        for resource in response.resources:
            self.sends[resource.name, resource.version] += 1
            self.rejections[resource.name, resource.version] += bool(self.judge(resource))
            if not words or not (self.strict or self.judge(resource)):
                self.running[resource.type_url, resource.name] = resource
        for name in response.removed:
            self.running.pop((response.type_url, name), None)
        error = "; ".join(words) or None
        if self.sotw:
            names = self.subscribed[response.type_url]
            return [SotwRequest(response.type_url, nonce=response.nonce, error=error, names=names)]
        return [DeltaRequest(response.type_url, nonce=response.nonce, error=error)]


@dataclass
class Fleet:
    """Envoys that are subscribed to everything, and to the tables that are named."""

    tables: tuple[str, ...] = ("t",)
    now: float = 0.0
    cache: Cache = field(default_factory=lambda: Cache(ready=True))
    envoys: list[Envoy] = field(default_factory=list)
    quarantine: Quarantine = field(init=False)
    ledger: Ledger = field(default_factory=Ledger)
    receipts: Receipts[str] = field(init=False)
    streams: int = 0

    def __post_init__(self) -> None:
        self.quarantine = Quarantine(self.cache)
        self.receipts = Receipts(self.cache, self.ledger, self.quarantine)

    def join(self, id_: str = "envoy", **how: object) -> Envoy:
        """Connect one more Envoy; it gets all there is, but for what it has `running` and announces."""
        self.streams += 1
        envoy = Envoy(id_, Session(f"s{self.streams}", self.cache, RULES), **how)  # type: ignore[arg-type]
        self.envoys.append(envoy)
        node: Node | None = Node(id_, FLEET, envoy.build)
        for type_url in TYPES:
            names = self.tables if type_url == RDS else ("pods",) if type_url == ENDPOINTS else ()
            envoy.subscribed[type_url] = names
            has = {name: one.version for (kind, name), one in envoy.running.items() if kind == type_url}
            request: Request = DeltaRequest(type_url, node, subscribe=names, initial_versions=has)
            if envoy.sotw:
                request = SotwRequest(type_url, node, names=names)
            self._take(envoy, envoy.session.on_request(request, self.now))
            node = None
        self.settle()
        return envoy

    def restarted(self) -> Fleet:
        """Make the next process: it knows what this one wrote down of rejections, and nothing else."""
        after = Fleet(self.tables)
        after.quarantine.recall(self.quarantine.precedents())
        return after

    def leave(self, envoy: Envoy) -> None:
        self.envoys.remove(envoy)
        self._take(envoy, envoy.session.on_close())

    def put(self, *resources: Resource) -> None:
        """Publish, and let everybody answer until nothing moves."""
        self.publish(*resources)
        self.settle()

    def publish(self, *resources: Resource) -> None:
        changes = {(FLEET, one.type_url, one.name): one for one in resources}
        changed = self.quarantine.apply(changes)
        self.receipts.published(changes.keys())
        self._pass_on(changed)

    def drop(self, *keys: tuple[str, str]) -> None:
        self._pass_on(self.quarantine.apply({(FLEET, *key): None for key in keys}))
        self.settle()

    def settle(self, seconds: float = 3.0) -> None:
        """Deliver and answer in turn; then let time pass, and again."""
        end = self.now + seconds
        answers = 0
        while True:
            while (envoy := next((one for one in self.envoys if one.inbox and not one.mute), None)) is not None:
                self.answer(envoy)
                answers += 1
                assert answers < _MOST, "this would never end"
            if self.now >= end:
                return
            self.now += 0.5
            for one in self.envoys:
                self._take(one, one.session.on_tick(self.now))

    def answer(self, envoy: Envoy) -> None:
        """Let one Envoy answer the oldest response that it has."""
        response = envoy.inbox.pop(0)
        for request in envoy.requests(response):
            self._take(envoy, envoy.session.on_request(request, self.now))
        envoy.history.append(envoy.has(self.tables[0]))

    def blamed(self) -> dict[str, tuple[str, ...]]:
        """Name who is blamed (or the resource, where that is not divided), and the nodes that reject it."""
        return {"/".join(blame.owner) or blame.name: said.nodes for blame, said in self.quarantine.rejections().items()}

    def _take(self, envoy: Envoy, step: Step) -> None:
        assert step.refused is None
        envoy.inbox += step.responses
        for event in step.events:
            changed = self.quarantine.hear(event)
            self.ledger.fold(event)
            self.receipts.hear(event)
            self._pass_on(changed)

    def _pass_on(self, changed: Changed) -> None:
        if FLEET in changed:
            for envoy in self.envoys:
                self._take(envoy, envoy.session.on_change(changed[FLEET], self.now))
