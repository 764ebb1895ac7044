"""A bug that one object meets costs that object: what is derived from others is served, at every start again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.cli.folders import GATEWAY, SHOP, folder
from tests.files.texts import routes
from xdsserver.files import Folder
from xdsserver.objects.httproute import HTTPHeader, HTTPHeaderFilter, HTTPRoute, HTTPRouteFilter
from xdsserver.reconciler import Reconciler

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from xdsserver.objects.httproute import HTTPRouteRule
    from xdsserver.objects.meta import KubeObject, ObjectKey
    from xdsserver.pipeline import ResourceKey
    from xdsserver.reconciler import Outcome

    Poison = Callable[[HTTPRouteRule], HTTPRouteRule]

# Structs are not checked when they are made in memory, so a number where text belongs is a bug that code meets.
NUMBER: str = 5  # type: ignore[assignment]


def in_a_match(rule: HTTPRouteRule) -> HTTPRouteRule:
    (match,) = rule.matches
    path = msgspec.structs.replace(match.path, value=NUMBER)
    return msgspec.structs.replace(rule, matches=(msgspec.structs.replace(match, path=path),))


def in_a_filter(rule: HTTPRouteRule) -> HTTPRouteRule:
    edit = HTTPHeaderFilter(set=(HTTPHeader(name="x-a", value=NUMBER),))
    return msgspec.structs.replace(
        rule, filters=(HTTPRouteFilter(type="RequestHeaderModifier", request_header_modifier=edit),)
    )


def in_a_backend(rule: HTTPRouteRule) -> HTTPRouteRule:
    (backend,) = rule.backend_refs
    return msgspec.structs.replace(rule, backend_refs=(msgspec.structs.replace(backend, weight="heavy"),))


def in_a_timeout(rule: HTTPRouteRule) -> HTTPRouteRule:
    return msgspec.structs.replace(rule, timeouts=NUMBER)


POISONS = pytest.mark.parametrize("poison", [in_a_match, in_a_filter, in_a_backend, in_a_timeout])


@pytest.fixture
def objects(tmp_path: Path) -> Mapping[ObjectKey, KubeObject]:
    """A Gateway, a Service, and two routes of one hostname."""
    at = folder(tmp_path, a=GATEWAY, b=SHOP, c=routes("shop", path="/shop"), d=routes("other", path="/other"))
    return {one.key: one.object for one in Folder(at).scan().changes if one.object is not None}


def poisoned(route: KubeObject, poison: Poison) -> HTTPRoute:
    assert isinstance(route, HTTPRoute)
    spec = msgspec.structs.replace(route.spec, rules=tuple(map(poison, route.spec.rules)))
    return msgspec.structs.replace(route, spec=spec)


def bodies(reconciler: Reconciler) -> dict[ResourceKey, bytes]:
    return {key: one.body for key, one in reconciler.pipeline.resources.rows.items()}


def start(objects: Mapping[ObjectKey, KubeObject]) -> tuple[Reconciler, Outcome]:
    reconciler = Reconciler()
    return reconciler, reconciler.objects((key.kind, one.name, one) for key, one in objects.items())


@POISONS
def test_a2_an_exception_in_one_routes_translation_costs_that_route_only(
    objects: Mapping[ObjectKey, KubeObject], poison: Poison
) -> None:
    """A2: exception in one route's translation: that route only, at this start and at every one after it."""
    other = next(key for key in objects if key.name == "other")
    without, _ = start({key: one for key, one in objects.items() if key != other})
    for _ in range(3):
        reconciler, outcome = start({**objects, other: poisoned(objects[other], poison)})
        assert outcome.failures
        assert all("other" in str(row) for _, row in outcome.failures), outcome.failures
        assert bodies(reconciler) == bodies(without)


@POISONS
def test_a2_a_route_that_becomes_poison_while_serving_takes_nothing_with_it_and_is_mended_by_an_edit(
    objects: Mapping[ObjectKey, KubeObject], poison: Poison
) -> None:
    """A2: that route only; when its object is mended, everything is as it was."""
    other = next(key for key in objects if key.name == "other")
    reconciler, _ = start(objects)
    before = bodies(reconciler)
    without, _ = start({key: one for key, one in objects.items() if key != other})
    name = objects[other].name

    outcome = reconciler.objects([("HTTPRoute", name, poisoned(objects[other], poison))])
    assert outcome.failures
    assert bodies(reconciler) == bodies(without)

    outcome = reconciler.objects([("HTTPRoute", name, objects[other])])
    assert not outcome.failures
    assert bodies(reconciler) == before
