"""What is allocated is kept for the life of a Gateway, and no longer."""

from __future__ import annotations

from dataclasses import replace

from msgspec import structs

from tests.properties.gateway_worlds import CONTROLLER
from xdsserver.effects import Intended, Kept
from xdsserver.effects.objects import INTENT
from xdsserver.infrastructure.allocation import Pool, Written
from xdsserver.model.places import Bind, PortKey, Promised, Refusal
from xdsserver.objects.core import Service
from xdsserver.objects.decode import decode
from xdsserver.objects.envoyfleet import EnvoyFleet
from xdsserver.objects.gateway import Gateway, GatewayListener, GatewaySpec
from xdsserver.objects.gatewayclass import GatewayClass, GatewayClassSpec
from xdsserver.objects.kinds import BY_NAME
from xdsserver.objects.meta import Name, ObjectKey, ObjectMeta, ObjectReference
from xdsserver.reconciler import FLEET, Reconciler, Surroundings
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

    reconciler.adopt(Pool(("192.0.2.1",)), elsewhere)
    outcome = reconciler.objects([])

    assert reconciler.written == elsewhere
    served = {key[2] for key, one in outcome.resources.items() if key[1] == LISTENER and one is not None}
    gone = {key[2] for key, one in outcome.resources.items() if key[1] == LISTENER and one is None}
    assert served == {"tcp/192.0.2.1:8080"}
    assert gone == {"tcp/127.0.0.1:80", "tcp/127.0.0.2:80"}
    # The same again is no change.
    reconciler.adopt(Pool(("192.0.2.1",)), elsewhere)
    assert not reconciler.objects([]).resources


def one_of_several() -> Reconciler:
    class_ = GatewayClass(metadata=ObjectMeta(name="ours"), spec=GatewayClassSpec(controller_name=CONTROLLER))
    reconciler = Reconciler(Surroundings(Pool(("192.0.2.1", "192.0.2.2")), promising=True))
    reconciler.objects([("GatewayClass", CLASS, class_), ("Gateway", A, gateway(A)), ("Gateway", B, gateway(B))])
    return reconciler


def listener_names(reconciler: Reconciler) -> set[str]:
    return {name for _, type_url, name in reconciler.pipeline.resources.rows if type_url == LISTENER}


def test_what_is_promised_shows_in_the_status_and_is_served_once_it_was_read_there() -> None:
    reconciler = one_of_several()
    port = PortKey(A, 80, "TCP")
    status = reconciler.pipeline.statuses.rows[ObjectKey("Gateway", *A)].document()

    assert reconciler.pipeline.bindings.rows[port] == Promised(Bind(FLEET, "192.0.2.1", 80, "TCP"))
    assert [one["value"] for one in status["addresses"]] == ["192.0.2.1"]
    assert listener_names(reconciler) == set()

    reconciler.observed({A: Written("uid of a", "192.0.2.1")})
    reconciler.objects([])

    assert reconciler.pipeline.bindings.rows[port] == Bind(FLEET, "192.0.2.1", 80, "TCP")
    assert listener_names(reconciler) == {"tcp/192.0.2.1:80"}


def test_what_another_replica_has_written_is_served_and_what_was_promised_here_gives_way() -> None:
    reconciler = one_of_several()
    reconciler.observed({B: Written("uid of b", "192.0.2.1")})
    reconciler.objects([])

    assert reconciler.pipeline.bindings.rows[PortKey(B, 80, "TCP")] == Bind(FLEET, "192.0.2.1", 80, "TCP")
    assert reconciler.pipeline.bindings.rows[PortKey(A, 80, "TCP")] == Promised(Bind(FLEET, "192.0.2.2", 80, "TCP"))


def test_of_two_that_have_one_address_written_down_the_older_keeps_it_and_a_namesake_has_none() -> None:
    reconciler = one_of_several()
    both = {A: Written("uid of a", "192.0.2.2"), B: Written("uid of b", "192.0.2.2")}
    reconciler.observed(both)
    reconciler.objects([])

    assert isinstance(reconciler.pipeline.bindings.rows[PortKey(A, 80, "TCP")], Bind)
    assert reconciler.pipeline.bindings.rows[PortKey(B, 80, "TCP")] == Promised(Bind(FLEET, "192.0.2.1", 80, "TCP"))

    reconciler.observed({A: Written("uid of another a", "192.0.2.2")})
    reconciler.objects([])
    assert isinstance(reconciler.pipeline.bindings.rows[PortKey(A, 80, "TCP")], Promised)


EDGE = Name("fleets", "edge")


def exposed() -> Reconciler:
    """Serve a Gateway that gets a Service of its own."""
    parameters = ObjectReference(group="gateway.xdsserver.io", kind="EnvoyFleet", namespace="fleets", name="edge")
    spec = GatewayClassSpec(controller_name=CONTROLLER, parameters_ref=parameters)
    class_ = GatewayClass(metadata=ObjectMeta(name="ours"), spec=spec)
    fleet = EnvoyFleet(metadata=ObjectMeta(name="edge", namespace="fleets", uid="fleet"))
    reconciler = Reconciler()
    reconciler.objects([("EnvoyFleet", EDGE, fleet), ("GatewayClass", CLASS, class_), ("Gateway", A, gateway(A))])
    return reconciler


def decided(reconciler: Reconciler) -> Service:
    """Give the Service that is intended, as it comes back from the API server."""
    intended = reconciler.pipeline.intended.rows[ObjectKey("Service", "shop", "gateway-a")]
    assert isinstance(intended, Intended)
    metadata = intended.document["metadata"]
    marked = metadata | {"annotations": metadata["annotations"] | {INTENT: intended.intent}}
    found = decode(BY_NAME["Service"], intended.document | {"metadata": marked})
    assert isinstance(found, Service)
    return found


def opened(reconciler: Reconciler) -> set[str]:
    return {
        name for fleet, type_, name in reconciler.pipeline.resources.rows if (fleet, type_) == (str(EDGE), LISTENER)
    }


def test_every_replica_serves_the_port_that_is_written_and_none_serves_another() -> None:
    """Also where an older release, or a hash that others stood in the way of, chose it."""
    leader, other = exposed(), exposed()
    assert opened(leader) == opened(other) == set()
    service = decided(leader)
    assert service == decided(other)
    (port,) = service.spec.ports
    elsewhere = structs.replace(port, target_port=29_999 if port.target_port != 29_999 else 29_998)
    moved = structs.replace(service, spec=structs.replace(service.spec, ports=(elsewhere,)))
    for written in (service, moved):
        for one in (leader, other):
            one.objects([("Service", service.name, written)])
        assert opened(leader) == opened(other) == {f"tcp/0.0.0.0:{written.spec.ports[0].target_port}"}
        assert decided(leader).spec == decided(other).spec == written.spec
    for one in (leader, other):
        one.objects([("Service", service.name, None)])
    assert opened(leader) == opened(other) == set()


def test_a_gateway_that_is_refused_for_a_while_finds_its_service_and_its_port() -> None:
    reconciler = exposed()
    service = decided(reconciler)
    reconciler.objects([("Service", service.name, service)])
    before = opened(reconciler)
    key = ObjectKey("Service", "shop", "gateway-a")
    fleet = reconciler.pipeline.envoy_fleets.rows[EDGE]

    reconciler.objects([("EnvoyFleet", EDGE, None)])
    assert reconciler.pipeline.intended.rows[key] == Kept()
    assert opened(reconciler) == set()
    reconciler.objects([("EnvoyFleet", EDGE, fleet)])

    assert opened(reconciler) == before
    assert decided(reconciler) == service
    # Gone with its Gateway: there is nothing left to keep.
    assert reconciler.objects([("Gateway", A, None)]).intended[key] is None


def test_a_gateway_of_a_pool_that_is_invalid_for_a_while_finds_its_address() -> None:
    """Its status tells no address then; the Service by which pods find it stays, and has it written down."""
    reconciler = one_of_several()
    both = {A: Written("uid of a", "192.0.2.1"), B: Written("uid of b", "192.0.2.2")}
    reconciler.observed(both)
    reconciler.objects([])
    service = decided(reconciler)
    reconciler.objects([("Service", service.name, service)])
    port, bound = PortKey(A, 80, "TCP"), Bind(FLEET, "192.0.2.1", 80, "TCP")
    assert reconciler.pipeline.bindings.rows[port] == bound

    spec = GatewaySpec(gateway_class_name="ours", listeners=(GatewayListener(name="x", port=80, protocol="ODD"),))
    invalid = structs.replace(gateway(A), spec=spec)
    reconciler.objects([("Gateway", A, invalid)])
    assert reconciler.pipeline.statuses.rows[ObjectKey("Gateway", *A)].document()["addresses"] == []
    reconciler.observed({B: both[B]})
    reconciler.objects([("Gateway", C, gateway(C))])
    assert reconciler.pipeline.intended.rows[ObjectKey("Service", *service.name)] == Kept()
    assert isinstance(reconciler.pipeline.bindings.rows[PortKey(C, 80, "TCP")], Refusal)

    reconciler.objects([("Gateway", A, gateway(A))])
    assert reconciler.pipeline.bindings.rows[port] == bound


def test_a_service_of_somebody_else_in_the_way_is_told_with_the_remedy_until_it_is_gone() -> None:
    reconciler = exposed()
    theirs = structs.replace(decided(reconciler), metadata=ObjectMeta(name="gateway-a", namespace="shop"))
    key = ObjectKey("Gateway", *A)

    reconciler.objects([("Service", theirs.name, theirs)])
    (_, programmed, *_) = reconciler.pipeline.statuses.rows[key].document()["conditions"]
    assert (programmed["type"], programmed["status"], programmed["reason"]) == (
        "Programmed",
        "False",
        "AddressNotAssigned",
    )
    assert "Service shop/gateway-a is not ours and is left alone: delete it" in programmed["message"]

    outcome = reconciler.objects([("Service", theirs.name, None)])
    now = outcome.statuses[key]
    assert now is not None
    assert "is not ours" not in str(now.document())
