"""Every reason says what it means, and what to do where somebody has to do something."""

from __future__ import annotations

import pytest

from xdsserver.tenant.reasons import MEANINGS, Impact, Reason


@pytest.mark.parametrize("reason", Reason, ids=lambda one: one.value)
def test_every_reason_has_a_meaning(reason: Reason) -> None:
    meaning = MEANINGS[reason]
    assert meaning.next_actions or meaning.impact is Impact.FINE
    assert len(set(meaning.next_actions)) == len(meaning.next_actions)
