"""One kind followed through the faults of an API server, in virtual time."""

from __future__ import annotations

import json
import random
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kube.cluster import ROUTES, Cluster, Run, bookmark, event, gone, route
from xdsserver.kube.errors import (
    Forbidden,
    Garbled,
    Gone,
    NotFound,
    TimedOut,
    TooLarge,
    TooManyRequests,
    Unavailable,
    Unreachable,
)
from xdsserver.kube.following import Discover, Followed, ListPage, OpenWatch, Standing
from xdsserver.objects.kinds import BY_NAME
from xdsserver.objects.meta import Name

if TYPE_CHECKING:
    from xdsserver.kube.errors import KubeError

REFUSED = Unreachable("connection refused")


def synced(cluster: Cluster, **options: object) -> Run:
    """Follow a cluster until it is known, and forget what that took."""
    run = Run(cluster, **options)  # type: ignore[arg-type]
    run.advance(3)
    assert run.is_(Standing.SYNCED)
    assert run.there.keys() == cluster.objects.keys()
    run.steps.clear()
    return run


def cluster_of(*names: str) -> Cluster:
    cluster = Cluster()
    for name in names:
        cluster.write(name)
    return cluster


def test_a_kind_is_found_then_listed_then_watched() -> None:
    cluster = cluster_of("a", "b")
    run = Run(cluster)
    run.advance(1)
    assert [type(step) for _, step in run.steps] == [Discover, ListPage, OpenWatch]
    assert run.made(Discover)[0] == Discover(
        ("/apis/gateway.networking.k8s.io/v1", "/apis/gateway.networking.k8s.io/v1beta1")
    )
    assert run.made(ListPage)[0] == ListPage(ROUTES, {"limit": 500})
    (watch,) = run.made(OpenWatch)
    assert isinstance(watch, OpenWatch)
    assert watch.path == ROUTES
    assert watch.query["resourceVersion"] == "102"
    assert watch.query["allowWatchBookmarks"] == "true"
    assert 300 <= int(watch.query["timeoutSeconds"]) <= 600
    cluster.write("c")
    cluster.write("a", hostname="new.example.com")
    cluster.delete("b")
    run.advance(1)
    assert run.there == {"a": "new.example.com", "c": "a.example.com"}


def test_our_own_writes_of_a_status_change_no_object() -> None:
    cluster = cluster_of("a")
    run = synced(cluster)
    run.changes.clear()
    run.readings.clear()
    run.send(event("MODIFIED", {**route("a", 150, uid="uid-a-101"), "status": {"parents": [{"controllerName": "x"}]}}))
    assert run.changes == []
    ((key, observed),) = run.readings
    assert (key.kind, key.namespace, key.name) == ("HTTPRoute", "shop", "a")
    assert observed is not None
    assert (observed.uid, observed.resource_version, observed.generation) == ("uid-a-101", "150", 1)
    assert json.loads(observed.status) == {"parents": [{"controllerName": "x"}]}


def test_k1_a_hundred_watches_that_end_cost_no_list() -> None:
    """K1: a watch that the server closes is opened again from where it was, within a second, without a list: 100
    closes are one list, 100 watches, and no change twice."""
    cluster = cluster_of("a", "b")
    run = Run(cluster, lifetime_s=5.0)
    for number in range(100):
        run.advance(4)
        cluster.write(f"route-{number}")
        run.advance(2)
    assert len(run.made(ListPage)) == 1
    assert 95 <= len(run.made(OpenWatch)) <= 121
    assert len(run.changes) == 102
    assert run.there.keys() == cluster.objects.keys()
    opened = [at_s for at_s, step in run.steps if isinstance(step, OpenWatch)]
    pauses = [later - before - 5.0 for before, later in pairwise(opened)]
    assert max(pauses) < 1.1


def test_k1_bookmarks_move_the_place_from_which_a_watch_goes_on() -> None:
    """K1: bookmarks are on: after a quiet time the watch goes on from the newest version, which is still kept."""
    cluster = cluster_of("a")
    run = synced(cluster, lifetime_s=60.0)
    cluster.version = 5000
    run.send(bookmark(5000))
    cluster.compact()
    run.advance(120)
    assert run.made(ListPage) == []
    assert all(step.query["resourceVersion"] == "5000" for step in run.made(OpenWatch))  # type: ignore[union-attr]


def test_k1_a_server_that_closes_every_watch_at_once_is_not_hammered() -> None:
    """K1, K6: watches that end at once, without a word, are failures in the end: pauses grow."""
    run = synced(cluster_of("a"), lifetime_s=0.0)
    run.advance(600)
    assert len(run.made(OpenWatch)) <= 32


@pytest.mark.parametrize("within", [True, False], ids=["in-stream", "as-status"])
def test_k2_versions_that_are_not_kept_any_more_cost_a_list_and_only_what_differs(within: bool) -> None:  # noqa: FBT001
    """K2: 410, as an event of a watch and as a status: listed again, compared with what is known: what was deleted in
    the gap goes, what is new comes, others are 0 changes, and at no time is anything else missing."""
    cluster = cluster_of(*(f"r{number}" for number in range(50)))
    run = synced(cluster)
    run.changes.clear()
    run.readings.clear()
    if within:
        run.send(gone())
    else:
        run.close()
    cluster.delete("r7")
    cluster.write("new")
    cluster.compact()
    run.advance(20)
    assert [(change.name.name, change.object is None) for change in run.changes] == [("r7", True), ("new", False)]
    assert len(run.readings) == 2
    assert len(run.made(ListPage)) == 1
    assert run.is_(Standing.SYNCED)


def test_k2_a_server_that_keeps_nothing_is_not_listed_all_the_time() -> None:
    """K2: where every watch answers 410, lists have pauses as any other repetition."""
    cluster = cluster_of("a")
    run = synced(cluster, lifetime_s=1.0)
    cluster.fault = lambda step: Gone(410, "Expired", "no") if isinstance(step, OpenWatch) else None
    run.advance(600)
    assert len(run.made(ListPage)) <= 32
    assert run.there.keys() == {"a"}


def test_k3_a_token_that_expires_between_pages_starts_the_list_again() -> None:
    """K3: the history goes away while pages are read: the list starts again, in one piece, and what is known stays
    until it is complete."""
    cluster = cluster_of(*(f"r{number:04}" for number in range(1200)))
    run = synced(cluster)
    run.changes.clear()
    cluster.delete("r0001")
    cluster.compact()
    run.send(gone())
    pages = 0

    def expire(step: object) -> KubeError | None:
        nonlocal pages
        if isinstance(step, ListPage):
            pages += 1
            if "continue" in step.query:
                cluster.write("later")
                cluster.compact()
        return None

    cluster.fault = expire
    while pages < 2:
        run.advance(0.5)
    assert run.changes == []
    run.advance(5)
    first, second, third = run.made(ListPage)
    assert isinstance(first, ListPage)
    assert isinstance(second, ListPage)
    assert isinstance(third, ListPage)
    assert (first.query, third.query) == ({"limit": 500}, {})
    assert "continue" in second.query
    assert [(change.name.name, change.object is None) for change in run.changes] == [("r0001", True), ("later", False)]
    # The next one has pages again.
    run.send(gone())
    cluster.fault = lambda _step: None
    run.advance(20)
    assert run.made(ListPage)[3] == ListPage(ROUTES, {"limit": 500})


def test_k3_a_fault_between_pages_repeats_that_page_and_no_other() -> None:
    """K3: a page that does not come is asked for again, with the pages before it kept."""
    cluster = cluster_of(*(f"r{number:04}" for number in range(1200)))
    run = Run(cluster)
    faults = [TimedOut("no answer"), Unavailable(503, "", "no")]
    cluster.fault = lambda step: (
        faults.pop() if faults and isinstance(step, ListPage) and "continue" in step.query else None
    )
    run.advance(20)
    assert len(run.made(ListPage)) == 5
    assert len(run.there) == 1200


@pytest.mark.parametrize("draw", [0.0, 0.5, 0.999])
def test_k4_ten_minutes_without_an_api_server(draw: float) -> None:
    """K4: nothing that is known is lost; at most 30 attempts in 10 minutes, whatever the dice say; its age is told; and
    when it is known to be back, what changed is there in under 5 s."""
    cluster = cluster_of("a", "b")
    run = synced(cluster, draw=lambda: draw)
    cluster.fault = lambda _step: REFUSED
    run.send(gone())
    heard_s = run.now_s
    run.advance(600)
    assert len(run.steps) <= 30
    assert run.is_(Standing.STALE)
    assert run.machine.answered
    assert run.machine.unreachable
    assert run.machine.heard_s == heard_s
    assert run.there.keys() == {"a", "b"}
    cluster.fault = lambda _step: None
    cluster.delete("a")
    run.machine.wake(run.now_s)
    run.advance(4)
    assert run.there.keys() == {"b"}
    assert run.is_(Standing.SYNCED)
    assert run.machine.words == ""


def test_k5_a_watch_that_is_silent_for_too_long_is_opened_again() -> None:
    """K5: a connection that is half open: the watch is opened again from where it was; what is known stays."""
    cluster = cluster_of("a")
    run = synced(cluster)
    cluster.write("b")
    run.ends_s = None
    run.machine.failed(run.now_s, TimedOut("watch: no answer in time"))
    assert run.is_(Standing.STALE)
    run.advance(3)
    assert [type(step) for _, step in run.steps] == [OpenWatch]
    assert run.there.keys() == {"a", "b"}


@pytest.mark.parametrize(
    "error", [TooManyRequests(429, "", "busy", 1.0), Unavailable(500, "", "no"), Unavailable(503, "", "no", 2.0)]
)
@pytest.mark.parametrize("draw", [0.0, 0.999])
def test_k6_a_server_in_trouble_is_asked_less_than_once_a_second(error: KubeError, draw: float) -> None:
    """K6: 429 and 5xx: at most one request per second and kind, from the first failure on."""
    cluster = cluster_of("a")
    run = Run(cluster, draw=lambda: draw)
    cluster.fault = lambda step: None if isinstance(step, Discover) else error
    run.advance(300)
    times = [at_s for at_s, step in run.steps if isinstance(step, ListPage)]
    assert min(later - before for before, later in pairwise(times)) >= 1.0
    assert len(times) <= 20


def test_k6_a_pause_that_is_asked_for_is_made_but_not_for_ever() -> None:
    """K6: Retry-After is honoured, with jitter, up to two minutes."""
    for asked_s, least_s, most_s in ((20.0, 20.0, 21.0), (86400.0, 120.0, 121.0)):
        cluster = cluster_of("a")
        run = synced(cluster)
        error = TooManyRequests(429, "", "busy", asked_s)
        faults = [error]
        cluster.fault = lambda _step, faults=faults: faults.pop() if faults else None  # type: ignore[misc]
        run.send(gone())
        run.advance(200)
        first, second = [at_s for at_s, step in run.steps if isinstance(step, ListPage)]
        assert least_s <= second - first <= most_s + 0.01


def test_k7_a_kind_that_may_not_be_read_any_more_keeps_what_is_known() -> None:
    """K7: 403 after a time: that kind is forbidden, what is known of it serves on, it is asked once a minute, and what
    changed comes when it may be read again."""
    cluster = cluster_of("a", "b")
    run = synced(cluster, lifetime_s=10.0)
    cluster.fault = lambda _step: Forbidden(403, "Forbidden", "httproutes is forbidden")
    run.advance(600)
    assert run.is_(Standing.FORBIDDEN)
    assert "httproutes is forbidden" in run.machine.words
    assert run.machine.answered
    assert len(run.steps) <= 14
    assert run.there.keys() == {"a", "b"}
    cluster.fault = lambda _step: None
    cluster.delete("a")
    cluster.compact()
    run.advance(70)
    assert run.there.keys() == {"b"}
    assert run.is_(Standing.SYNCED)


def test_k7_a_kind_that_may_never_be_read_holds_a_start_unless_it_is_optional() -> None:
    """K7: 403 from the beginning: a start without routes would take away what is served, so it waits; kinds that a
    cluster may keep from us hold nobody up."""
    for name, answered in (("HTTPRoute", False), ("XBackend", True)):
        cluster = Cluster()
        cluster.fault = lambda step: None if isinstance(step, Discover) else Forbidden(403, "Forbidden", "no")
        run = Run(cluster, followed=Followed(BY_NAME[name], optional=answered))
        run.advance(30)
        assert run.is_(Standing.FORBIDDEN)
        assert run.machine.answered is answered


def test_k8_a_kind_without_crd_is_looked_for_every_minute() -> None:
    """K8: no CRD: nobody waits for the kind, it is looked for every minute and no more often, and found."""
    cluster = cluster_of("a")
    cluster.served = False
    run = Run(cluster)
    run.advance(0.1)
    assert run.is_(Standing.ABSENT)
    assert run.machine.answered
    run.advance(600)
    assert 10 <= len(run.steps) <= 14
    cluster.served = True
    run.advance(61)
    assert run.there.keys() == {"a"}


def test_k8_a_kind_is_found_at_once_when_its_crd_was_heard_of() -> None:
    """K8: the watch of CRDs tells of one before it is served: it is found within seconds."""
    cluster = cluster_of("a")
    cluster.served = False
    run = Run(cluster)
    run.advance(5)
    run.machine.look_again(run.now_s)
    run.advance(2)
    assert run.is_(Standing.ABSENT)
    cluster.served = True
    run.advance(3)
    assert run.there.keys() == {"a"}
    cluster.served = False
    cluster.fault = lambda step: None if isinstance(step, Discover) else NotFound(404, "NotFound", "no")
    run.steps.clear()
    run.machine.look_again(run.now_s)
    run.advance(1)
    assert run.steps == []


def test_k8_a_crd_that_goes_away_takes_its_objects_but_not_for_a_mistake() -> None:
    """K8: a CRD is deleted: its objects are gone once that is confirmed ten seconds later; an API server that
    starts, and does not know all of its kinds yet, deletes nothing."""
    cluster = cluster_of("a")
    run = synced(cluster, lifetime_s=10.0)
    cluster.served = False
    cluster.fault = lambda step: None if isinstance(step, Discover) else NotFound(404, "NotFound", "no")
    run.advance(16)
    assert run.there.keys() == {"a"}
    cluster.served = True
    cluster.fault = lambda _step: None
    run.advance(12)
    assert run.there.keys() == {"a"}
    assert run.is_(Standing.SYNCED)
    run.changes.clear()
    cluster.served = False
    cluster.fault = lambda step: None if isinstance(step, Discover) else NotFound(404, "NotFound", "no")
    run.advance(40)
    assert [(change.name.name, change.object) for change in run.changes] == [("a", None)]
    assert run.is_(Standing.ABSENT)


def test_k9_what_nobody_knows_yet_is_passed_over() -> None:
    """K9: unknown fields, a newer apiVersion and unknown types of events: decoded without them; the version goes on."""
    run = synced(cluster_of("a"), lifetime_s=10.0)
    newer = route("b", 200) | {"apiVersion": "gateway.networking.k8s.io/v7", "new": {"field": [1]}}
    newer["spec"]["new"] = True
    run.send(event("ADDED", newer), event("PATCHED", {"anything": 1}), event("ADDED", route("c", 201)))
    assert run.there.keys() == {"a", "b", "c"}
    run.cluster.version = 201
    run.advance(12)
    (watch, *_) = run.made(OpenWatch)
    assert isinstance(watch, OpenWatch)
    assert watch.query["resourceVersion"] == "201"


def test_k9_an_object_that_cannot_be_decoded_costs_itself_only() -> None:
    """K9, P: a shape that nobody knows: that object stays as it was last good, and is named; the watch goes on."""
    run = synced(cluster_of("a"))
    broken = route("a", 200, uid="uid-a-101")
    broken["spec"] = {"hostnames": 7}
    new = route("new", 201)
    new["spec"] = "text"
    run.send(event("MODIFIED", broken), event("ADDED", new), event("ADDED", route("c", 202)))
    assert run.there == {"a": "a.example.com", "c": "a.example.com"}
    problems = run.machine.store.problems
    assert problems.keys() == {Name("shop", "a"), Name("shop", "new")}
    assert "spec.hostnames" in problems[Name("shop", "a")]
    run.send(event("MODIFIED", route("a", 203, uid="uid-a-101", hostname="good.example.com")))
    run.send(event("DELETED", route("new", 204)))
    assert run.there["a"] == "good.example.com"
    assert not problems
    assert run.made(ListPage) == []


def test_k9_the_last_good_version_is_not_that_of_another_object() -> None:
    """K9, K13: a recreated object that cannot be decoded does not get what the old one said."""
    run = synced(cluster_of("a"))
    broken = route("a", 200, uid="another")
    broken["spec"] = {"hostnames": 7}
    run.send(event("MODIFIED", broken))
    assert run.there == {}


@pytest.mark.parametrize("error", [TooLarge("an event has over 8 MiB"), Garbled("no event")])
def test_k11_an_event_that_cannot_be_read_costs_a_list(error: KubeError) -> None:
    """K11: a line beyond the limit, or one that is no event: that watch ends, and the list tells what it said."""
    cluster = cluster_of("a")
    run = synced(cluster)
    cluster.write("big")
    run.sent = cluster.version
    if isinstance(error, Garbled):
        run.send(b"{broken")
    else:
        run.ends_s = None
        run.machine.failed(run.now_s, error)
    assert run.there.keys() == {"a"}
    run.advance(4)
    assert run.there.keys() == {"a", "big"}
    assert run.is_(Standing.SYNCED)


def test_k11_pages_that_are_too_large_get_smaller() -> None:
    """K11: objects of a megabyte: a page beyond the limit is asked for again with fewer objects."""
    cluster = cluster_of(*(f"r{number:03}" for number in range(100)))
    cluster.fault = lambda step: (
        TooLarge("over 32 MiB") if isinstance(step, ListPage) and int(step.query["limit"]) > 10 else None
    )
    run = Run(cluster)
    run.advance(30)
    limits = [int(step.query["limit"]) for step in run.made(ListPage) if isinstance(step, ListPage)]
    assert limits[:3] == [500, 62, 7]
    assert len(run.there) == 100


def test_k12_events_that_come_twice_or_late_change_nothing() -> None:
    """K12: replayed, doubled and late events: an older version never replaces a newer one, also where the newer one
    is that the object is gone."""
    run = synced(cluster_of("a"))
    uid = "uid-a-101"
    old, new = (event("MODIFIED", route("a", at, uid=uid, hostname=f"v{at}.example.com")) for at in (150, 160))
    run.changes.clear()
    run.send(new, old, new, new)
    assert [change.object is None for change in run.changes] == [False]
    assert run.there == {"a": "v160.example.com"}
    run.send(event("DELETED", route("a", 170, uid=uid)), old, new)
    assert run.there == {}
    assert not run.known(Name("shop", "a"))


def test_k13_an_object_that_was_made_anew_is_another_object() -> None:
    """K13: deleted and made again while nobody watched: seen as gone and then as new."""
    cluster = cluster_of("a")
    run = synced(cluster)
    run.changes.clear()
    run.readings.clear()
    run.close()
    cluster.delete("a")
    cluster.write("a")
    cluster.compact()
    run.advance(5)
    assert [change.object is None for change in run.changes] == [True, False]
    (_, lost), (_, found) = run.readings
    assert lost is None
    assert found is not None
    assert found.uid == "uid-a-103"


@given(seed=st.integers(0, 2**32), actions=st.lists(st.sampled_from("wwwwddcsgfx"), max_size=40))
@settings(max_examples=150, deadline=None)
def test_k12_any_history_ends_in_what_the_cluster_has(seed: int, actions: list[str]) -> None:
    """K12: writes, deletions, closes, compactions, 410, faults, and events shuffled and doubled: in the end what is
    known is what is there, and nothing that was there all the time was ever missing."""
    dice = random.Random(seed)  # noqa: S311  (a repeatable one)
    cluster = cluster_of("always", "a", "b")
    run = synced(cluster, lifetime_s=40.0, draw=dice.random)
    run.changes.clear()
    for action in actions:
        name = dice.choice("abcde")
        match action:
            case "w":
                cluster.write(name, hostname=f"v{cluster.version}.example.com")
            case "d" if name in cluster.objects:
                cluster.delete(name)
            case "c":
                cluster.compact()
            case "s" if run.ends_s is not None:
                # What is owed comes in any order, some of it twice, and with it things that were told long ago.
                lines = cluster.after(run.sent)
                lines += dice.sample(lines, len(lines) // 2)
                dice.shuffle(lines)
                lines += [event(kind, object_) for _, kind, object_ in dice.sample(cluster.log, 2)]
                run.sent = cluster.version
                run.send(*lines)
            case "g" if run.ends_s is not None:
                run.send(gone())
            case "f":
                faults = [REFUSED, TooManyRequests(429, "", "", 1.0)]
                cluster.fault = lambda _step, faults=faults: faults.pop() if faults else None  # type: ignore[misc]
            case _:
                run.advance(dice.uniform(0, 60))
    cluster.fault = lambda _step: None
    run.advance(200)
    wanted = {name: object_["spec"]["hostnames"][0] for name, object_ in cluster.objects.items()}
    assert {"always": "a.example.com", **_final(run)} == wanted
    assert all(change.name.name != "always" for change in run.changes)


def _final(run: Run) -> dict[str, str]:
    found = {"a": "a.example.com", "b": "a.example.com"}
    for change in run.changes:
        if change.object is None:
            del found[change.name.name]
        else:
            found[change.name.name] = change.object.spec.hostnames[0]  # type: ignore[attr-defined]
    return found
