"""What one owner broke stays as it was, and everybody else goes on."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.protocol.fleet import Fleet, table
from tests.protocol.script import CDS, EDS, FLEET, LDS, RDS, cluster, endpoints, listener
from xdsserver.xds.case import Blame
from xdsserver.xds.ledger import Rejected

both_ways = pytest.mark.parametrize("strict", [True, False], ids=["validation", "loading"])
both_dialects = pytest.mark.parametrize("sotw", [False, True], ids=["delta", "sotw"])


@both_dialects
@both_ways
def test_x15_of_a_hundred_changed_listeners_the_bad_one_alone_stays_as_it_was(*, strict: bool, sotw: bool) -> None:
    """X15: the offender's last good stays, the rest is acknowledged; its bytes are sent three times at most."""
    fleet = Fleet()
    envoy = fleet.join(strict=strict, sotw=sotw)
    fleet.put(*(listener(f"l{number}") for number in range(100)))
    fleet.put(*(listener(f"l{number}", "bad" if number == 42 else "2") for number in range(100)))
    running = {name: resource.body.decode().partition("@")[2] for (kind, name), resource in envoy.running.items()}
    assert running == {f"l{number}": "1" if number == 42 else "2" for number in range(100)}
    assert fleet.blamed() == {"l42": ("envoy",)}
    bad = listener("l42", "bad")
    assert envoy.sends[bad.name, bad.version] <= 3
    fleet.settle(60)
    assert envoy.sends[bad.name, bad.version] <= 3, "there is no loop"
    fleet.put(listener("l42", "mended"))
    assert fleet.blamed() == {}
    assert envoy.running[LDS, "l42"].body == b"l42@mended"


@both_ways
def test_x15_a_new_stream_gets_the_last_good_one_or_nothing(*, strict: bool) -> None:
    """X15: its last good stays, for whoever connects later too; where there was none it is withheld."""
    fleet = Fleet()
    fleet.join("first", strict=strict)
    fleet.put(listener("old"))
    fleet.put(listener("old", "bad"), listener("new", "bad"), listener("good"))
    later = fleet.join("later", strict=strict)
    assert {name: one.body for (_, name), one in later.running.items()} == {"old": b"old@1", "good": b"good@1"}
    assert not [
        key for key in later.sends if key[1] in {listener("old", "bad").version, listener("new", "bad").version}
    ]
    assert fleet.blamed() == {"old": ("first",), "new": ("first",)}


def test_x15_one_bad_route_among_a_hundred_changed_in_one_table() -> None:
    """X15, in one table: all good changes are live, the bad route's last good stays, the owner is named."""
    fleet = Fleet()
    envoy = fleet.join()
    fleet.put(table("t", **{f"r{number}": "1" for number in range(5000)}))
    changed = {f"r{number}": "1" for number in range(5000)} | {f"r{number}": "2" for number in range(100)}
    wanted = table("t", **(changed | {"r42": "bad"}))
    before = sum(envoy.sends.values())
    envoy.history.clear()
    fleet.put(wanted)
    assert envoy.has("t") == changed | {"r42": "1"}
    assert fleet.blamed() == {"r42": ("envoy",)}
    assert sum(envoy.sends.values()) - before <= 2 + 8, "about as many trials as the logarithm of 100"
    assert max(envoy.sends.values()) <= 3
    assert all(len(seen) == 5000 for seen in envoy.history), "no trial took a route away"


def test_x15_a_single_change_is_guilty_at_once() -> None:
    """X15: with one suspect there is nothing to try."""
    fleet = Fleet()
    envoy = fleet.join()
    fleet.put(table("t", a="1", b="1"))
    fleet.put(table("t", a="bad", b="1"))
    assert envoy.has("t") == {"a": "1", "b": "1"}
    assert [seen for seen in envoy.history if seen] == [{"a": "1", "b": "1"}] * 3
    fleet.put(table("t", a="bad", b="2"))
    assert envoy.has("t") == {"a": "1", "b": "2"}, "others go on"
    assert fleet.blamed() == {"a": ("envoy",)}
    assert fleet.quarantine.stands_for_wanted((FLEET, RDS, "t"))
    fleet.put(table("t", a="3", b="2"))
    assert envoy.has("t") == {"a": "3", "b": "2"}
    assert fleet.blamed() == {}


@pytest.mark.parametrize("wanted", [{"a": "1", "b": "1"}, {"b": "1"}], ids=["back as it was", "deleted"])
def test_x15_undoing_the_change_clears_it(wanted: dict[str, str]) -> None:
    """X15: fixing the object clears the condition; so does going back, and deleting it."""
    fleet = Fleet()
    envoy = fleet.join()
    fleet.put(table("t", a="1", b="1"))
    fleet.put(table("t", a="bad", b="1"))
    fleet.put(table("t", **wanted))
    assert envoy.has("t") == wanted
    assert fleet.blamed() == {}
    assert not fleet.quarantine.take_news() or list(fleet.quarantine.rejections()) == []


def test_x15_at_a_start_the_bad_route_is_left_out() -> None:
    """X15: nothing was ever good, so the bad one is withheld and all others are served."""
    fleet = Fleet()
    fleet.publish(table("t", **({f"r{number}": "1" for number in range(50)} | {"r7": "bad", "r33": "bad"})))
    envoy = fleet.join()
    assert envoy.has("t") == {f"r{number}": "1" for number in range(50) if number not in {7, 33}}
    assert set(fleet.blamed()) == {"r7", "r33"}


def test_x16_the_nodes_that_reject_are_named_and_the_fleet_keeps_one_configuration() -> None:
    """X16: poison that only some Envoys reject: the condition names the nodes."""
    fleet = Fleet()
    lax = fleet.join("lax", judge=lambda _resource: "")
    strict = fleet.join("strict")
    other = fleet.join("other")
    fleet.put(table("t", a="1", b="1"))
    fleet.put(table("t", a="bad", b="2"))
    assert lax.has("t") == strict.has("t") == other.has("t") == {"a": "1", "b": "2"}
    assert fleet.blamed() == {"a": ("other", "strict")}


def test_x16_what_some_have_and_nothing_can_replace_is_served_on() -> None:
    """X16: a first version that some took and others reject stays; the nodes are named until they take it."""
    fleet = Fleet()
    lax = fleet.join("lax", judge=lambda _resource: "")
    fleet.put(listener("l", "bad"))
    strict = fleet.join("strict")
    assert (LDS, "l") in lax.running
    assert (LDS, "l") not in strict.running
    assert fleet.blamed() == {"l": ("strict",)}
    fleet.leave(strict)
    fleet.join("strict", judge=lambda _resource: "")
    assert fleet.blamed() == {}


def test_x15_what_is_bad_only_together_is_held_against_who_came_last() -> None:
    """X15: its last good stays, and there is no retry loop, where no piece alone is bad."""
    fleet = Fleet()
    both = (b"<a=1>", b"<b=1>")
    envoy = fleet.join(judge=lambda resource: "no" if all(one in resource.body for one in both) else "")
    fleet.put(table("t", a="1", c="1"))
    fleet.put(table("t", b="1", c="1"))
    fleet.put(table("t", a="1", b="1", c="1"))
    assert envoy.has("t") == {"b": "1", "c": "1"}
    assert fleet.blamed() == {"a": ("envoy",)}
    assert max(envoy.rejections.values()) == 1
    fleet.put(table("t", a="2", b="1", c="1"))
    assert envoy.has("t") == {"a": "2", "b": "1", "c": "1"}
    assert fleet.blamed() == {}


def test_x15_of_a_hundred_envoys_that_all_reject_it_none_is_told_more_often_and_nobody_else_is_blamed() -> None:
    """X15: no retry loop (<= 3 sends of the same bytes), however many answer; what they say is learned once."""
    fleet = Fleet()
    envoys = [fleet.join(f"e{number}") for number in range(100)]
    before = {f"r{number}": "1" for number in range(40)}
    fleet.put(table("t", **before))
    for envoy in envoys:
        envoy.sends.clear()
    changed = dict.fromkeys(before, "2")
    fleet.publish(table("t", **(changed | {"r7": "bad", "r30": "bad"})))
    for _ in range(20):
        # In turn, so that each of them answers each trial.
        for envoy in [one for one in envoys if one.inbox]:
            fleet.answer(envoy)
    fleet.settle()
    assert all(envoy.has("t") == changed | {"r7": "1", "r30": "1"} for envoy in envoys)
    assert set(fleet.blamed()) == {"r7", "r30"}
    assert max(count for envoy in envoys for count in envoy.sends.values()) <= 3
    assert max(sum(envoy.sends.values()) for envoy in envoys) <= 2 + 2 * 7, "each sees the search at most once"
    assert {len(nodes) for nodes in fleet.blamed().values()} == {100}


def test_x16_who_comes_later_takes_no_route_from_the_others_until_they_are_gone() -> None:
    """X16: what the others have is served on while they are there; then the newcomers get all that they take."""
    fleet = Fleet()
    lax = fleet.join("lax", judge=lambda _resource: "")
    fleet.put(table("t", a="bad", b="1", c="1"))
    strict = fleet.join("strict")
    assert strict.has("t") == {}
    assert fleet.blamed() == {"t": ("strict",)}
    fleet.put(table("t", a="bad", b="1", c="2"))
    assert lax.history[-1] == {"a": "bad", "b": "1", "c": "2"}
    assert all(seen.get("a") == "bad" for seen in lax.history if seen)
    fleet.leave(lax)
    fleet.settle()
    assert strict.has("t") == {"b": "1", "c": "2"}
    assert fleet.blamed() == {"a": ("strict",)}


def test_x15_what_an_envoy_announced_counts_as_taken() -> None:
    """X15, after a restart: the last good of the offender stays, and nothing of anybody else is tried."""
    before = Fleet()
    known = table("t", **{f"r{number}": "1" for number in range(50)})
    running = before.join().running
    before.put(known)
    fleet = Fleet()
    fleet.publish(known)
    envoy = fleet.join(running=dict(running))
    assert not envoy.sends
    fleet.put(table("t", **({f"r{number}": "1" for number in range(50)} | {"r7": "bad"})))
    assert all(seen == {f"r{number}": "1" for number in range(50)} for seen in envoy.history)
    assert fleet.blamed() == {"r7": ("envoy",)}


def test_x16_a_slow_envoy_that_rejects_what_others_have_taken_takes_it_back() -> None:
    """X16: the answer of a slow Envoy counts as much: the fleet goes back to what it can serve."""
    fleet = Fleet()
    lax = fleet.join("lax", judge=lambda _resource: "")
    slow = fleet.join("slow")
    fleet.put(table("t", a="1", b="1"))
    slow.mute = True
    fleet.put(table("t", a="bad", b="2"))
    assert lax.has("t") == {"a": "bad", "b": "2"}
    slow.mute = False
    fleet.settle()
    assert lax.has("t") == slow.has("t") == {"a": "1", "b": "2"}
    assert fleet.blamed() == {"a": ("slow",)}


def test_x17_a_withheld_listener_is_removed_from_whoever_may_hold_it() -> None:
    """X17: explicit removal is sent when the object goes, of what was rejected too."""
    fleet = Fleet()
    envoy = fleet.join(strict=False)
    fleet.put(listener("a"), listener("b", "bad"))
    assert {name for _, name in envoy.running} == {"a"}
    fleet.drop((LDS, "a"), (LDS, "b"))
    assert envoy.running == {}
    assert fleet.blamed() == {}


def test_what_the_last_good_route_leads_to_stays_though_nothing_wanted_names_it() -> None:
    """A route that moves to another cluster and is rejected goes on to the old one, which is not removed."""
    fleet = Fleet()
    envoy = fleet.join()
    fleet.put(cluster("old", endpoints="pods"), endpoints("pods"), table("t", {"a": "old"}, a="1"))
    fleet.publish(cluster("new"), table("t", {"a": "new"}, a="bad"))
    fleet.drop((CDS, "old"), (EDS, "pods"))
    assert envoy.has("t") == {"a": "1"}
    assert (CDS, "old") in envoy.running
    assert (EDS, "pods") in envoy.running
    fleet.put(table("t", {"a": "new"}, a="2"))
    assert envoy.has("t") == {"a": "2"}
    assert (CDS, "old") not in envoy.running
    assert set(fleet.cache.resources(FLEET, CDS)) == {"new"}


def test_a_port_that_the_machine_does_not_give_is_no_fault_of_the_listener() -> None:
    """It is served to every Envoy as before, told of, and forgotten when the same Envoy gets the port."""
    fleet = Fleet()
    taken = "error adding listener 'l': cannot bind '127.0.0.1:80': Address already in use"
    envoy = fleet.join(judge=lambda resource: taken if resource.type_url == LDS else "")
    fleet.put(listener("l"))
    assert fleet.blamed() == {"l": ("envoy",)}
    assert set(fleet.cache.resources(FLEET, LDS)) == {"l"}
    fleet.leave(envoy)
    fleet.join()
    assert fleet.blamed() == {}


def test_news_are_told_once() -> None:
    fleet = Fleet()
    fleet.join()
    fleet.put(table("t", a="1"))
    fleet.put(table("t", a="bad"))
    ((blame, said),) = fleet.quarantine.take_news().items()
    assert blame == Blame(FLEET, RDS, "t", ("a",))
    assert said is not None
    assert said.words == "there is something bad in it"
    assert fleet.quarantine.take_news() == {}
    fleet.put(table("t", a="2"))
    assert fleet.quarantine.take_news() == {blame: None}


def test_a_rejection_by_a_stream_that_never_joined_is_nothing() -> None:
    fleet = Fleet()
    fleet.put(table("t", a="1"))
    assert fleet.quarantine.hear(Rejected("nobody", RDS, (("t", "v"),), (), "no")) == {}


OWNERS = [f"r{number}" for number in range(8)]
_contents = st.sampled_from(["", "1", "2", "3", "bad1", "bad2"])
_worlds = st.fixed_dictionaries(dict.fromkeys(OWNERS, _contents))


@settings(max_examples=300, deadline=None)
@given(st.lists(_worlds, min_size=1, max_size=6), st.lists(st.booleans(), min_size=6, max_size=6))
def test_whatever_changes_the_bad_and_only_the_bad_stay_behind(worlds: list[dict[str, str]], waits: list[bool]) -> None:
    """The oracle: each owner has in Envoy what it wrote last that was good; changes may come before the answers."""
    fleet = Fleet()
    envoy = fleet.join()
    for wanted, wait in zip(worlds, waits, strict=False):
        envoy.rejections.clear()
        fleet.publish(table("t", **{owner: content for owner, content in wanted.items() if content}))
        if wait:
            fleet.settle()
    fleet.settle()
    last = worlds[-1]
    running = envoy.has("t")
    for owner, content in last.items():
        if not content:
            assert owner not in running
        elif "bad" in content:
            assert "bad" not in running.get(owner, "")
            assert owner in fleet.blamed()
        else:
            assert running.get(owner) == content
            assert owner not in fleet.blamed()
    assert fleet.quarantine.stands_for_wanted((FLEET, RDS, "t"))
    assert all(count <= 3 for count in envoy.rejections.values())


@settings(max_examples=100, deadline=None)
@given(_worlds, st.lists(st.integers(0, 2), max_size=8))
def test_x16_whoever_answers_when_a_change_ends_up_as_what_all_envoys_take(
    wanted: dict[str, str], turns: list[int]
) -> None:
    """X16: Envoys of different opinions, in any order: one configuration, and nobody blamed wrongly."""
    fleet = Fleet()
    fleet.join("lax", judge=lambda _resource: "")
    fleet.join("one", judge=lambda resource: "no" if b"bad1" in resource.body else "")
    fleet.join("two", judge=lambda resource: "no" if b"bad2" in resource.body else "")
    fleet.put(table("t", **dict.fromkeys(OWNERS, "0")))
    fleet.publish(table("t", **{owner: content for owner, content in wanted.items() if content}))
    for number in turns:
        if fleet.envoys[number].inbox:
            fleet.answer(fleet.envoys[number])
    fleet.settle()
    running = [envoy.has("t") for envoy in fleet.envoys]
    assert running[0] == running[1] == running[2]
    assert running[0] == {owner: "0" if "bad" in content else content for owner, content in wanted.items() if content}
    assert set(fleet.blamed()) == {owner for owner, content in wanted.items() if "bad" in content}
