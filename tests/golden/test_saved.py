"""Every world survives being saved: the same objects come back, and the same bytes follow from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.golden.cases import all_cases, scan
from tests.golden.world import settled
from xdsserver.files.sealing import StateKey
from xdsserver.files.snapshot import Snapshot, from_message, to_message
from xdsserver.messages.saved_state_pb2 import SavedState
from xdsserver.objects.kinds import KINDS
from xdsserver.reconciler import Reconciler

if TYPE_CHECKING:
    from tests.golden.cases import Case
    from xdsserver.files.snapshot import Saved

KEY = StateKey(bytes(32))
ELSEWHERE = {"ClusterTrustBundle", "EnvoyFleet", "Secret", "Tenant"}
"""Kinds that no golden case has need of; they are saved and read in `tests/files/test_saved.py`."""


def objects(case: Case) -> Snapshot:
    """Give the state of a case: its objects, and what was allocated for them."""
    found = {one.key: one.object for one in scan(case).changes if one.object is not None}
    return Snapshot(found, settled(case).reconciler.written)


def saved(snapshot: Snapshot) -> Saved:
    """Save, and read what was saved."""
    return from_message(SavedState.FromString(to_message(snapshot, KEY).SerializeToString()), KEY)


@pytest.mark.parametrize("case", all_cases(), ids=lambda case: case.name)
def test_the_same_objects_come_back_and_the_same_bytes_follow(case: Case) -> None:
    before = objects(case)
    after = saved(before)
    assert not after.missing
    assert after.snapshot == before
    restored = Reconciler(case.surroundings(), after.snapshot.written)
    restored.objects((key.kind, one.name, one) for key, one in after.snapshot.objects.items())
    assert restored.written == before.written
    known = settled(case).reconciler.pipeline.resources.rows
    assert {key: one.body for key, one in restored.pipeline.resources.rows.items()} == {
        key: one.body for key, one in known.items()
    }


def test_every_kind_is_among_them() -> None:
    kinds = {key.kind for case in all_cases() for key in objects(case).objects}
    assert {kind.name for kind in KINDS} - kinds <= ELSEWHERE
