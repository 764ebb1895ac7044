"""What a log is spared, and what it is told of that."""

from __future__ import annotations

import asyncio
import io
import json

from tests.kube.virtual import in_virtual_time
from xdsserver.observe.notices import FIELDS, Level, Notice, to_json, to_terminal
from xdsserver.observe.restraint import Restrained, Restraint, RestraintLimits

SAME = Notice(Level.WARNING, "HTTPRoute/shop/a", "BackendNotFound: no Service shop/web")
OTHER = Notice(Level.WARNING, "HTTPRoute/shop/b", "BackendNotFound: no Service shop/web")


def told(restraint: Restraint, notice: Notice, now_s: float) -> list[Notice]:
    """Say something, and give what a log gets to see by then."""
    due = [*restraint.due(now_s)]
    return [*due, notice] if restraint.admit(notice, now_s) else due


def test_a9_the_same_all_the_time_is_twenty_lines_and_then_one_a_minute_that_counts() -> None:
    """A9: what one object says 100 times a second for five minutes is 25 lines, and no time of it is lost."""
    restraint, seen = Restraint(), []
    for step in range(30_000):
        seen += told(restraint, SAME, step / 100)
    seen += restraint.rest()
    assert [one.repeats for one in seen[:21]] == [0] * 20 + [5980]
    assert len(seen) == 25
    assert sum(one.repeats or 1 for one in seen) == 30_000


def test_a9_the_key_is_the_object_and_the_words() -> None:
    """A9: limited per key: while one object floods the log, what others say comes at once and in full."""
    restraint, seen = Restraint(), []
    for step in range(1000):
        seen += told(restraint, SAME, step / 100)
        if step % 250 == 0:
            seen += told(restraint, OTHER, step / 100)
    assert [one for one in seen if one.subject == OTHER.subject] == [OTHER] * 4
    assert len(seen) == 24


def test_a9_ten_thousand_objects_at_once_are_a_thousand_lines_and_a_number() -> None:
    """A9: of many different notices so many pass, and the number of the rest is told; another level is not touched."""
    restraint, seen = Restraint(), []
    for number in range(10_000):
        seen += told(restraint, Notice(Level.WARNING, f"HTTPRoute/shop/r{number}", "bad"), 1.0)
    assert len(seen) == 1000
    error = Notice(Level.ERROR, "internal", "a bug")
    assert told(restraint, error, 1.0) == [error]
    (summary,) = [*restraint.due(61.0)]
    assert (summary.level, summary.subject) == (Level.WARNING, "log")
    assert "9,000 more" in summary.text
    assert not restraint.holds


def test_what_is_said_now_and_then_is_never_held_back() -> None:
    restraint = Restraint()
    assert all(told(restraint, SAME, 4.0 * number) == [SAME] for number in range(100))


def test_what_is_remembered_is_bounded() -> None:
    restraint = Restraint(RestraintLimits(known=10))
    for number in range(100):
        told(restraint, Notice(Level.INFO, str(number), "x"), 0.0)
    assert len(restraint._said) == 10


def test_a9_what_was_held_back_is_told_by_a_timer_when_nobody_says_anything_more() -> None:
    """A9: the count comes though the log is silent afterwards."""

    async def story() -> list[Notice]:
        seen: list[Notice] = []
        restrained = Restrained(seen.append, clock=asyncio.get_running_loop().time)
        for _ in range(50):
            restrained(SAME)
        assert seen == [SAME] * 20
        await asyncio.sleep(61)
        return seen

    assert [one.repeats for one in in_virtual_time(story())] == [0] * 20 + [30]


def test_the_end_tells_what_was_held_back() -> None:
    seen: list[Notice] = []
    restrained = Restrained(seen.append)
    for _ in range(22):
        restrained(SAME)
    restrained.close()
    assert [one.repeats for one in seen] == [0] * 20 + [2]


def test_json_has_the_fields_of_the_reference_and_no_other() -> None:
    out = io.StringIO()
    report = to_json(out)
    report(Notice(Level.OK, "Gateway/a/b", "served", "http://x", 3))
    report(SAME)
    full, plain = (json.loads(line) for line in out.getvalue().splitlines())
    assert list(full) == list(FIELDS)
    assert list(plain) == ["time", "level", "subject", "message"]
    assert full["time"].endswith("Z")


def test_p8_no_name_moves_a_cursor_or_begins_a_line_of_a_log() -> None:
    """P8: control characters, line ends and marks that turn the direction of writing are escaped in both forms."""
    evil = "a\x1b[2J\r\nlevel=ok \u202egnp.exe \x00"
    for make in (to_json, to_terminal):
        out = io.StringIO()
        make(out)(Notice(Level.ERROR, evil, evil))
        line = out.getvalue()
        assert line.count("\n") == 1
        assert line.isascii()
        assert line.rstrip("\n").isprintable()
