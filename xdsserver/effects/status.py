"""The write that a status owes, or none: decided and observed joined field by field, and compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from xdsserver.effects.conditions import Document, Merged, Moment, merge_conditions, own_conditions
from xdsserver.effects.entries import ANCESTORS, PARENTS, merge_entries
from xdsserver.objects.gatewayclass import CONTROLLER

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

_WITHDRAWN = frozenset({"attachedListenerSets"})
"""Fields that a status may stop to say; every other one that it does not say is somebody else's."""


@dataclass(frozen=True, slots=True)
class Decided:
    """A status that was decided, without times, and the object (not only its name) that it was decided for."""

    uid: str
    status: Document
    ours: bool = False
    """Whether all of its conditions are ours to say, as they are where nobody else writes to that status."""


@dataclass(frozen=True, slots=True)
class Observed:
    """What matters of an object, as it was read, for what is owed to it; `status` is JSON, and may be empty."""

    uid: str
    resource_version: str
    generation: int
    status: bytes = b""
    intent: str = ""
    """What the object says that we intended when we wrote it; empty on one that is not ours."""
    controller: str = ""
    """The uid of the owner that manages it."""

    def document(self) -> Document:
        """Give the status, empty where there is none."""
        return (msgspec.json.decode(self.status, type=Document | None) if self.status else None) or {}


@dataclass(frozen=True, slots=True)
class StatusWrite:
    """A merge patch of a status, for one version of one object only; a field that is None is removed."""

    uid: str
    resource_version: str
    fields: Document
    left_out: tuple[str, ...] = ()
    """What the API has no room for beside what others wrote."""

    def patch(self) -> Document:
        """Give the body of the request, which the server refuses (409) for any other version of the object."""
        metadata = {"uid": self.uid, "resourceVersion": self.resource_version}
        return {"metadata": metadata, "status": self.fields}


@dataclass(frozen=True, slots=True)
class MergedPart:
    """A part of a status that has conditions of its own, as it should be."""

    entries: Document
    left_out: tuple[str, ...] = ()


def owed_status(
    decided: Decided | None,
    observed: Observed,
    now: datetime,
    ours: frozenset[str] = frozenset({CONTROLLER}),
) -> StatusWrite | None:
    """Say which write brings the observed status to the decided one; None where it says the same already.

    Without a decision, our entries in lists that are shared are withdrawn; whole statuses are left to whoever comes
    next. What was decided for another object of the same name owes nothing to this one. `ours` are the names of
    controllers whose entries we answer for.
    """
    if decided is not None and decided.uid != observed.uid:
        return None
    there = observed.document()
    wanted = decided.status if decided is not None else {name: [] for name in ("parents", "ancestors") if name in there}
    moment = Moment(now, observed.generation)
    fields: Document = {}
    left_out: list[str] = []
    for name, value in wanted.items():
        if decided is not None and decided.ours and name == "conditions":
            merged: Merged | MergedPart | None = own_conditions(value, there.get(name) or [], moment)
        else:
            merged = _merge(name, value, there.get(name), moment, ours)
        left_out += merged.left_out if merged is not None else ()
        joined = value if merged is None else merged.entries
        if not _same(joined, there.get(name)):
            fields[name] = _over(joined, there.get(name))
    if decided is not None:
        fields |= dict.fromkeys(sorted(_WITHDRAWN & there.keys() - wanted.keys()))
    return StatusWrite(observed.uid, observed.resource_version, fields, tuple(left_out)) if fields else None


def _merge(name: str, value: object, there: object, moment: Moment, ours: frozenset[str]) -> Merged | MergedPart | None:
    """Join a list that others write to as well, or that has times; None for a field that is ours alone."""
    if isinstance(value, dict) and isinstance(value.get("conditions"), list):
        part = there if isinstance(there, dict) else {}
        conditions = merge_conditions(value["conditions"], part.get("conditions") or [], moment)
        return MergedPart(value | {"conditions": conditions.entries}, conditions.left_out)
    if not isinstance(value, list):
        return None
    found = there if isinstance(there, list) else []
    match name:
        case "conditions":
            return merge_conditions(value, found, moment)
        case "listeners":
            return _listeners(value, found, moment)
        case "parents":
            return merge_entries(PARENTS, value, found, moment, ours)
        case "ancestors":
            return merge_entries(ANCESTORS, value, found, moment, ours)
        case _:
            return None


def _listeners(decided: Sequence[Document], observed: Sequence[Document], moment: Moment) -> Merged:
    """Join by name; a listener that is not in the spec any more takes along what others said of it."""
    wanted = {one["name"]: one for one in decided}
    found = {one.get("name"): one for one in observed}
    entries: list[Document] = []
    left_out: list[str] = []
    for name in dict.fromkeys((*(name for name in found if name in wanted), *wanted)):
        there = found.get(name) or {}
        conditions = merge_conditions(wanted[name]["conditions"], there.get("conditions") or [], moment)
        left_out += (f"listener {name}: {one}" for one in conditions.left_out)
        entries.append(wanted[name] | {"conditions": conditions.entries})
    return Merged(entries, tuple(left_out))


def _same(value: object, there: object) -> bool:
    return value == (([] if there is None else there) if isinstance(value, list) else there)


def _over(value: object, there: object) -> object:
    """Give what a merge patch must say so that a field becomes this value: what is there and should not be is None."""
    if isinstance(value, dict) and isinstance(there, dict):
        return dict.fromkeys(sorted(there.keys() - value.keys())) | value
    return value
