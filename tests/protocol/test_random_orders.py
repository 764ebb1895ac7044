"""X13 by random scripts: whatever changes and whenever it is acknowledged, nothing is named before it is there."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from tests.protocol.script import CDS, EDS, FLEET, LDS, RDS, Client, World, cluster, endpoints, listener, route

if TYPE_CHECKING:
    from xdsserver.xds.messages import Response
    from xdsserver.xds.resource import Resource

CLUSTERS = ("blue", "green", "red")
TABLES = ("r1", "r2")
targets = st.frozensets(st.sampled_from(CLUSTERS), min_size=1)
some_clusters = st.sets(st.sampled_from(CLUSTERS))
some_tables = st.dictionaries(st.sampled_from(TABLES), targets)


class Envoy:
    """What a real one does with what it is sent: it applies a response when it answers it, and warms new clusters."""

    def __init__(self, client: Client, *, sotw: bool) -> None:
        self.client = client
        self.sotw = sotw
        self.unread: dict[str, deque[Response]] = {kind: deque() for kind in (CDS, EDS, LDS, RDS)}
        self.held: dict[str, dict[str, Resource]] = {kind: {} for kind in (CDS, EDS, LDS, RDS)}
        self.warm: set[str] = set()
        """Clusters that it has, and has had endpoints for since."""
        self.subscribed: set[str] = set()
        self.unsent_before = 0

    def receive(self) -> None:
        """Take what was sent, and check that it was right to send it now."""
        for response in self.client.received[self.unsent_before :]:
            self.check(response)
            self.unread[response.type_url].append(response)
        self.unsent_before = len(self.client.received)
        self.client.unanswered.clear()

    def check(self, response: Response) -> None:
        coming = {name for open_ in self.unread[CDS] for name in self.names_sent(open_)}
        if response.type_url in (LDS, RDS):
            for resource in response.resources:
                if self.held[response.type_url].get(resource.name) == resource:
                    continue
                for name in frozenset().union(*resource.clusters):
                    known = name in self.held[CDS] or name in coming
                    assert not known or name in self.warm, f"{resource.name} names {name}, which is not warm"
        if response.type_url == CDS:
            named = self.named()
            for name in self.removed(response):
                assert name not in named, f"{name} is removed and still named"

    def names_sent(self, response: Response) -> set[str]:
        return {resource.name for resource in response.resources}

    def removed(self, response: Response) -> set[str]:
        if not self.sotw:
            return set(response.removed)
        return self.held[CDS].keys() - self.names_sent(response)

    def named(self) -> set[str]:
        """Clusters that are named by what it holds, or will hold when it has read everything."""
        held = [resource for kind in (LDS, RDS) for resource in self.held[kind].values()]
        return {name for resource in held for names in resource.clusters for name in names}

    def answer(self, kind: str) -> None:
        response = self.unread[kind].popleft()
        gone = set(response.removed)
        if self.sotw and kind in (CDS, LDS):
            gone = self.held[kind].keys() - self.names_sent(response)
        for name in gone:
            self.held[kind].pop(name, None)
            self.warm -= {name} if kind == CDS else set()
        self.held[kind].update({resource.name: resource for resource in response.resources})
        if kind == CDS:
            wanted = {resource.endpoints for resource in self.held[CDS].values() if resource.endpoints}
            self.subscribe(wanted)
        if kind == EDS:
            for one in self.held[CDS].values():
                if one.endpoints in response.removed or one.endpoints in self.names_sent(response):
                    self.warm.add(one.name)
        self.client.unanswered = [response]
        self.client.answer(response)
        self.receive()

    def subscribe(self, wanted: set[str]) -> None:
        before, self.subscribed = self.subscribed, wanted
        if self.sotw and self.unread[EDS]:
            # A request now would carry the nonce before the last and be ignored; the answer repeats the whole list.
            self.client._names[EDS] = tuple(sorted(wanted))
        elif wanted != before and self.sotw:
            self.client.ask(EDS, *sorted(wanted))
        elif wanted != before:
            self.client.ask(EDS, *sorted(wanted - before), leave=tuple(sorted(before - wanted)))
        self.receive()


class Orders(RuleBasedStateMachine):
    """Tables move between clusters that come and go with them; an Envoy answers when it likes."""

    @initialize(sotw=st.booleans())
    def connect(self, *, sotw: bool) -> None:
        self.sotw, self.streams = sotw, 1
        self.world = World()
        self.tables: dict[str, frozenset[str]] = {}
        self.contents = 0
        self.begin()

    def begin(self) -> None:
        self.envoy = Envoy(Client(self.world, f"s{self.streams}", sotw=self.sotw), sotw=self.sotw)
        client = self.envoy.client
        client.ask(CDS)
        client.ask(LDS)
        client.ask(RDS, *TABLES)
        self.envoy.receive()

    @rule(
        moved=some_tables,
        dropped=st.sets(st.sampled_from(TABLES), max_size=1),
        renew=some_clusters,
    )
    def change(self, moved: dict[str, frozenset[str]], dropped: set[str], renew: set[str]) -> None:
        """Let tables name other clusters; clusters are there as long as a table names them."""
        # State of the world has no words for a table that is gone; Envoy drops those that no listener names.
        dropped = set() if self.sotw else dropped
        self.contents += 1
        before = {name for names in self.tables.values() for name in names}
        tables = {name: to for name, to in {**self.tables, **moved}.items() if name not in dropped}
        now = {name for names in tables.values() for name in names}
        put: list[Resource] = []
        for name in sorted(now):
            if name not in before or name in renew:
                put.append(cluster(name, str(self.contents if name in renew else 0), endpoints=f"of-{name}"))
                put.append(endpoints(f"of-{name}", str(self.contents)))
        put += [route(name, str(self.contents), to=tuple(sorted(to))) for name, to in moved.items() if name in tables]
        put.append(listener("l", str(self.contents % 2)))
        drop: list[Resource] = [route(name) for name in self.tables if name not in tables]
        for name in before - now:
            drop += [cluster(name), endpoints(f"of-{name}")]
        self.tables = tables
        self.world.change(tuple(put), tuple(drop))
        self.envoy.receive()

    @precondition(lambda self: not self.sotw and self.envoy.warm >= self.envoy.held[CDS].keys())
    @rule()
    def reconnect(self) -> None:
        """Lose the stream and all that was unread; come back with what is held."""
        self.streams += 1
        self.world.clients.clear()
        before, client = self.envoy, Client(self.world, f"s{self.streams}")
        self.envoy = Envoy(client, sotw=False)
        self.envoy.held, self.envoy.warm = before.held, before.warm
        has = {kind: {one.name: one.version for one in held.values()} for kind, held in before.held.items()}
        client.ask(CDS, has=has[CDS])
        self.envoy.subscribed = {one.endpoints for one in before.held[CDS].values() if one.endpoints}
        if self.envoy.subscribed:
            client.ask(EDS, *sorted(self.envoy.subscribed), has=has[EDS])
        client.ask(LDS, has=has[LDS])
        client.ask(RDS, *TABLES, has=has[RDS])
        self.envoy.receive()

    @rule(kind=st.sampled_from((CDS, EDS, LDS, RDS)))
    def answer(self, kind: str) -> None:
        if self.envoy.unread[kind]:
            self.envoy.answer(kind)

    @rule()
    def settle(self) -> None:
        """Answer all; let drained things go; all is then as it shall be."""
        for _ in range(3):
            while any(self.envoy.unread.values()):
                for kind, unread in self.envoy.unread.items():
                    if unread:
                        self.envoy.answer(kind)
            self.world.sleep(5)
            self.envoy.receive()
        for kind in (CDS, LDS):
            assert self.envoy.held[kind] == self.world.cache.resources(FLEET, kind)
        for kind in (EDS, RDS):
            now = self.world.cache.resources(FLEET, kind)
            held = self.envoy.held[kind]
            assert {name: held.get(name) for name in now} == now
        assert self.envoy.client.session.next_tick() is None
        assert {one.name for one in self.envoy.held[CDS].values()} <= self.envoy.warm


def test_x13_random_changes_and_answers() -> None:
    """X13: CDS+EDS -> LDS -> RDS -> (ACK) -> remove old RDS/LDS -> remove CDS/EDS after drain, in any history."""
    run_state_machine_as_test(Orders, settings=settings(max_examples=150, stateful_step_count=30, deadline=None))
