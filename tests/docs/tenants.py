"""The reasons of a Tenant's conditions, from the table that decides what they mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.docs.reference import DOCS, MADE
from xdsserver.tenant.reasons import MEANINGS, Impact

if TYPE_CHECKING:
    from pathlib import Path

PAGE = DOCS / "reference" / "tenants.md"

INTRODUCTION = f"""\
{MADE}# Why a Tenant is as it is

Reasons of its conditions, by what they mean for the whole; `status.nextActions` has what to do about all of them. How
each condition is read is in the [guide](../guides/tenants.md#status).
"""

_TITLES = {
    Impact.BLOCKED: "Somebody has to change something: Ready is False, Degraded is True",
    Impact.UNHEALTHY: "What runs is not as it should be: Ready is False, Degraded is True",
    Impact.WAITING: "It goes on by itself: Ready is False, Reconciling is True",
    Impact.FINE: "Nothing is wrong; a next action is advice",
}


def pages() -> dict[Path, str]:
    parts = [INTRODUCTION]
    for impact, title in _TITLES.items():
        rows = [
            f"| {reason.value} | {', '.join(meaning.next_actions)} |\n"
            for reason, meaning in MEANINGS.items()
            if meaning.impact is impact
        ]
        parts.append(f"\n## {title}\n\n| reason | next actions |\n|---|---|\n{''.join(rows)}")
    return {PAGE: "".join(parts)}
