"""Entries of `status.parents` and `status.ancestors`: ours are replaced where they stand, all others stay as they are.

Both are atomic lists in the CRDs: whoever writes one entry writes all of them. So the whole list is made from what was
read, and it may be written only over that very version of the object.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from xdsserver.effects.conditions import Merged, merge_conditions
from xdsserver.objects.meta import GATEWAY_GROUP

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xdsserver.effects.conditions import Document, Moment

Reference = tuple[object, ...]
"""What makes two references the same, with the CRDs' defaults filled in."""


@dataclass(frozen=True, slots=True)
class EntryList:
    """One of the two lists: which field of an entry holds the reference, and how many entries there may be."""

    reference: str
    most: int


PARENTS = EntryList("parentRef", 32)
ANCESTORS = EntryList("ancestorRef", 16)


def merge_entries(
    form: EntryList, decided: Sequence[Document], observed: Sequence[Document], moment: Moment, ours: frozenset[str]
) -> Merged:
    """Join our decided entries with a list as it was read; `ours` are the controller names whose entries we answer for.

    Entries of others are never moved, changed or dropped. What does not fit behind them is left out, the last first.
    """
    wanted: dict[Reference, Document] = {}
    for one in decided:
        wanted.setdefault(_reference(one.get(form.reference)), one)
    entries: list[Document] = []
    left_out: list[str] = []
    for found in observed:
        if found.get("controllerName") not in ours:
            entries.append(found)
        elif (entry := wanted.pop(_reference(found.get(form.reference)), None)) is not None:
            entries.append(_entry(form, entry, found, moment, left_out))
    new = list(wanted.values())
    room = max(0, form.most - len(entries))
    entries += [_entry(form, one, {}, moment, left_out) for one in new[:room]]
    left_out += [f"{form.reference} {one[form.reference].get('name')}" for one in new[room:]]
    return Merged(entries, tuple(left_out))


def _entry(form: EntryList, decided: Document, found: Document, moment: Moment, left_out: list[str]) -> Document:
    conditions = merge_conditions(decided["conditions"], found.get("conditions") or [], moment)
    left_out += conditions.left_out
    # The reference as it stands, where it is the same: the server fills in group and kind, which is no difference.
    reference = found.get(form.reference) or decided[form.reference]
    return decided | {form.reference: reference, "conditions": conditions.entries}


def _reference(reference: object) -> Reference:
    given = reference if isinstance(reference, dict) else {}
    group = given.get("group")
    return (
        GATEWAY_GROUP if group is None else group,
        given.get("kind") or "Gateway",
        given.get("namespace"),
        given.get("name"),
        given.get("sectionName"),
        given.get("port"),
    )
