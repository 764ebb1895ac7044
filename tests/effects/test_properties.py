"""For any decided and any observed status: what others wrote stays, and one write is enough."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from xdsserver.effects import Decided, Observed, owed_status
from xdsserver.effects.conditions import is_foreign
from xdsserver.objects.gatewayclass import CONTROLLER

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)

TYPES = ("Accepted", "Programmed", "ResolvedRefs", "gateway.xdsserver.io/Rejected")
FOREIGN = (
    *(f"example.com/{letter}" for letter in "ABCDEF"),
    "Healthy",
    "conformance.gateway.networking.k8s.io/StaleCondition",
)
STRANGE = (None, 1.5, -(2**60), "ü\u0000\u2028", [{"z": 1, "a": [None]}], {"z": {}, "a": ""})


def conditions(types: tuple[str, ...], *, read: bool) -> st.SearchStrategy[list[dict[str, Any]]]:
    fields: dict[str, st.SearchStrategy[Any]] = {
        "type": st.sampled_from(types),
        "status": st.sampled_from(("True", "False", "Unknown")),
        "reason": st.sampled_from(("A", "B")),
        "message": st.sampled_from(("", "words")),
        "observedGeneration": st.integers(0, 4),
    }
    times = st.sampled_from(("1970-01-01T00:00:00Z", "2026-01-01T00:00:00Z"))
    more = {"lastTransitionTime": times, "unknown": st.sampled_from(STRANGE)} if read else {}
    one = st.fixed_dictionaries(fields, optional=more)
    return st.lists(one, max_size=8, unique_by=lambda found: found["type"])


def entries(reference: str, controllers: tuple[str, ...], most: int, *, read: bool) -> st.SearchStrategy[list[Any]]:
    references = st.fixed_dictionaries(
        {"name": st.sampled_from("abcdefgh")},
        optional={
            "group": st.just("gateway.networking.k8s.io"),
            "kind": st.just("Gateway"),
            "sectionName": st.sampled_from("xy"),
            "port": st.integers(1, 2),
        },
    )
    one = st.fixed_dictionaries(
        {
            reference: references,
            "controllerName": st.sampled_from(controllers),
            "conditions": conditions(TYPES + (FOREIGN if read else ()), read=read),
        },
        optional={"unknown": st.sampled_from(STRANGE)} if read else {},
    )
    some = st.lists(one, max_size=4)
    if not read:
        return some
    crowd = {reference: {"name": "z"}, "controllerName": "example.com/a", "conditions": []}
    return st.tuples(some, st.integers(0, most)).map(lambda parts: (parts[0] + [crowd] * parts[1])[:most])


def statuses(*, read: bool) -> st.SearchStrategy[dict[str, Any]]:
    controllers = (CONTROLLER, "example.com/a", "example.com/b") if read else (CONTROLLER,)
    types = TYPES + (FOREIGN if read else ())
    listener = st.fixed_dictionaries(
        {
            "name": st.sampled_from("abcd"),
            "attachedRoutes": st.integers(0, 2),
            "conditions": conditions(types, read=read),
        }
    )
    listeners = st.lists(listener, max_size=4, unique_by=lambda found: found["name"])
    return st.one_of(
        st.fixed_dictionaries({"parents": entries("parentRef", controllers, 32, read=read)}),
        st.fixed_dictionaries({"ancestors": entries("ancestorRef", controllers, 16, read=read)}),
        st.fixed_dictionaries(
            {"conditions": conditions(types, read=read), "listeners": listeners},
            optional={"attachedListenerSets": st.integers(0, 2), "addresses": st.just([])},
        ),
    )


def foreign(status: dict[str, Any], listeners: set[str]) -> list[bytes]:
    """Give what others wrote, as bytes and in order; of listeners only where these are decided too."""
    found = [one for field in ("parents", "ancestors") for one in status.get(field) or ()]
    kept: list[Any] = [one for one in found if one["controllerName"] != CONTROLLER]
    kept += [one for one in status.get("conditions") or () if is_foreign(one["type"])]
    for listener in sorted(status.get("listeners") or (), key=lambda one: str(one["name"])):
        if listener["name"] in listeners:
            kept += [(listener["name"], one) for one in listener["conditions"] if is_foreign(one["type"])]
    return [msgspec.json.encode(one) for one in kept]


@given(statuses(read=False), statuses(read=True), st.integers(0, 4))
def test_others_stay_byte_for_byte_and_one_write_is_enough(
    decided: dict[str, Any], there: dict[str, Any], generation: int
) -> None:
    observed = Observed("u", "1", generation, msgspec.json.encode(there))
    for decision in (Decided("u", decided), None):
        owed = owed_status(decision, observed, NOW)
        if owed is None:
            continue
        joined = {name: value for name, value in (there | owed.fields).items() if value is not None}
        names = {one["name"] for one in (decided.get("listeners") or joined.get("listeners") or ())}
        assert foreign(joined, names) == foreign(there, names)
        assert len(joined.get("parents", ())) <= 32
        assert len(joined.get("ancestors", ())) <= 16
        lists = [joined.get("conditions") or [], *(one["conditions"] for one in joined.get("listeners") or ())]
        assert all(len(one) <= 8 for one in lists)
        after = Observed("u", "2", generation, msgspec.json.encode(joined))
        assert owed_status(decision, after, NOW) is None
        # Written at any time: a status that is as decided owes nothing a year later either.
        assert owed_status(decision, after, NOW.replace(year=2027)) is None
