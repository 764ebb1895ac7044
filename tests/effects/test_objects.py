"""What is owed to objects of ours."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from xdsserver.effects import Apply, Book, Delete, Intended, Kept, Observed, Taken
from xdsserver.effects.objects import INTENT, owed_object
from xdsserver.objects.meta import ObjectKey


def service(port: int = 80) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "edge", "namespace": "a", "annotations": {"user": "x"}},
        "spec": {"ports": [{"port": port}]},
    }


def test_what_is_missing_is_applied_with_what_was_intended_on_it() -> None:
    owed = owed_object(Intended(service()), None)
    assert isinstance(owed, Apply)
    assert owed.body["metadata"]["annotations"] == {"user": "x", INTENT: Intended(service()).intent}
    assert owed.body["spec"] == service()["spec"]
    assert "uid" not in owed.body["metadata"]


def test_one_intention_is_one_write_whatever_the_server_made_of_it() -> None:
    there = Observed("u", "1", 1, b'{"anything": 1}', Intended(service()).intent)
    assert owed_object(Intended(service()), there) is None
    reordered = dict(reversed(service().items()))
    assert owed_object(Intended(reordered), there) is None
    changed = owed_object(Intended(service(81)), there)
    assert isinstance(changed, Apply)
    assert changed.body["metadata"]["uid"] == "u"
    assert changed.body["metadata"]["resourceVersion"] == "1"


def test_objects_of_others_are_never_touched() -> None:
    theirs = Observed("u", "1", 1)
    assert owed_object(Intended(service()), theirs) == Taken()
    assert owed_object(None, theirs) is None


def test_what_is_not_intended_any_more_is_deleted_by_uid() -> None:
    key, now = ObjectKey("Service", "a", "edge"), datetime(2026, 11, 21, tzinfo=UTC)
    book = Book()
    book.read(key, Observed("u", "1", 1, b"", "hash"))
    assert book.owed(key, None, now) == Delete("u")
    assert owed_object(None, None) is None


def test_what_is_kept_is_neither_deleted_nor_made() -> None:
    ours = Observed("u", "1", 1, b"", Intended(service()).intent)
    assert owed_object(Kept(), ours) is None
    assert owed_object(Kept(), None) is None
    key = ObjectKey("Service", "a", "edge")
    book = Book()
    book.read(key, ours)
    assert book.owed(key, Kept(), datetime(2026, 1, 1, tzinfo=UTC)) is None
    assert book.owed(key, None, datetime(2026, 1, 1, tzinfo=UTC)) == Delete("u")
