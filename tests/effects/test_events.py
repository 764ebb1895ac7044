"""Events are told once and counted, in virtual time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from xdsserver.effects.events import NOTE_BYTES, EventType, Happening, Recorder, Regarding
from xdsserver.objects.meta import ObjectKey

if TYPE_CHECKING:
    from xdsserver.effects.events import EventWrite

NOON = datetime(2026, 11, 21, 12, 0, 0, 123456, tzinfo=UTC)
ROUTE = Regarding(ObjectKey("HTTPRoute", "a", "web"), "gateway.networking.k8s.io/v1", "u1")


def refused(note: str = "no", reason: str = "StatusRefused", regarding: Regarding = ROUTE) -> Happening:
    return Happening(regarding, EventType.WARNING, reason, note)


def at(recorder: Recorder, seconds: float, happening: Happening) -> None:
    recorder.happened(happening, NOON + timedelta(seconds=seconds), seconds)


def due(recorder: Recorder, seconds: float) -> list[EventWrite]:
    return list(recorder.due(seconds))


def test_what_happens_is_told_in_the_form_of_the_api() -> None:
    recorder = Recorder("pod-1")
    at(recorder, 0, refused())
    (write,) = due(recorder, 0)

    assert write.create
    assert (write.namespace, write.name[:4], len(write.name)) == ("a", "web.", 20)
    assert write.body == {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": write.name, "namespace": "a"},
        "eventTime": "2026-11-21T12:00:00.123456Z",
        "reportingController": "gateway.xdsserver.io/controller",
        "reportingInstance": "pod-1",
        "action": "Reconcile",
        "reason": "StatusRefused",
        "type": "Warning",
        "note": "no",
        "regarding": {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "HTTPRoute",
            "namespace": "a",
            "name": "web",
            "uid": "u1",
        },
    }
    assert due(recorder, 1) == []


def test_what_happens_again_is_counted_in_one_event() -> None:
    recorder = Recorder("pod-1")
    writes = []
    for second in range(600):
        at(recorder, second, refused())
        writes += due(recorder, second)

    created = [write for write in writes if write.create]
    assert len(created) == 1
    assert len(writes) == 10
    assert {write.name for write in writes} == {created[0].name}
    assert writes[-1].body == {"series": {"count": 541, "lastObservedTime": "2026-11-21T12:09:00.123456Z"}}


def test_what_happens_after_a_long_time_is_a_new_event() -> None:
    recorder = Recorder("pod-1")
    at(recorder, 0, refused())
    (first,) = due(recorder, 0)
    at(recorder, 400, refused())
    (second,) = due(recorder, 400)

    assert second.create
    assert first.name != second.name


def test_one_object_does_not_flood_the_rest() -> None:
    recorder = Recorder("pod-1")
    other = Regarding(ObjectKey("Gateway", "b", "gw"), "gateway.networking.k8s.io/v1", "u2")
    for number in range(1000):
        at(recorder, 0, refused(reason=f"Reason{number}"))
    at(recorder, 0, refused(regarding=other))

    writes = due(recorder, 0)
    assert len(writes) == 26
    assert recorder.dropped == 975
    at(recorder, 300, refused(reason="Another"))
    assert len(due(recorder, 300)) == 1


def test_nothing_is_kept_of_what_is_over() -> None:
    recorder = Recorder("pod-1")
    for number in range(20):
        at(recorder, 0, refused(reason=f"Reason{number}"))
    due(recorder, 0)
    due(recorder, 100_000)

    assert not recorder._told
    assert not recorder._spent


def test_objects_without_a_namespace_are_told_of_in_default() -> None:
    recorder = Recorder("pod-1")
    at(
        recorder,
        0,
        refused(regarding=Regarding(ObjectKey("GatewayClass", "", "x"), "gateway.networking.k8s.io/v1", "u")),
    )
    (write,) = due(recorder, 0)

    assert write.namespace == "default"
    assert "namespace" not in write.body["regarding"]


def test_long_notes_are_clipped_between_characters() -> None:
    recorder = Recorder("pod-1")
    at(recorder, 0, refused("ü" * 5000))
    (write,) = due(recorder, 0)

    note = write.body["note"]
    assert len(note.encode()) <= NOTE_BYTES
    assert note.endswith("ü…")
