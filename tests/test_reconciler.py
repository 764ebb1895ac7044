"""What is allocated is kept for the life of a Gateway, and no longer."""

from __future__ import annotations

from dataclasses import replace

from tests.properties.gateway_worlds import CONTROLLER
from xdsserver.infrastructure.allocation import Pool
from xdsserver.objects.gateway import Gateway, GatewayListener, GatewaySpec
from xdsserver.objects.gatewayclass import GatewayClass, GatewayClassSpec
from xdsserver.objects.meta import Name, ObjectMeta
from xdsserver.reconciler import FLEET, Reconciler
from xdsserver.xds.resource import LISTENER

CLASS = Name("", "ours")
A, B, C = (Name("shop", name) for name in "abc")


def gateway(name: Name, class_name: str = "ours") -> Gateway:
    listener = GatewayListener(name="http", port=80, protocol="HTTP")
    metadata = ObjectMeta(name=name.name, namespace=name.namespace, uid=f"uid of {name.name}")
    return Gateway(metadata=metadata, spec=GatewaySpec(gateway_class_name=class_name, listeners=(listener,)))


def running() -> Reconciler:
    """Serve two Gateways, of which the first has the first address."""
    class_ = GatewayClass(metadata=ObjectMeta(name="ours"), spec=GatewayClassSpec(controller_name=CONTROLLER))
    reconciler = Reconciler()
    reconciler.objects([("GatewayClass", CLASS, class_), ("Gateway", A, gateway(A)), ("Gateway", B, gateway(B))])
    return reconciler


def test_a_gateway_whose_class_is_away_for_a_round_keeps_its_address() -> None:
    reconciler = running()
    before = dict(reconciler.written)

    reconciler.objects([("Gateway", A, gateway(A, "away")), ("Gateway", C, gateway(C))])
    assert reconciler.written[C].address not in {one.address for one in before.values()}
    reconciler.objects([("Gateway", A, gateway(A))])

    assert reconciler.written[A] == before[A]


def test_a_gateway_that_is_gone_gives_its_address_back_though_it_had_no_claim() -> None:
    reconciler = running()
    first = reconciler.written[A].address

    reconciler.objects([("Gateway", A, gateway(A, "away"))])
    reconciler.objects([("Gateway", A, None)])
    assert set(reconciler.written) == {B}
    reconciler.objects([("Gateway", C, gateway(C))])

    assert reconciler.written[C].address == first


def test_what_was_allocated_elsewhere_is_taken_over_and_nothing_is_decided_beyond_it() -> None:
    reconciler = running()
    before = reconciler.written[A]
    elsewhere = {A: replace(before, address="192.0.2.1", ports={(80, "TCP"): 8080})}

    reconciler.adopt(Pool(FLEET, ("192.0.2.1",)), elsewhere)
    outcome = reconciler.objects([])

    assert reconciler.written == elsewhere
    served = {key[2] for key, one in outcome.resources.items() if key[1] == LISTENER and one is not None}
    gone = {key[2] for key, one in outcome.resources.items() if key[1] == LISTENER and one is None}
    assert served == {"tcp/192.0.2.1:8080"}
    assert gone == {"tcp/127.0.0.1:80", "tcp/127.0.0.2:80"}
    # The same again is no change.
    reconciler.adopt(Pool(FLEET, ("192.0.2.1",)), elsewhere)
    assert not reconciler.objects([]).resources
