"""A session as a script: what the client says, what changes, how time passes, and what is answered, in few words.

    client = Client(world := World())
    world.put(cluster("blue", endpoints="pods"), endpoints("pods"))
    assert client.ask(CDS) == ["CDS +blue"]

An answer reads `TYPE +sent -removed`, names sorted within each sign; `CDS` alone is an empty answer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from xdsserver.xds import resource as types
from xdsserver.xds.cache import Cache
from xdsserver.xds.footing import Footing
from xdsserver.xds.messages import DeltaRequest, Node, SotwRequest
from xdsserver.xds.ordering import Timing
from xdsserver.xds.resource import Resource
from xdsserver.xds.rules import Rules
from xdsserver.xds.session import Session

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xdsserver.xds.ledger import Event
    from xdsserver.xds.messages import Request, Response, Step

CDS, EDS, LDS, RDS, SDS = types.CLUSTER, types.ENDPOINTS, types.LISTENER, types.ROUTE, types.SECRET
SHORT = {CDS: "CDS", EDS: "EDS", LDS: "LDS", RDS: "RDS", SDS: "SDS", types.SCOPED_ROUTE: "SRDS"}
FLEET = "edge"
RULES = Rules(fleet_of=lambda node: node.cluster, timing=Timing(ack_wait_s=1.0, drain_s=1.0))


def _resource(type_url: str, name: str, content: str, **links: object) -> Resource:
    return Resource.of_bytes(type_url, name, f"{name}@{content}".encode(), **links)  # type: ignore[arg-type]


def cluster(name: str, content: str = "1", *, endpoints: str | None = None) -> Resource:
    return _resource(CDS, name, content, endpoints=endpoints)


def endpoints(name: str, content: str = "1") -> Resource:
    return _resource(EDS, name, content)


def listener(name: str, content: str = "1", *, to: tuple[str, ...] = ()) -> Resource:
    return _resource(LDS, name, content, clusters=(frozenset(to),))


def route(name: str, content: str = "1", *, to: tuple[str, ...] = ()) -> Resource:
    return _resource(RDS, name, content, clusters=(frozenset(to),))


def secret(name: str, content: str = "1") -> Resource:
    return _resource(SDS, name, content)


@dataclass
class World:
    """The cache, the clock and all clients: a change reaches every one of them."""

    ready: bool = True
    now: float = 100.0
    cache: Cache = field(init=False)
    clients: list[Client] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.cache = Cache(ready=self.ready)

    def put(self, *resources: Resource) -> list[str]:
        """Add or replace; return what the first client is sent."""
        return self.change(resources, ())

    def drop(self, *resources: Resource) -> list[str]:
        return self.change((), resources)

    def change(self, put: tuple[Resource, ...], drop: tuple[Resource, ...]) -> list[str]:
        changes: dict[tuple[str, str, str], Resource | None] = {(FLEET, r.type_url, r.name): None for r in drop}
        changes |= {(FLEET, r.type_url, r.name): r for r in put}
        changed = self.cache.apply(changes).get(FLEET, {})
        if not changed:
            return []
        answers = [client.take(client.session.on_change(changed, self.now)) for client in self.clients]
        return answers[0] if answers else []

    def open(self) -> list[str]:
        """Let every source have listed."""
        self.cache.footing = Footing.LISTED
        return self.sleep(0)

    def fall_back(self) -> list[str]:
        """Let what the cache holds be a saved state, before anything has listed."""
        self.cache.footing = Footing.SAVED
        return self.sleep(0)

    def sleep(self, seconds: float) -> list[str]:
        """Pass time as the shell does: a tick at every moment that a session names, and at the end."""
        end = self.now + seconds
        answers: list[str] = []
        for client in self.clients:
            while (tick := client.session.next_tick()) is not None and tick <= end:
                self.now = max(self.now, tick)
                said = client.take(client.session.on_tick(self.now))
                answers += said if client is self.clients[0] else []
                assert client.session.next_tick() != tick, "a tick at which nothing moves would be repeated for ever"
        self.now = end
        for client in self.clients:
            said = client.take(client.session.on_tick(self.now))
            answers += said if client is self.clients[0] else []
        return answers


@dataclass
class Client:
    """One stream. Delta unless `sotw`; it acknowledges nothing by itself."""

    world: World
    stream: str = "s1"
    node: Node = field(default_factory=lambda: Node("envoy-1", FLEET))
    sotw: bool = False
    session: Session = field(init=False)
    events: list[Event] = field(default_factory=list)
    unanswered: list[Response] = field(default_factory=list)
    received: list[Response] = field(default_factory=list)
    last: Response | None = None
    refused: str = ""
    _names: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _nonces: dict[str, str] = field(default_factory=dict)
    _introduced: bool = False

    def __post_init__(self) -> None:
        self.session = Session(self.stream, self.world.cache, RULES)
        self.world.clients.append(self)

    def say(self, request: Request) -> list[str]:
        """Send any request as it is."""
        return self.take(self.session.on_request(request, self.world.now))

    def ask(
        self,
        type_url: str,
        *names: str,
        leave: tuple[str, ...] = (),
        nonce: str = "",
        has: Mapping[str, str] | None = None,
    ) -> list[str]:
        """Subscribe (delta: to these names besides; state of the world: to exactly these)."""
        if self.sotw:
            self._names[type_url] = names
            nonce = nonce or self._nonces.get(type_url, "")
            return self.say(SotwRequest(type_url, self._node(), nonce, names=names))
        request = DeltaRequest(type_url, self._node(), nonce, None, names, leave, initial_versions=has or {})
        return self.say(request)

    def leave(self, type_url: str, *names: str) -> list[str]:
        return self.ask(type_url, leave=names)

    def ack(self, *type_urls: str) -> list[str]:
        """Accept what is unanswered (of these types, or all) and return what that sets free."""
        return self._answer(type_urls, None)

    def nack(self, type_url: str, words: str) -> list[str]:
        return self._answer((type_url,), words)

    def settle(self) -> list[str]:
        """Accept everything until nothing more comes; return all that came."""
        answers: list[str] = []
        while self.unanswered:
            answers += self.ack()
        return answers

    def take(self, step: Step) -> list[str]:
        self.events += step.events
        if step.refused is not None:
            self.refused = step.refused.code.value
        self.unanswered += step.responses
        self.received += step.responses
        for response in step.responses:
            self.last = response
            self._nonces[response.type_url] = response.nonce
        return [_read(response) for response in step.responses]

    def _answer(self, type_urls: tuple[str, ...], error: str | None) -> list[str]:
        chosen = [response for response in self.unanswered if not type_urls or response.type_url in type_urls]
        assert chosen, "there is nothing to answer"
        self.unanswered = [response for response in self.unanswered if response not in chosen]
        return [line for response in chosen for line in self._say_of(response, error)]

    def answer(self, response: Response, *, error: str | None = None) -> list[str]:
        """Accept or reject one response that is unanswered."""
        self.unanswered.remove(response)
        return self._say_of(response, error)

    def _say_of(self, response: Response, error: str | None) -> list[str]:
        type_url, nonce = response.type_url, response.nonce
        request: Request = DeltaRequest(type_url, nonce=nonce, error=error)
        if self.sotw:
            request = SotwRequest(type_url, nonce=nonce, error=error, names=self._names[type_url])
        return self.say(request)

    def _node(self) -> Node | None:
        introduced, self._introduced = self._introduced, True
        return None if introduced else self.node


def _read(response: Response) -> str:
    sent = (f"+{resource.name}" for resource in sorted(response.resources, key=lambda resource: resource.name))
    removed = (f"-{name}" for name in sorted(response.removed))
    return " ".join((SHORT[response.type_url], *sent, *removed))
