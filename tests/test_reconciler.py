"""What is allocated is kept for the life of a Gateway, and no longer."""

from __future__ import annotations

from tests.properties.gateway_worlds import CONTROLLER
from xdsserver.objects.gateway import Gateway, GatewayListener, GatewaySpec
from xdsserver.objects.gatewayclass import GatewayClass, GatewayClassSpec
from xdsserver.objects.meta import Name, ObjectMeta
from xdsserver.reconciler import Reconciler

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
