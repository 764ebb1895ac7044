"""What a client holds, as a position in a history: it answers like a dictionary, and costs next to nothing."""

from __future__ import annotations

import gc
import weakref
from typing import TYPE_CHECKING

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from xdsserver.xds.delivery import Delivery
from xdsserver.xds.history import _LEAST_LOG, History
from xdsserver.xds.holding import Holding
from xdsserver.xds.names import shared
from xdsserver.xds.resource import CLUSTER, Resource
from xdsserver.xds.subscription import NO_SUBSCRIPTION, Subscription

if TYPE_CHECKING:
    from collections.abc import Iterable

    from xdsserver.xds.parcel import Parcel

NAMES = tuple("abcde")
EVERYTHING = Subscription(wildcard=True)
some_names = st.frozensets(st.sampled_from(NAMES))
contents = st.sampled_from("123")


def resource(name: str, content: str = "1") -> Resource:
    return Resource.of_bytes(CLUSTER, name, f"{name}@{content}".encode())


def asks_for(names: Iterable[str]) -> Subscription:
    return Subscription(names=shared(names))


class Histories(RuleBasedStateMachine):
    """Two holdings of one history, each beside the dictionary that it stands for."""

    @initialize()
    def begin(self) -> None:
        self.history = History()
        self.delivery = Delivery(self.history)
        self.holdings = (self.delivery.held, self.delivery.acked)
        self.models: tuple[dict[str, str], dict[str, str]] = ({}, {})
        self.scopes = [NO_SUBSCRIPTION, NO_SUBSCRIPTION]
        self.kept: list[Parcel] = []

    @rule(put=some_names, drop=some_names, content=contents)
    def change(self, put: frozenset[str], drop: frozenset[str], content: str) -> None:
        changes: dict[str, Resource | None] = dict.fromkeys(drop)
        changes |= {name: resource(name, content) for name in put}
        before = {name: self.history.version(name) for name in changes}
        changed = self.history.apply(changes.items())
        assert changed == {name for name in changes if before[name] != self.history.version(name)}

    @rule(which=st.integers(0, 1), scope=st.one_of(st.just(EVERYTHING), st.builds(asks_for, some_names)))
    def ask_for_something_else(self, which: int, scope: Subscription) -> None:
        self.scopes[which] = scope
        self.holdings[which].rescope(scope)
        for name in [name for name in self.models[which] if not scope.covers(name)]:
            del self.models[which][name]

    @rule(about=some_names, everything=st.booleans())
    def pack(self, about: frozenset[str], everything: bool) -> None:  # noqa: FBT001 (a draw)
        self.kept.append(self.history.parcel(about | self.history.names if everything else about))

    @rule(which=st.integers(0, 1), data=st.data())
    def take(self, which: int, data: st.DataObject) -> None:
        """Take a parcel of now, or one from earlier, as an acknowledgement does."""
        if self.kept:
            parcel, scope = data.draw(st.sampled_from(self.kept[-4:])), self.scopes[which]
            covered = scope.covered(parcel.names)
            if covered == parcel.names:
                self.holdings[which].take(parcel, scope)
                self.models[which].update(parcel.versions)
                for name in parcel.removed:
                    self.models[which].pop(name, None)

    @rule(which=st.integers(0, 1), name=st.sampled_from(NAMES), content=st.one_of(st.none(), contents))
    def put(self, which: int, name: str, content: str | None) -> None:
        if self.scopes[which].covers(name):
            version = None if content is None else resource(name, content).version
            self.holdings[which].put(name, version)
            self.models[which].pop(name, None)
            if version is not None:
                self.models[which][name] = version

    @rule()
    def cut(self) -> None:
        """Let so much change elsewhere that the log is cut; what stands still takes along what it would lose."""
        while self.history.changes_kept <= max(_LEAST_LOG, 2 * len(self.history.resources)):
            self.history.apply([("elsewhere", resource("elsewhere"))])
            self.history.apply([("elsewhere", None)])
        self.history.apply([("elsewhere", None)])

    @invariant()
    def equals_the_dictionary(self) -> None:
        for holding, model in zip(self.holdings, self.models, strict=True):
            if bool(model) != bool(holding) or holding != model:
                raise AssertionError(dict(holding), model)
            assert len(holding) == len(model)
            assert {name: holding.get(name) for name in NAMES} == {name: model.get(name) for name in NAMES}

    @invariant()
    def has_no_exception_without_need(self) -> None:
        for holding, model, scope in zip(self.holdings, self.models, self.scopes, strict=True):
            if holding.scope == scope:
                now = {name: self.history.version(name) for name in NAMES if scope.covers(name)}
                assert holding.exceptions == sum(1 for name in now if now[name] != model.get(name))


TestHistories = Histories.TestCase
TestHistories.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


def test_a_client_that_has_everything_has_no_exceptions() -> None:
    history = History()
    history.apply((str(number), resource(str(number))) for number in range(5000))
    holding = Holding(history)
    holding.take(history.parcel(history.names), EVERYTHING)
    assert (len(holding), holding.exceptions) == (5000, 0)
    for number in range(100):
        history.apply([(str(number), resource(str(number), "2"))])
    assert holding["7"] == resource("7").version
    assert holding.exceptions == 100, "what it was not told yet"
    holding.take(history.parcel(frozenset(map(str, range(100)))), EVERYTHING)
    assert (holding["7"], holding.exceptions) == (resource("7", "2").version, 0)


def test_the_log_is_bounded_whoever_stands_still() -> None:
    history = History()
    history.apply([("a", resource("a")), ("b", resource("b"))])
    delivery = Delivery(history)
    still = delivery.held
    still.take(history.parcel(history.names), EVERYTHING)
    for number in range(10_000):
        history.apply([("a", resource("a", str(number)))])
        assert history.changes_kept <= _LEAST_LOG + 1
    assert still == {"a": resource("a").version, "b": resource("b").version}
    assert still.exceptions == 1


def test_nothing_is_owed_to_a_client_that_is_gone() -> None:
    history = History()
    delivery = weakref.ref(Delivery(history))
    gc.collect()
    assert delivery() is None
    assert len(history._readers) == 0


def test_equal_sets_of_names_are_one_set() -> None:
    first, second = shared(str(number) for number in range(100)), shared(str(99 - number) for number in range(100))
    assert first is second
