"""A regular expression that is too large for Envoy costs its own rule, and never the table that it would be in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.golden.validation import refused
from tests.properties.gateway_worlds import CONTROLLER, Slot, settled
from xdsserver.gatewayapi.statuses import RouteStatus
from xdsserver.model.routing import MAX_REGEX_INSTRUCTIONS
from xdsserver.objects.gateway import Gateway, GatewayListener, GatewaySpec
from xdsserver.objects.gatewayclass import GatewayClass, GatewayClassSpec
from xdsserver.objects.httproute import (
    HTTPHeaderMatch,
    HTTPPathMatch,
    HTTPRoute,
    HTTPRouteMatch,
    HTTPRouteRule,
    HTTPRouteSpec,
    ParentReference,
)
from xdsserver.objects.meta import Name, ObjectKey, ObjectMeta

if TYPE_CHECKING:
    from pathlib import Path

    from xdsserver.pipeline import Pipeline

LARGEST = "a" * (MAX_REGEX_INSTRUCTIONS - 4)
"""The longest word whose program, four instructions beside one for each letter, is not too large."""

NAME = Name("default", "route")


def served(match: HTTPRouteMatch) -> Pipeline:
    class_ = GatewayClass(metadata=ObjectMeta(name="ours"), spec=GatewayClassSpec(controller_name=CONTROLLER))
    listener = GatewayListener(name="http", port=80, protocol="HTTP")
    gateway = Gateway(
        metadata=ObjectMeta(name="gateway", namespace="default"),
        spec=GatewaySpec(gateway_class_name="ours", listeners=(listener,)),
    )
    route = HTTPRoute(
        metadata=ObjectMeta(name=NAME.name, namespace=NAME.namespace),
        spec=HTTPRouteSpec(
            parent_refs=(ParentReference(name="gateway"),), rules=(HTTPRouteRule(matches=(match,)), HTTPRouteRule())
        ),
    )
    objects = (
        (Slot("GatewayClass", Name("", "ours")), class_),
        (Slot("Gateway", gateway.name), gateway),
        (Slot("HTTPRoute", NAME), route),
    )
    return settled(dict(objects)).pipeline


def reasons(pipeline: Pipeline) -> set[tuple[str, str]]:
    status = pipeline.statuses.rows[ObjectKey("HTTPRoute", *NAME)]
    assert isinstance(status, RouteStatus)
    return {(condition.type, condition.reason) for condition in status.parents[0].conditions}


def test_envoy_takes_the_largest_expression_that_we_take(tmp_path: Path) -> None:
    pipeline = served(HTTPRouteMatch(path=HTTPPathMatch(type="RegularExpression", value=LARGEST)))

    assert reasons(pipeline) == {("Accepted", "Accepted"), ("ResolvedRefs", "ResolvedRefs")}
    assert not refused({"largest": pipeline.resources.rows.values()}, tmp_path)


@pytest.mark.parametrize(
    "match",
    [
        HTTPRouteMatch(path=HTTPPathMatch(type="RegularExpression", value=LARGEST + "a")),
        HTTPRouteMatch(headers=(HTTPHeaderMatch(name="x", value=LARGEST + "a", type="RegularExpression"),)),
    ],
    ids=["path", "header"],
)
def test_a_larger_one_costs_its_rule(match: HTTPRouteMatch) -> None:
    pipeline = served(match)

    assert reasons(pipeline) == {
        ("Accepted", "Accepted"),
        ("ResolvedRefs", "ResolvedRefs"),
        ("PartiallyInvalid", "UnsupportedValue"),
    }
    assert len(pipeline.routes.rows) == 1
