"""Addresses are written down by way of an API server that takes its time: nobody is moved by what is read back late.

What is written was decided a while ago, lands later, and is read later still; Gateways come and go meanwhile, many of
them within one second, so that only their uids say who comes first.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.properties.gateway_worlds import CONTROLLER
from xdsserver.infrastructure.allocation import Pool
from xdsserver.objects.gateway import Gateway, GatewayListener, GatewaySpec
from xdsserver.objects.gatewayclass import GatewayClass, GatewayClassSpec
from xdsserver.objects.meta import Name, ObjectMeta
from xdsserver.reconciler import Reconciler, Surroundings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xdsserver.infrastructure.allocation import Written

GATEWAYS = tuple(Name("shop", name) for name in "abcde")
POOL = Pool(tuple(f"192.0.2.{last}" for last in range(1, len(GATEWAYS) + 1)))
STEPS = ("make", "take away", "begin to write", "land", "read")
"""What may happen to a Gateway next."""


@dataclass
class Cluster:
    """An API server, the one server that writes to it, and what is on its way between them."""

    server: Reconciler
    uids: dict[Name, str] = field(default_factory=dict)
    under_way: dict[Name, Written] = field(default_factory=dict)
    landed: dict[Name, Written] = field(default_factory=dict)
    read: dict[Name, Written] = field(default_factory=dict)

    def step(self, what: str, name: Name, number: int) -> None:
        uid = self.uids.get(name)
        match what:
            case "make" if uid is None:
                # A later one may have the smaller uid.
                self.uids[name] = f"{-number % 7}-{number}"
                self._tell(name, _gateway(name, self.uids[name]))
            case "take away" if uid is not None:
                for place in (self.uids, self.under_way, self.landed, self.read):
                    place.pop(name, None)
                self._tell(name, None)
            case "begin to write" if name in self.server.written and name not in self.under_way:
                self.under_way[name] = self.server.written[name]
            case "land" if name in self.under_way:
                self.landed[name] = self.under_way.pop(name)
            case "read" if name in self.landed:
                self.read[name] = self.landed[name]
                self.server.observed(self.read)
                self.server.objects([])
            case _:
                pass

    def _tell(self, name: Name, gateway: Gateway | None) -> None:
        self.server.observed(self.read)
        self.server.objects([("Gateway", name, gateway)])


def _gateway(name: Name, uid: str) -> Gateway:
    metadata = ObjectMeta(name=name.name, namespace=name.namespace, uid=uid, creation_timestamp="2026-01-01T00:00:00Z")
    listener = GatewayListener(name="http", port=80, protocol="HTTP")
    return Gateway(metadata=metadata, spec=GatewaySpec(gateway_class_name="ours", listeners=(listener,)))


def _cluster() -> Cluster:
    class_ = GatewayClass(metadata=ObjectMeta(name="ours"), spec=GatewayClassSpec(controller_name=CONTROLLER))
    server = Reconciler(Surroundings(POOL, promising=True))
    server.objects([("GatewayClass", Name("", "ours"), class_)])
    return Cluster(server)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(STEPS), st.sampled_from(GATEWAYS)), max_size=60))
def test_a_gateway_keeps_the_address_that_was_decided_first(steps: Sequence[tuple[str, Name]]) -> None:
    cluster = _cluster()
    first: dict[str, str] = {}
    for number, (what, name) in enumerate(steps):
        cluster.step(what, name, number)
        written = cluster.server.written
        assert set(written) == set(cluster.uids)
        assert len({one.address for one in written.values()}) == len(written)
        for one in written.values():
            assert first.setdefault(one.uid, one.address) == one.address
