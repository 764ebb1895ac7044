"""Which write a status owes, by the shape of what others have there."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import yaml

from tests.golden.cases import CASES
from xdsserver.effects import Book, Decided, Observed, StatusWrite, owed_status
from xdsserver.effects.conditions import is_foreign
from xdsserver.objects.meta import ObjectKey

NOON = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
LATER = datetime(2026, 11, 21, 12, 5, 0, tzinfo=UTC)
OURS = "gateway.xdsserver.io/controller"
ROUTE = ObjectKey("HTTPRoute", "default", "web")


def condition(type_: str = "Accepted", status: str = "True", generation: int = 1, **more: str) -> dict[str, Any]:
    return {"type": type_, "status": status, "reason": "Why", "message": "", "observedGeneration": generation} | more


def parent(name: str, *conditions: dict[str, Any], controller: str = OURS) -> dict[str, Any]:
    return {"parentRef": {"name": name}, "controllerName": controller, "conditions": list(conditions)}


def observed(status: dict[str, Any], *, version: str = "7", uid: str = "u1", generation: int = 1) -> Observed:
    return Observed(uid, version, generation, msgspec.json.encode(status))


def write(status: dict[str, Any], there: Observed, now: datetime = NOON) -> StatusWrite:
    owed = owed_status(Decided("u1", status), there, now)
    assert owed is not None
    return owed


def after(there: Observed, owed: StatusWrite, version: str = "8") -> Observed:
    """Give what the server has after a merge patch."""
    status = there.document() | owed.fields
    status = {name: value for name, value in status.items() if value is not None}
    return Observed(there.uid, version, there.generation, msgspec.json.encode(status))


def test_a_new_condition_gets_the_time_of_its_write() -> None:
    owed = write({"conditions": [condition()]}, observed({}))

    assert owed.patch() == {
        "metadata": {"uid": "u1", "resourceVersion": "7"},
        "status": {"conditions": [condition() | {"lastTransitionTime": "2026-11-21T12:00:00Z"}]},
    }


def test_what_the_crds_fill_in_is_no_transition() -> None:
    pending = condition("Programmed", "Unknown") | {"lastTransitionTime": "1970-01-01T00:00:00Z"}

    owed = write({"conditions": [condition("Programmed", "Unknown", 2)]}, observed({"conditions": [pending]}))

    assert owed.fields["conditions"][0]["lastTransitionTime"] == "2026-11-21T12:00:00Z"


def test_k15_times_move_only_when_a_status_flips() -> None:
    """K15: what differs in nothing but the time is not written, and words may change without a transition."""
    first = after(observed({}), write({"conditions": [condition()]}, observed({})))
    assert owed_status(Decided("u1", {"conditions": [condition()]}), first, LATER) is None

    words = write({"conditions": [condition(message="other words")]}, first, LATER)
    assert words.fields["conditions"][0]["lastTransitionTime"] == "2026-11-21T12:00:00Z"
    flip = write({"conditions": [condition(status="False")]}, first, LATER)
    assert flip.fields["conditions"][0]["lastTransitionTime"] == "2026-11-21T12:05:00Z"


def test_conditions_of_others_stay_on_a_gateway_and_on_its_listeners() -> None:
    theirs = condition("example.com/Audited", generation=1, lastTransitionTime="2020-01-01T00:00:00Z")
    stale = condition("Ready", lastTransitionTime="2020-01-01T00:00:00Z")
    there = observed(
        {
            "conditions": [theirs, condition(), stale],
            "listeners": [
                {"name": "gone", "conditions": [theirs]},
                {"name": "http", "attachedRoutes": 0, "supportedKinds": [], "conditions": [theirs]},
            ],
        },
        generation=2,
    )
    listener = {"name": "http", "attachedRoutes": 3, "supportedKinds": [], "conditions": [condition(generation=2)]}

    owed = write({"conditions": [condition(generation=2)], "listeners": [listener]}, there)

    at = {"lastTransitionTime": "2026-11-21T12:00:00Z"}
    assert owed.fields == {
        "conditions": [theirs, condition(generation=2) | at],
        "listeners": [listener | {"conditions": [theirs, condition(generation=2) | at]}],
    }


def test_a_list_of_conditions_has_eight_places_and_others_keep_theirs() -> None:
    theirs = [condition(f"example.com/C{number}") for number in range(7)]

    owed = write({"conditions": [condition("Accepted"), condition("Programmed")]}, observed({"conditions": theirs}))

    assert [one["type"] for one in owed.fields["conditions"]] == [*(one["type"] for one in theirs), "Accepted"]
    assert owed.left_out == ("condition Programmed",)


def test_entries_of_other_controllers_stay_as_they_are() -> None:
    strange = {"controllerName": "example.com/c", "parentRef": {"name": "a"}, "unknown": {"z": 1.5, "a": None}}
    there = observed({"parents": [parent("gone", condition()), strange, parent("a", condition(status="False"))]})

    owed = write({"parents": [parent("a", condition()), parent("b", condition())]}, there)

    first, *rest = owed.fields["parents"]
    assert msgspec.json.encode(first) == msgspec.json.encode(strange)
    assert [one["parentRef"]["name"] for one in rest] == ["a", "b"]


def test_a_reference_that_the_server_filled_in_is_the_same() -> None:
    filled = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "a"}
    entry = parent("a", condition(lastTransitionTime="2020-01-01T00:00:00Z")) | {"parentRef": filled}

    assert (
        owed_status(Decided("u1", {"parents": [parent("a", condition())]}), observed({"parents": [entry]}), NOON)
        is None
    )


def test_lists_are_never_longer_than_the_api_allows() -> None:
    others = [parent(f"p{number}", controller="example.com/c") for number in range(31)]
    owed = write({"parents": [parent("a", condition()), parent("b", condition())]}, observed({"parents": others}))
    assert len(owed.fields["parents"]) == 32
    assert owed.left_out == ("parentRef b",)

    ancestors = [{"ancestorRef": {"name": f"p{number}"}, "controllerName": "example.com/c"} for number in range(16)]
    ours = {"ancestorRef": {"name": "a"}, "controllerName": OURS, "conditions": [condition()]}
    full = owed_status(Decided("u1", {"ancestors": [ours]}), observed({"ancestors": ancestors}), NOON)
    assert full is None


def test_without_a_decision_our_entries_are_withdrawn_and_whole_statuses_are_left_alone() -> None:
    other = parent("a", controller="example.com/c")
    owed = owed_status(None, observed({"parents": [parent("a", condition()), other]}), NOON)
    assert owed is not None
    assert owed.fields == {"parents": [other]}
    assert owed_status(None, observed({"parents": [other]}), NOON) is None
    assert owed_status(None, observed({"conditions": [condition()]}), NOON) is None


def test_a_field_that_is_not_said_any_more_is_removed() -> None:
    owed = write({"addresses": []}, observed({"attachedListenerSets": 2}))
    assert owed.fields == {"attachedListenerSets": None}


def test_k13_the_status_of_an_object_is_never_owed_to_its_successor() -> None:
    """K13: after delete and create under one name, nothing that was decided for the old object reaches the new one."""
    old = Decided("u1", {"parents": [parent("a", condition())]})
    assert owed_status(old, observed({}, uid="u2"), NOON) is None

    # And what was answered for the old one settles nothing for the new one.
    book = Book()
    book.read(ROUTE, observed({}))
    owed = book.owed(ROUTE, old, NOON)
    assert isinstance(owed, StatusWrite)
    book.written(ROUTE, old, after(observed({}), owed))
    book.read(ROUTE, observed({}, uid="u2", version="9"))
    assert book.owed(ROUTE, Decided("u2", old.status), NOON) is not None


def test_k16_our_own_write_coming_back_owes_nothing() -> None:
    """K16: own write, event, no write. Also where the server made something else of it than was sent."""
    decided = Decided("u1", {"conditions": [condition()], "attachedListenerSets": 0})
    book = Book()
    book.read(ROUTE, observed({}))
    owed = book.owed(ROUTE, decided, NOON)
    assert isinstance(owed, StatusWrite)
    pruned = observed({"conditions": owed.fields["conditions"]}, version="8")
    book.written(ROUTE, decided, pruned)

    for version in ("7", "8", "9"):
        book.read(ROUTE, observed({} if version == "7" else pruned.document(), version=version))
        assert book.owed(ROUTE, decided, LATER) is None
    assert book.owed(ROUTE, Decided("u1", {"conditions": [condition(generation=2)]}), LATER) is not None


def test_k17_the_generation_is_that_of_the_decision() -> None:
    """K17: observedGeneration is what the decision was made from, whatever the object is at by now."""
    owed = write({"conditions": [condition(generation=3)]}, observed({}, generation=5))
    assert owed.fields["conditions"][0]["observedGeneration"] == 3


def test_k17_a_judgement_of_a_newer_generation_is_not_taken_back() -> None:
    """K17: a condition whose observedGeneration is above ours is left to a later decision; nonsense is replaced."""
    newer = condition(status="False", generation=4)
    there = observed({"conditions": [newer]}, generation=4)
    assert owed_status(Decided("u1", {"conditions": [condition(generation=3)]}), there, NOON) is None
    assert write({"conditions": [condition(generation=4)]}, there).fields["conditions"][0]["status"] == "True"
    nonsense = observed({"conditions": [condition(generation=99)]}, generation=4)
    assert write({"conditions": [condition(generation=3)]}, nonsense).fields["conditions"][0]["observedGeneration"] == 3


def test_every_condition_that_we_say_is_known_as_ours() -> None:
    said: set[str] = set()

    def collect(part: object) -> None:
        if isinstance(part, dict):
            said.update(one["type"] for one in part.get("conditions") or () if isinstance(one, dict))
            for value in part.values():
                collect(value)
        elif isinstance(part, list):
            for value in part:
                collect(value)

    for path in CASES.rglob("status.yaml"):
        for document in yaml.load_all(path.read_text(), yaml.CSafeLoader):
            collect(document)
    assert {"Accepted", "Programmed", "ResolvedRefs", "Conflicted"} <= said
    assert {one for one in said if is_foreign(one)} == set()


def test_a_part_with_conditions_gets_times_and_is_written_once() -> None:
    """Where only a part of a status is ours, as `gateway` of a Tenant is, the rest is left as it is."""
    part = {"endpoint": "https://a.test", "console": "https://c.test", "conditions": [condition()]}
    before = observed({"currentState": "Ready"})
    owed = write({"gateway": part}, before)
    assert owed.fields == {
        "gateway": part | {"conditions": [condition() | {"lastTransitionTime": "2026-11-21T12:00:00Z"}]}
    }
    there = after(before, owed)
    assert owed_status(Decided("u1", {"gateway": part}), there, LATER) is None

    turned = {"endpoint": "https://a.test", "conditions": [condition(status="False")]}
    again = write({"gateway": turned}, there, LATER)
    assert again.fields["gateway"] == {
        "console": None,
        "endpoint": "https://a.test",
        "conditions": [condition(status="False") | {"lastTransitionTime": "2026-11-21T12:05:00Z"}],
    }


def test_a_part_that_is_not_wanted_any_more_is_taken_away() -> None:
    there = observed({"currentState": "Ready", "gateway": {"conditions": []}})
    assert write({"gateway": None}, there).fields == {"gateway": None}
    assert owed_status(Decided("u1", {"gateway": None}), observed({"currentState": "Ready"}), NOON) is None
    assert owed_status(Decided("u1", {"currentState": "Ready"}), there, NOON) is None
