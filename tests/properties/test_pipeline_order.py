"""What Envoys get is a function of content: the order in which objects arrive leaves no trace in it."""

from __future__ import annotations

import os
import subprocess
import sys
from hashlib import blake2b
from itertools import chain
from random import Random
from typing import TYPE_CHECKING, TypeVar

import msgspec
import pytest

from tests.properties.gateway_worlds import load, settled, world
from tests.properties.test_budgets import World as Crowd
from tests.properties.test_budgets import route
from xdsserver.objects.core import Namespace
from xdsserver.pipeline import Pipeline
from xdsserver.reconciler import Reconciler
from xdsserver.tables import Change

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.properties.gateway_worlds import Objects
    from xdsserver.gatewayapi.statuses import ObjectStatus
    from xdsserver.objects.meta import KubeObject, ObjectKey
    from xdsserver.pipeline import ResourceKey

T = TypeVar("T")

WORLDS = 100
ORDERS = 10
"""In how many orders each world arrives: 1,000 in all."""


@pytest.mark.parametrize("number", range(WORLDS))
def test_x11_the_same_objects_in_any_order_give_the_same_bytes(number: int) -> None:
    """X11: version = hash of deterministic bytes; same input after restart, on another replica, other dict order ->
    same version. Shuffle input order 1,000x: identical bytes.

    The replicas get the objects one batch after the other, each batch in another order, and find written down what was
    allocated.
    """
    objects = world(number)
    first = settled(objects)
    dice = Random(number)  # noqa: S311  # A failing order must come again.
    for _ in range(ORDERS):
        pipeline = Pipeline()
        for batch in _batched(dice, _arrivals(first, objects, pipeline, dice)):
            assert not pipeline.apply(batch).failures

        assert _bytes(pipeline) == _bytes(first.pipeline)
        assert _statuses(pipeline) == _statuses(first.pipeline)


def _arrivals(first: Reconciler, objects: Objects, pipeline: Pipeline, dice: Random) -> list[Change]:
    arrivals = [change for slot, one in objects.items() for change in pipeline.change(*slot, _reversed(one))]
    arrivals += (Change(pipeline.bindings, key, row) for key, row in first.pipeline.bindings.rows.items())
    arrivals += (Change(pipeline.checked_by, key, row) for key, row in first.pipeline.checked_by.rows.items())
    dice.shuffle(arrivals)
    return arrivals


def _reversed(one: KubeObject) -> KubeObject:
    """Turn the order of labels around, which says nothing."""
    if not isinstance(one, Namespace):
        return one
    labels = dict(reversed(tuple(one.metadata.labels.items())))
    return msgspec.structs.replace(one, metadata=msgspec.structs.replace(one.metadata, labels=labels))


def _batched(dice: Random, arrivals: list[T]) -> Iterator[list[T]]:
    rest = arrivals
    while rest:
        size = dice.randint(1, len(rest))
        yield rest[:size]
        rest = rest[size:]


def _bytes(pipeline: Pipeline) -> dict[ResourceKey, tuple[str, bytes]]:
    return {key: (one.version, one.body) for key, one in pipeline.resources.rows.items()}


def _statuses(pipeline: Pipeline) -> dict[ObjectKey, ObjectStatus]:
    return dict(pipeline.statuses.rows)


def test_x11_a_restart_with_what_was_written_down_gives_the_same_bytes() -> None:
    """X11: same input after restart -> same version."""
    for number in range(WORLDS):
        objects = world(number)
        first = settled(objects)
        again = Reconciler(first._surroundings, first.written)
        load(again, dict(reversed(objects.items())))

        assert again.written == first.written
        assert _bytes(again.pipeline) == _bytes(first.pipeline)


def digest(numbers: range) -> str:
    """Name the bytes that these worlds come to, and crowded ones, whose tables are joined in pieces."""
    content = blake2b()
    crowds = (Crowd(1_000, hosts=hosts).pipeline for hosts in (False, True))
    for pipeline in chain(crowds, (settled(world(number)).pipeline for number in numbers)):
        for key, (version, body) in sorted(_bytes(pipeline).items()):
            content.update(repr((key, version)).encode() + body)
    return content.hexdigest()


def test_x11_many_routes_in_any_order_give_the_same_bytes() -> None:
    """X11: other order -> same version, wherever a large table was cut into pieces meanwhile."""
    for hosts in (False, True):
        first = Crowd(1_000, hosts=hosts).pipeline
        again = Crowd(0, hosts=hosts)
        numbers = list(range(1_000))
        dice = Random(11)  # noqa: S311  # A failing order must come again.
        dice.shuffle(numbers)
        for some in _batched(dice, numbers):
            made = [route(number, hosts=hosts) for number in some]
            again.pipeline.apply(change for one in made for change in again.pipeline.change("HTTPRoute", one.name, one))

        assert _bytes(again.pipeline) == _bytes(first)


def test_x11_another_process_gives_the_same_bytes() -> None:
    """X11: same input on another replica, other dict order -> same version.

    Each process of Python hashes text in its own way, which shows in the order of sets.
    """
    program = "from tests.properties.test_pipeline_order import digest; print(digest(range(30)))"
    found = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert found == {digest(range(30)) + "\n"}
