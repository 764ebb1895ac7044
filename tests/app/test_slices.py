"""Many changes at once are taken in slices, between which the event loop has its turn: counted by changes per turn."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.live import manifests as m
from tests.live.churning import changes
from xdsserver.app import ControlPlane, Hooks
from xdsserver.app.slices import AT_ONCE, SLICE, slices
from xdsserver.narrator import Narrator
from xdsserver.objects.meta import Name, ObjectKey
from xdsserver.reconciler import FLEET, Reconciler
from xdsserver.server import XdsOptions
from xdsserver.xds.rules import Rules

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from xdsserver.reconciler import ObjectChange

MANY = 600
SERVICES = 20


def route(number: int, path: str = "") -> m.Document:
    rule = m.rule(m.to(f"s{number % SERVICES}"), matches=[m.path(f"/{number}{path}")])
    return m.http_route(f"r{number}", rule)


def shop() -> list[ObjectChange]:
    """Give a world in the worst order: what refers to others comes first."""
    services = [one for number in range(SERVICES) for one in m.service(f"s{number}", 8000)]
    return changes([*map(route, range(MANY)), *services, m.gateway(m.listener(80)), m.gateway_class()])


class Counting(ControlPlane):
    """The control plane, with how often something is served, and of what people are told."""

    def __init__(self, socket: str) -> None:
        self.served = 0
        self.told: list[ObjectKey] = []
        hooks = Hooks(self._keep, lambda _key: None, decided=lambda outcome: self.told.extend(outcome.statuses))
        options = XdsOptions((socket,), Rules(fleet_of=lambda _node: FLEET))
        super().__init__(Reconciler(), options, Narrator(lambda _notice: None, Path()), hooks)

    def _keep(self, _written: object) -> None:
        """What was allocated is kept each time before something is served."""
        self.served += 1


@asynccontextmanager
async def watched(plane: Counting) -> AsyncIterator[list[tuple[int, int]]]:
    """Note in each turn of the event loop how many routes are taken in, and how often something was served."""
    turns: list[tuple[int, int]] = []

    async def note() -> None:
        while True:
            turns.append((len(plane.reconciler.pipeline.http_routes.rows), plane.served))
            await asyncio.sleep(0)

    task = asyncio.create_task(note())
    await asyncio.sleep(0)
    try:
        yield turns
    finally:
        task.cancel()


@pytest.fixture
def plane(tmp_path: Path) -> Counting:
    return Counting(f"unix:{tmp_path}/xds.sock")


async def test_k10_a_start_leaves_the_event_loop_to_others_and_serves_nothing_before_its_end(plane: Counting) -> None:
    """K10: many objects never keep the event loop for long: no turn of it takes more than a slice of them in."""
    async with watched(plane) as turns, plane.unseen():
        await plane.many_objects(shop())
        during = [*turns]
    assert all(now - before <= SLICE for (before, _), (now, _) in pairwise(during))
    assert during[-1][0] >= MANY - SLICE
    assert {served for _, served in during} == {0}
    assert plane.served == 1
    assert len(plane.told) == len(set(plane.told)) >= MANY


async def test_a_thousand_routes_at_once_leave_the_event_loop_to_others_and_are_served_as_they_come(
    plane: Counting,
) -> None:
    plane.objects([one for one in shop() if one[0] != "HTTPRoute"])
    async with watched(plane) as turns:
        await plane.many_objects(changes(map(route, range(MANY))))
    assert all(now - before <= SLICE for (before, _), (now, _) in pairwise(turns))
    assert turns[-1][0] >= MANY - SLICE
    assert plane.served == 1 + MANY // SLICE
    gateway = ObjectKey("Gateway", "default", "edge")
    assert plane.told.count(gateway) == 2, "told once of all of them, and not of each slice"


async def test_what_is_taken_in_slices_comes_to_the_same(plane: Counting, tmp_path: Path) -> None:
    other = Counting(f"unix:{tmp_path}/other.sock")
    other.objects(shop())
    async with plane.unseen():
        await plane.many_objects(shop())
    edited = [*changes(route(number, "/new") for number in range(0, MANY, 2)), *gone("HTTPRoute", "r", range(1, 9, 2))]
    edited += gone("Service", "s", range(5))
    other.objects(edited)
    await plane.many_objects(edited)

    ours, theirs = plane.reconciler.pipeline, other.reconciler.pipeline
    assert ours.resources.rows == theirs.resources.rows
    assert ours.statuses.rows == theirs.statuses.rows


async def test_a_block_that_is_left_half_way_leaves_what_was_taken_to_the_next(plane: Counting) -> None:
    """A saved state that was being taken when the API server answered after all."""

    async def take() -> None:
        async with plane.unseen():
            await plane.many_objects(shop())

    taking = asyncio.create_task(take())
    while len(plane.reconciler.pipeline.http_routes.rows) < MANY // 2:  # noqa: ASYNC110  (nobody tells)
        await asyncio.sleep(0)
    taking.cancel()
    await asyncio.wait((taking,))
    assert plane.served == 0
    async with plane.unseen():
        await plane.many_objects(gone("HTTPRoute", "r", range(1)))
    assert plane.served == 1
    routes = plane.reconciler.pipeline.http_routes.rows
    assert MANY // 2 - 1 <= len(routes) < MANY - 1
    assert {ObjectKey("HTTPRoute", *name) for name in routes} <= {*plane.told}


def gone(kind: str, prefix: str, numbers: range) -> list[ObjectChange]:
    return [(kind, Name("default", f"{prefix}{number}"), None) for number in numbers]


def test_what_is_applied_together_is_taken_together() -> None:
    few = shop()[:AT_ONCE]
    assert [*slices(few)] == [few]


def test_what_is_referred_to_comes_first_and_what_is_gone_goes_last() -> None:
    some = [*gone("Service", "old", range(60)), *gone("HTTPRoute", "old", range(60)), *shop()]
    taken = [*slices(some)]
    flat = [change for one in taken for change in one]
    assert all(len(one) <= SLICE for one in taken)
    assert sorted(flat, key=str) == sorted(some, key=str)
    kinds = [*dict.fromkeys((kind, row is None) for kind, _, row in flat)]
    assert kinds == [
        ("EndpointSlice", False),
        ("Service", False),
        ("GatewayClass", False),
        ("Gateway", False),
        ("HTTPRoute", False),
        ("HTTPRoute", True),
        ("Service", True),
    ]


def test_of_several_changes_of_one_object_the_last_one_counts() -> None:
    one = changes([route(1)])
    other = changes([route(1, "/new")])
    first, *_ = slices([*one, *gone("HTTPRoute", "r", range(2, 200)), *other])
    assert first[0] == other[0]
