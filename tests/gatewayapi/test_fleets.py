"""What parameters may lead to; what follows from it for Gateways is shown by golden cases (`fleets`, `host_ports`)."""

from __future__ import annotations

import pytest

from xdsserver.gatewayapi.conditions import Problem, Status
from xdsserver.gatewayapi.fleets import (
    BadTerms,
    FleetTerms,
    NamedFleet,
    class_parameters,
    fleet_status,
    fleet_terms,
    gateway_parameters,
    placement,
)
from xdsserver.model.fleets import DEFAULT_PLACEMENT, AddressPool, HostPorts, PerService, Placement
from xdsserver.objects.envoyfleet import EnvoyFleet, EnvoyFleetSpec, Exposure, ServiceExposure
from xdsserver.objects.gateway import Gateway, GatewayInfrastructure, GatewaySpec
from xdsserver.objects.gatewayclass import GatewayClass, GatewayClassSpec
from xdsserver.objects.meta import LocalObjectReference, Name, ObjectMeta, ObjectReference

NAME = Name("fleets", "edge")
TERMS = FleetTerms(dedicated=False, exposure=PerService())
GROUP = "gateway.xdsserver.io"


def terms(exposure: Exposure, mode: str = "Shared") -> FleetTerms | BadTerms:
    metadata = ObjectMeta(name=NAME.name, namespace=NAME.namespace)
    return fleet_terms(EnvoyFleet(metadata=metadata, spec=EnvoyFleetSpec(mode=mode, exposure=exposure)))


def of_class(group: str, kind: str, namespace: str | None) -> NamedFleet | Problem | None:
    reference = ObjectReference(group=group, kind=kind, name="edge", namespace=namespace)
    spec = GatewayClassSpec(controller_name="ours", parameters_ref=reference)
    class_ = GatewayClass(metadata=ObjectMeta(name="ours"), spec=spec)
    return class_parameters(class_, {NAME: TERMS}.get)


def of_gateway(namespace: str, kind: str = "EnvoyFleet") -> NamedFleet | Problem | None:
    reference = LocalObjectReference(group=GROUP, kind=kind, name="edge")
    infrastructure = GatewayInfrastructure(parameters_ref=reference)
    spec = GatewaySpec(gateway_class_name="ours", listeners=(), infrastructure=infrastructure)
    gateway = Gateway(metadata=ObjectMeta(name="g", namespace=namespace), spec=spec)
    return gateway_parameters(gateway, {NAME: TERMS}.get)


@pytest.mark.parametrize(
    ("exposure", "expected"),
    [
        (Exposure(), PerService()),
        (
            Exposure(service=ServiceExposure(type="NodePort", external_traffic_policy="Local")),
            PerService("NodePort", external_traffic_policy="Local"),
        ),
        (Exposure(type="HostPort"), HostPorts((80, 443))),
        (Exposure(type="HostPort", host_ports=(8443, 80)), HostPorts((80, 8443))),
        (
            Exposure(type="AddressPool", addresses=("192.0.2.0/30", "2001:db8::1")),
            AddressPool(("192.0.2.1", "192.0.2.2", "2001:db8::1")),
        ),
    ],
)
def test_an_exposure_is_read(exposure: Exposure, expected: object) -> None:
    found = terms(exposure)

    assert isinstance(found, FleetTerms)
    assert found.exposure == expected


@pytest.mark.parametrize(
    ("exposure", "mode", "words"),
    [
        (Exposure(type="AddressPool"), "Shared", "at least one"),
        (Exposure(type="AddressPool", addresses=("192.0.2.9-192.0.2.1",)), "Shared", "runs backwards"),
        (Exposure(type="AddressPool", addresses=("10.0.0.0/8",)), "Shared", "too many"),
        (Exposure(type="AddressPool", addresses=("edge",)), "Shared", "'edge' is not an address"),
        (Exposure(type="HostPort"), "Dedicated", "mode Shared"),
        (Exposure(type="Ingress"), "Shared", "use Service, HostPort or AddressPool"),
    ],
)
def test_what_the_schema_would_have_refused_is_a_problem_of_whoever_names_it(
    exposure: Exposure, mode: str, words: str
) -> None:
    """An API server may have an older schema, or ours could miss it."""
    bad = terms(exposure, mode)

    assert isinstance(bad, BadTerms)
    assert words in bad.words
    (accepted,) = fleet_status(bad, 3).conditions
    assert (accepted.type, accepted.status, accepted.reason) == ("Accepted", Status.FALSE, "Invalid")
    assert accepted.message == bad.words
    assert accepted.observed_generation == 3


def test_a_class_names_its_fleet_with_a_namespace() -> None:
    assert of_class(GROUP, "EnvoyFleet", "fleets") == NamedFleet(NAME, TERMS)
    for group, kind, namespace in (
        (GROUP, "EnvoyFleet", None),
        (GROUP, "EnvoyFleet", "other"),
        (GROUP, "Other", "fleets"),
        ("", "EnvoyFleet", "fleets"),
    ):
        found = of_class(group, kind, namespace)
        assert isinstance(found, Problem)
        assert found.reason == "InvalidParameters"


def test_a_gateway_names_a_fleet_of_its_namespace() -> None:
    assert of_gateway("fleets") == NamedFleet(NAME, TERMS)
    assert isinstance(of_gateway("other"), Problem)
    assert isinstance(of_gateway("fleets", "ConfigMap"), Problem)


def test_a_gateway_comes_before_its_class_and_both_before_the_settings() -> None:
    own = NamedFleet(Name("shop", "own"), FleetTerms(dedicated=True, exposure=AddressPool(("192.0.2.1",))))
    named = NamedFleet(NAME, TERMS)
    problem = Problem("Accepted", "InvalidParameters", "")
    gateway = Name("shop", "g")

    assert placement(gateway, own, named, DEFAULT_PLACEMENT) == Placement(
        "shop/gateway/g", AddressPool(("192.0.2.1",)), Name("shop", "own"), dedicated=True
    )
    assert placement(gateway, None, named, DEFAULT_PLACEMENT) == Placement("fleets/edge", PerService(), NAME)
    assert placement(gateway, None, None, DEFAULT_PLACEMENT) == DEFAULT_PLACEMENT
    assert placement(gateway, problem, named, DEFAULT_PLACEMENT) == problem
