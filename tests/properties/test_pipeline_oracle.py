"""For random histories of Gateway API objects, the pipeline holds what a fresh one computes from the same sources.

Whatever happened before: objects that came, changed and went in any order and in batches, addresses that were allocated
on the way, answers of Envoys. And when all objects are gone, nothing is left of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings

from tests.properties import gateway_worlds
from tests.properties.gateway_worlds import histories, reconciler, settled, take, taking
from tests.properties.oracle import (
    assert_empties,
    assert_equal_to_recomputed,
    assert_same_rows,
    assert_unseen,
    watch,
)
from tests.properties.served import assert_fits_together
from xdsserver.filters import registry
from xdsserver.gatewayapi.statuses import all_conditions
from xdsserver.model.routing import Forward
from xdsserver.pipeline import Pipeline

if TYPE_CHECKING:
    from tests.properties.gateway_worlds import Step
    from xdsserver.reconciler import Outcome

pytestmark = pytest.mark.long

HISTORIES = 1_000


# Time is not what is tested here, and the machine may be busy.
@settings(max_examples=HISTORIES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(histories)
def test_tables_equal_those_of_a_fresh_pipeline_after_every_step(history: tuple[Step, list[Step]]) -> None:
    beginning, steps = history
    running = reconciler()
    told = Told()
    for step in (beginning, *steps):
        outcome = take(running, step)

        assert not outcome.failures
        told.hear(outcome)
        assert_same_rows("resources: told, and there", told.resources, running.pipeline.resources.rows)
        assert_same_rows("statuses: told, and there", told.statuses, running.pipeline.statuses.rows)
        assert_equal_to_recomputed(running.pipeline.graph, Pipeline().graph)
        assert_fits_together(running.pipeline.resources.rows)
    assert_empties(running.pipeline.graph)


@settings(max_examples=HISTORIES // 20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(histories)
def test_between_the_steps_of_a_round_all_tables_show_what_was_before_it(history: tuple[Step, list[Step]]) -> None:
    beginning, steps = history
    running, at_once = reconciler(), reconciler()
    world = watch(running.pipeline.graph)
    for step in (beginning, *steps):
        outcome = assert_unseen(world, taking(running, step), every=7)

        assert outcome == take(at_once, step)
        for table, other in zip(running.pipeline.graph.tables, at_once.pipeline.graph.tables, strict=True):
            assert_same_rows(f"{table.name}: in steps, and at once", table.rows, other.rows)


class Told:
    """What somebody knows who only ever hears what changed, as the xDS cache and the writer of statuses do."""

    def __init__(self) -> None:
        self.resources: dict[Any, Any] = {}
        self.statuses: dict[Any, Any] = {}

    def hear(self, outcome: Outcome) -> None:
        for known, changes in ((self.resources, outcome.resources), (self.statuses, outcome.statuses)):
            for key, row in changes.items():
                if row is None:
                    known.pop(key, None)
                else:
                    known[key] = row


MANY = 600
"""Worlds in which what is rare happens too."""


@pytest.fixture(scope="module")
def pipelines() -> list[Pipeline]:
    return [settled(gateway_worlds.world(number)).pipeline for number in range(MANY)]


def test_the_worlds_reach_every_verdict(pipelines: list[Pipeline]) -> None:
    """The histories prove little unless their worlds get as far as users do, in success and in failure."""
    verdicts = {
        (key.kind, condition.type, condition.status.value, condition.reason)
        for pipeline in pipelines
        for key, status in pipeline.statuses.rows.items()
        for _part, condition in all_conditions(status)
    }
    assert verdicts >= {
        ("GatewayClass", "Accepted", "True", "Accepted"),
        ("GatewayClass", "Accepted", "False", "InvalidParameters"),
        ("Gateway", "Accepted", "True", "Accepted"),
        ("Gateway", "Accepted", "True", "ListenersNotValid"),
        ("Gateway", "Accepted", "False", "ListenersNotValid"),
        ("Gateway", "Accepted", "False", "InvalidParameters"),
        ("Gateway", "Accepted", "False", "UnsupportedAddress"),
        ("Gateway", "Accepted", "False", "UnsupportedProtocol"),
        ("Gateway", "Accepted", "False", "PortUnavailable"),
        ("Gateway", "Conflicted", "True", "HostnameConflict"),
        ("Gateway", "ResolvedRefs", "False", "InvalidRouteKinds"),
        ("Gateway", "ResolvedRefs", "False", "InvalidCertificateRef"),
        ("Gateway", "ResolvedRefs", "False", "RefNotPermitted"),
        ("Gateway", "Programmed", "False", "AddressNotAssigned"),
        ("Gateway", "Programmed", "False", "AddressNotUsable"),
        ("Gateway", "Programmed", "Unknown", "Pending"),
        ("ListenerSet", "Accepted", "True", "Accepted"),
        ("ListenerSet", "Accepted", "True", "ListenersNotValid"),
        ("ListenerSet", "Accepted", "False", "ListenersNotValid"),
        ("ListenerSet", "Accepted", "False", "NotAllowed"),
        ("ListenerSet", "Accepted", "False", "ParentNotAccepted"),
        ("ListenerSet", "Accepted", "False", "Invalid"),
        ("ListenerSet", "Conflicted", "True", "HostnameConflict"),
        ("ListenerSet", "Conflicted", "True", "ProtocolConflict"),
        ("ListenerSet", "ResolvedRefs", "False", "RefNotPermitted"),
        ("HTTPRoute", "Accepted", "True", "Accepted"),
        ("HTTPRoute", "Accepted", "False", "NoMatchingParent"),
        ("HTTPRoute", "Accepted", "False", "NotAllowedByListeners"),
        ("HTTPRoute", "Accepted", "False", "NoMatchingListenerHostname"),
        ("HTTPRoute", "Accepted", "False", "UnsupportedValue"),
        ("HTTPRoute", "PartiallyInvalid", "True", "UnsupportedValue"),
        ("HTTPRoute", "ResolvedRefs", "True", "ResolvedRefs"),
        ("HTTPRoute", "ResolvedRefs", "False", "BackendNotFound"),
        ("HTTPRoute", "ResolvedRefs", "False", "InvalidKind"),
        ("HTTPRoute", "ResolvedRefs", "False", "RefNotPermitted"),
        ("HTTPRoute", "ResolvedRefs", "False", "UnsupportedProtocol"),
        ("GRPCRoute", "Accepted", "True", "Accepted"),
        ("GRPCRoute", "Accepted", "False", "NoMatchingParent"),
        ("GRPCRoute", "Accepted", "False", "NotAllowedByListeners"),
        ("GRPCRoute", "Accepted", "False", "UnsupportedValue"),
        ("GRPCRoute", "PartiallyInvalid", "True", "UnsupportedValue"),
        ("GRPCRoute", "ResolvedRefs", "True", "ResolvedRefs"),
        ("GRPCRoute", "ResolvedRefs", "False", "BackendNotFound"),
        ("GRPCRoute", "ResolvedRefs", "False", "RefNotPermitted"),
        ("HTTPRoute", "ResolvedRefs", "False", "BackendNotAccepted"),
        ("XBackend", "Accepted", "True", "Accepted"),
        ("XBackend", "Accepted", "False", "UnsupportedValue"),
        ("XBackend", "Accepted", "False", "NoValidCACertificate"),
        ("Gateway", "gateway.xdsserver.io/S3Listeners", "True", "Marked"),
        ("Gateway", "gateway.xdsserver.io/S3Listeners", "False", "SharedPort"),
        ("Tenant", "Accepted", "True", "Accepted"),
        ("Tenant", "Accepted", "False", "NotAllowedByListeners"),
        ("Tenant", "ResolvedRefs", "False", "BackendNotFound"),
        ("Tenant", "Programmed", "Unknown", "Pending"),
    }


def test_the_worlds_use_every_slice_and_every_kind_of_backend(pipelines: list[Pipeline]) -> None:
    """Each filter and field of the registry is served on rules, filters on backends too."""
    rules = [one.rule for pipeline in pipelines for one in pipeline.rules.rows.values() if one.rule is not None]
    forwards = [rule.action for rule in rules if isinstance(rule.action, Forward)]
    on_rules = {filter_.type for rule in rules for filter_ in rule.filters}
    on_shares = {filter_.type for action in forwards for share in action.shares for filter_ in share.filters}
    assert on_rules | on_shares == {one.type for one in registry.SLICES}
    assert on_shares >= {one.type for one in registry.FILTERS}
    kinds = {key.kind for pipeline in pipelines for _fleet, key in pipeline.clusters.rows}
    assert kinds == {"Service", "ServiceImport", "XBackend", "UDPRoute"}
    assert any(key.turn for pipeline in pipelines for key in pipeline.routes.rows), "no rule is split"
    assert any(pipeline.certificate_counts.rows for pipeline in pipelines), "no listener shows a certificate"
    assert any(pipeline.shadows.rows for pipeline in pipelines), "no match is in the way of another"
    assert any(pipeline.filter_positions.rows for pipeline in pipelines), "no listener has filters"
