"""X6 by random scripts: the delta session against an oracle that was written from the protocol text alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from tests.protocol.script import CDS, FLEET, RDS, Client, World, cluster, route

if TYPE_CHECKING:
    from collections.abc import Iterable

NAMES = ("a", "b", "c")
some_names = st.lists(st.sampled_from(NAMES), max_size=2, unique=True)
some_interest = st.lists(st.sampled_from((*NAMES, "*")), max_size=2, unique=True)


class Oracle:
    """What a client that speaks by the book expects of one type, read off the protocol text.

    `told` is what it was last told of each name: a version, or None for "there is none". It keeps what it is subscribed
    to and forgets the rest. `must` are the names that have to be in the next answer, whether they changed or not.
    """

    def __init__(self, *, wildcard_type: bool) -> None:
        self.explicit: set[str] = set()
        self.star = False
        self.never_named = wildcard_type
        self.told: dict[str, str | None] = {}
        self.must: set[str] = set()

    def request(self, subscribe: Iterable[str], unsubscribe: Iterable[str], existing: Iterable[str]) -> None:
        subscribe, unsubscribe, self.must = set(subscribe), set(unsubscribe), set()
        if self.never_named and not subscribe and not unsubscribe:
            self.must |= set() if self.star else set(existing)
            self.star = True
        if "*" in unsubscribe:
            self.star = self.never_named = False
        if self.star:
            self.must |= self.explicit & unsubscribe  # "must send a response that includes the specific resource"
        self.explicit = (self.explicit - unsubscribe) | (subscribe - {"*"})
        if subscribe:
            self.never_named = False
            self.must |= subscribe - {"*"}  # "the server must still provide those resources"
        if "*" in subscribe:
            self.star = True
            self.must |= set(existing)
        self.told = {name: version for name, version in self.told.items() if self.wants(name)}

    def wants(self, name: str) -> bool:
        return self.star or name in self.explicit

    def expected(self, existing: dict[str, str]) -> tuple[set[str], set[str]]:
        """Return (sent, removed): what has to be answered, and what differs from what the client was told."""
        names = {name for name in {*existing, *self.told, *self.explicit} if self.wants(name)} | self.must
        changed = {name for name in names if self.told.get(name) != existing.get(name)} | self.must
        return changed & existing.keys(), changed - existing.keys()


class Subscriptions(RuleBasedStateMachine):
    """One client of one type; after every step it has been told exactly what the oracle says it must be."""

    steps: ClassVar[int] = 0

    @initialize(type_url=st.sampled_from((CDS, RDS)))
    def connect(self, type_url: str) -> None:
        self.type_url, self.make = type_url, cluster if type_url == CDS else route
        self.world = World()
        self.client = Client(self.world)
        self.oracle = Oracle(wildcard_type=type_url == CDS)
        self.streams = 1
        self.read = 0

    @property
    def existing(self) -> dict[str, str]:
        resources = self.world.cache.resources(FLEET, self.type_url)
        return {name: resource.version for name, resource in resources.items()}

    @rule(subscribe=some_interest, unsubscribe=some_interest)
    def request(self, subscribe: list[str], unsubscribe: list[str]) -> None:
        # A name in both lists has no meaning that the text defines.
        unsubscribe = [name for name in unsubscribe if name not in subscribe]
        self.oracle.request(subscribe, unsubscribe, self.existing)
        self.client.ask(self.type_url, *subscribe, leave=tuple(unsubscribe))
        self.compare()

    @rule(put=some_names, drop=some_names, content=st.sampled_from("123"))
    def change(self, put: list[str], drop: list[str], content: str) -> None:
        self.world.change(
            tuple(self.make(name, content) for name in put), tuple(self.make(name) for name in drop if name not in put)
        )
        self.oracle.must = set()
        self.compare()

    @rule()
    def acknowledge(self) -> None:
        """Answer what is open, one by one; an ACK is a request with empty lists and counts as one."""
        must: set[str] = set()
        for _ in range(len(self.client.unanswered)):
            self.oracle.request((), (), self.existing)
            must |= self.oracle.must
        if self.client.unanswered:
            self.client.ack()
        self.oracle.must = must
        self.compare()

    @rule(put=some_names, content=st.sampled_from("123"), drop=some_names)
    def reconnect(self, put: list[str], content: str, drop: list[str]) -> None:
        """Come back after the world has moved on, announce what is held, ask for the same again."""
        before, self.streams = self.oracle, self.streams + 1
        self.world.clients.clear()
        self.move_on(put, drop, content)
        self.client, self.read = Client(self.world, f"s{self.streams}"), 0
        self.oracle = Oracle(wildcard_type=self.type_url == CDS)
        names = sorted(before.explicit)
        if before.star and not (before.never_named and not names):
            names.append("*")
        announced = {name: version for name, version in before.told.items() if version is not None}
        self.oracle.request(names, (), self.existing)
        self.oracle.told = {name: version for name, version in announced.items() if self.oracle.wants(name)}
        self.oracle.must -= announced.keys()  # "to avoid resending them over the network"
        self.client.ask(self.type_url, *names, has=announced)
        self.compare()

    def move_on(self, put: list[str], drop: list[str], content: str) -> None:
        self.world.change(
            tuple(self.make(name, content) for name in put), tuple(self.make(name) for name in drop if name not in put)
        )

    def compare(self) -> None:
        """Let what has to wait for a missing acknowledgement or a drain come, then compare with the oracle."""
        Subscriptions.steps += 1
        self.world.sleep(5)
        told: dict[str, str | None] = {}
        for response in self.client.received[self.read :]:
            told |= {resource.name: resource.version for resource in response.resources}
            told |= dict.fromkeys(response.removed)
        self.read = len(self.client.received)
        sent, removed = self.oracle.expected(self.existing)
        assert told == {name: self.existing[name] for name in sent} | dict.fromkeys(removed)
        assert self.client.session.next_tick() is None
        self.oracle.told |= told


def test_x6_random_subscriptions_in_ten_thousand_steps() -> None:
    """X6: per-type state machine, against an oracle of the protocol text: 10,000 steps of random scripts."""
    Subscriptions.steps = 0
    scripts = settings(max_examples=300, stateful_step_count=50, deadline=None)
    run_state_machine_as_test(Subscriptions, settings=scripts)
    assert Subscriptions.steps >= 10_000
