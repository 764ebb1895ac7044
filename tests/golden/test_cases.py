"""Every case: the outputs that are written down, whatever the way to them, and nothing left when all is deleted."""

from __future__ import annotations

from difflib import unified_diff
from random import Random
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.golden.cases import CASES, OUTPUTS, all_cases, scan
from tests.golden.render import envoy, status, text
from tests.golden.world import before_an_edit, changes, settle, settled, tables
from xdsserver.pipeline import Pipeline

if TYPE_CHECKING:
    from tests.golden.cases import Case
    from tests.golden.render import Json

every_case = pytest.mark.parametrize("case", all_cases(), ids=lambda case: case.name)


def compare(case: Case, name: str, found: Json) -> None:
    path = case.folder / name
    expected = path.read_text() if path.exists() else ""
    if yaml.load(expected, Loader=yaml.CSafeLoader) == found:
        return
    diff = unified_diff(expected.splitlines(), text(found).splitlines(), "written down", "found", lineterm="")
    pytest.fail("\n".join([f"{case.name}/{name} (`make golden` rewrites it):", *diff]), pytrace=False)


@every_case
def test_envoy(case: Case) -> None:
    compare(case, "envoy.yaml", envoy(case))


@every_case
def test_status(case: Case) -> None:
    compare(case, "status.yaml", status(case))


@every_case
def test_any_order_gives_the_same_tables(case: Case) -> None:
    world = settled(case)
    expected = tables(world.reconciler.pipeline)
    for seed in range(3):
        rows = list(world.rows)
        Random(seed).shuffle(rows)  # noqa: S311  # A failing order must come again.
        pipeline = Pipeline()
        pipeline.apply(changes(pipeline, rows))
        assert tables(pipeline) == expected


@every_case
def test_one_by_one_equals_all_at_once(case: Case) -> None:
    """What is decided once and kept (which address a Gateway got) is given; all else must not depend on history."""
    world = settled(case)
    draw = Random(case.name)  # noqa: S311  # As above.
    rows = list(world.rows)
    pipeline = Pipeline()
    draw.shuffle(rows)
    for number, row in enumerate(rows):
        pipeline.apply(changes(pipeline, [before_an_edit(row, draw)]))
        if draw.random() < 0.3:
            again = draw.sample(rows[: number + 1], draw.randint(1, min(3, number + 1)))
            pipeline.apply(changes(pipeline, again, gone=True))
            pipeline.apply(changes(pipeline, again))
    draw.shuffle(rows)
    for row in rows:
        pipeline.apply(changes(pipeline, [row]))
    assert tables(pipeline) == tables(world.reconciler.pipeline)


@every_case
def test_deleting_everything_leaves_nothing(case: Case) -> None:
    world = settled(case)
    draw = Random(case.name)  # noqa: S311  # As above.
    pipeline = Pipeline()
    pipeline.apply(changes(pipeline, world.rows))
    rows = list(world.rows)
    draw.shuffle(rows)
    while rows:
        some = [rows.pop() for _ in range(min(len(rows), draw.randint(1, 4)))]
        pipeline.apply(changes(pipeline, some, gone=True))
    assert [table.name for table in pipeline.graph.tables if not table.empty] == []


@every_case
def test_a_reconciler_gives_back_what_it_allocated(case: Case) -> None:
    reconciler = settle(case).reconciler
    pipeline = reconciler.pipeline
    reconciler.noted({name: None for name, _ in case.ingress}, {name: None for name, _ in case.nodes})
    reconciler.objects([(one.kind, one.name, None) for one in scan(case).changes])
    reconciler.answers(dict.fromkeys(pipeline.deliveries.rows), dict.fromkeys(pipeline.rejections.rows))
    assert not reconciler.written
    assert [table.name for table in pipeline.graph.tables if not table.empty] == [
        pipeline.checked_by.name,
        pipeline.installed.name,
    ] * (case.schemas is not None)


def test_no_file_belongs_to_no_case() -> None:
    known = {case.folder for case in all_cases()}
    assert set(CASES.glob("*/*")) == known
    assert all((folder / name).exists() for folder in known for name in OUTPUTS)
