"""Route tables come apart into the pieces of their owners, and without some of them they are still good tables."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest

from tests.golden.validation import refused
from tests.properties.gateway_worlds import POOLS, SLOTS, Edit, settled, take, world
from xdsserver.xds.fragments import hold_back
from xdsserver.xds.resource import LISTENER, ROUTE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from xdsserver.reconciler import Reconciler
    from xdsserver.xds.fragments import Assembly
    from xdsserver.xds.resource import Resource

WORLDS = 40
TO_ENVOY = 30
ROUTES = [number for number, slot in enumerate(SLOTS) if slot.kind in {"HTTPRoute", "GRPCRoute"}]


def tables(running: Reconciler) -> dict[str, Resource]:
    return {key[2]: row for key, row in running.pipeline.resources.rows.items() if key[1] == ROUTE}


def listeners(running: Reconciler) -> dict[str, Resource]:
    rows = running.pipeline.resources.rows
    return {key[2]: row for key, row in rows.items() if key[1] == LISTENER and row.parts is not None}


def apart(table: Resource) -> Assembly:
    assert table.parts is not None
    return table.parts()


def differing(wanted: Assembly, good: Assembly) -> tuple[tuple[str, ...], ...]:
    """Name the owners who wrote something that is not in the good one."""
    before = good.contents
    return tuple(owner for owner, content in wanted.contents.items() if not content <= before.get(owner, set()))


def edits(number: int) -> Iterator[tuple[Reconciler, dict[str, Resource], tuple[str, ...]]]:
    """Change one route of a world after the other; give the tables before, and whose route it is."""
    dice = Random(number)  # noqa: S311
    running = settled(world(number))
    for slot in ROUTES:
        before = tables(running)
        take(running, [Edit(slot, dice.randrange(len(POOLS[SLOTS[slot]])))])
        yield running, before, (SLOTS[slot].kind, *SLOTS[slot].name)


@pytest.mark.parametrize("number", range(WORLDS))
def test_the_pieces_of_a_table_or_listener_make_the_same_bytes(number: int) -> None:
    running = settled(world(number))
    for whole in (*tables(running).values(), *listeners(running).values()):
        assert apart(whole).resource(whole.type_url, whole.name).body == whole.body


@pytest.mark.parametrize("number", range(WORLDS))
def test_whoever_changed_a_route_is_the_only_suspect_and_held_back_all_is_as_it_was(number: int) -> None:
    for running, before, owner in edits(number):
        for name, after in tables(running).items():
            if name not in before or before[name] == after:
                continue
            good, wanted = apart(before[name]), apart(after)
            suspects = differing(wanted, good)
            assert set(suspects) <= {owner}
            held = hold_back(wanted, {owner}, good)
            assert differing(held, good) == ()
            assert held.contents.get(owner) == good.contents.get(owner)
            for key, section in good.by_key.items():
                if any(one.owner == owner for one in section.fragments):
                    assert held.by_key[key].wire() == section.wire(), "routes stand where they stood"


def test_some_tables_do_change() -> None:
    """The test above would hold in worlds where no edit reaches a table."""
    changed = sum(before != tables(running) for number in range(WORLDS) for running, before, _ in edits(number))
    assert changed > WORLDS


def test_envoy_accepts_what_is_left_when_anybody_is_held_back(tmp_path: Path) -> None:
    found: dict[str, list[Resource]] = {}
    for number in range(TO_ENVOY):
        rows = settled(world(number)).pipeline.resources.rows
        for table in [row for row in rows.values() if row.parts is not None]:
            whole = apart(table)
            for owner in whole.contents:
                without = hold_back(whole, {owner}, None).resource(table.type_url, table.name)
                others = [row for row in rows.values() if row is not table]
                found[f"world {number} without {owner} in {table.name}"] = [*others, without]
    assert len(found) > TO_ENVOY
    assert not refused({name: found[name] for name in sorted(found)[:: max(1, len(found) // 60)]}, tmp_path)
