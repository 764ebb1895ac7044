"""What the leader makes of what it hears: nothing counts as delivered that some server does not vouch for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.replicas.council import FLEET, KEY, RESOURCES, SHOP, TABLE, Council, answer, objection
from xdsserver.model.places import Awaited
from xdsserver.objects.meta import ObjectKey
from xdsserver.replicas import Answer, Statement, Subject, tally
from xdsserver.replicas.statements import Attending, Author, Backend, Envoy, Objection
from xdsserver.replicas.tally import SILENT_S, OverfullError, UnknownReplicaError
from xdsserver.xds.case import Blame, Rejection
from xdsserver.xds.fragments import NOBODY
from xdsserver.xds.receipts import Lag
from xdsserver.xds.resource import CLUSTER, ENDPOINTS, LISTENER


@pytest.fixture
def council() -> Council:
    """One Envoy at each of three servers."""
    found = Council()
    found.joined("a")
    found.begins("two", {"b": 5.0})
    found.begins("three", {"c": 5.0})
    return found


def test_all_envoys_of_all_servers_are_waited_for(council: Council) -> None:
    assert council.lag() == Lag(frozenset("abc"), frozenset("bc"))
    council.says("two", answer())
    council.says("three", answer("c"))
    assert council.lag(["a"]).waiting == {"a", "c"}
    council.says("three", answer())
    assert council.lag() == Lag(frozenset("abc"))


def test_a_server_alone_decides_alone() -> None:
    found = Council()
    found.tally.lead(frozenset(), found.now)
    own = Lag(frozenset("a"), frozenset("a"))
    assert found.tally.whole(KEY, own, found.now) is own


def test_what_was_answered_of_an_older_generation_or_another_object_does_not_count(council: Council) -> None:
    council.says("three", answer())
    for stale in (answer(generation=1), answer(uid="of the one before")):
        council.says("two", stale)
        assert council.lag().waiting == {"b"}
    council.says("two", answer(generation=3))
    assert council.lag().waiting == frozenset()


def test_what_one_server_withholds_is_not_decided_and_nobody_is_late(council: Council) -> None:
    council.says("two", Answer(Subject(KEY, "u", 2), None))
    council.says("three", answer())
    assert council.lag() == Lag(frozenset("abc"), withheld=True)


def test_x23_of_an_envoy_at_two_servers_the_newest_stream_counts(council: Council) -> None:
    """X23: two streams with one node id are both served; status uses the newest."""
    council.says("two", answer("b"))
    council.says("three", answer())
    assert council.lag().waiting == {"b"}
    # It connects to the third server, and the second one has not noticed.
    council.says("three", answer("b"), envoys={"b": 0.5})
    assert council.lag().waiting == {"b"}
    council.says("three", answer())
    assert council.lag() == Lag(frozenset("abc"))
    # And to the leader itself, for which the third server cannot speak.
    stream = council.joined("b")
    assert council.lag(["b"]).waiting == {"b"}
    council.left(stream)
    assert council.lag().waiting == frozenset()


def test_an_older_stream_that_is_told_of_later_is_not_the_newest(council: Council) -> None:
    council.says("two", answer())
    council.says("three", answer("b"), envoys={"b": 60.0})
    assert council.lag().waiting == {"c"} - {"c"}, "two still speaks for b"


def test_envoys_of_a_server_that_is_cut_off_count_as_unknown_after_ten_seconds(council: Council) -> None:
    council.says("two", answer())
    council.says("three", answer())
    assert council.tally.next_tick(council.now) == council.now + SILENT_S
    council.now += SILENT_S - 0.001
    council.says("three")
    assert council.lag().waiting == frozenset()
    council.now += 0.001
    assert council.lag().waiting == {"b"}
    # Its Envoys go elsewhere, and are spoken for there.
    council.says("three", answer(), envoys={"b": 0.1})
    assert council.lag().waiting == frozenset()


def test_a_server_that_is_back_speaks_again_and_what_it_said_before_is_forgotten(council: Council) -> None:
    council.says("three", answer())
    council.now += SILENT_S
    council.says("three")
    council.begins("two", {"d": 1.0})
    assert council.lag() == Lag(frozenset("acd"), frozenset("d"))
    council.says("two", answer())
    assert council.lag().waiting == frozenset()


def test_a_picture_that_is_not_whole_yet_replaces_nothing(council: Council) -> None:
    council.says("two", answer())
    council.says("three", answer())
    council.tally.hear("two", Statement("two"), council.now)
    assert council.lag() == Lag(frozenset("abc"))
    council.tally.hear("two", Statement(attending=(Attending(Envoy(FLEET, "d"), 0.0),)), council.now)
    assert council.lag() == Lag(frozenset("abc"))
    council.says("two")
    assert council.lag() == Lag(frozenset("acd"), frozenset("d"))


def test_a_new_leader_decides_nothing_before_all_have_spoken_and_then_names_who_has_not() -> None:
    found = Council()
    found.joined("a")
    found.begins("two", {"b": 5.0})
    found.says("two", answer())
    assert found.lag().withheld
    assert found.tally.next_tick(found.now) == found.now + SILENT_S
    found.now += SILENT_S
    found.says("two")
    assert found.lag() == Lag(frozenset("ab"), frozenset({"all of server three"}))
    found.tally.expect(frozenset({"two"}))
    assert found.lag() == Lag(frozenset("ab"))


def test_a_server_that_exists_no_more_is_forgotten_with_its_envoys(council: Council) -> None:
    council.says("three", answer())
    council.tally.expect(frozenset({"three"}))
    assert council.lag() == Lag(frozenset("ac"))
    with pytest.raises(UnknownReplicaError):
        council.says("two", answer())
    with pytest.raises(UnknownReplicaError):
        council.begins("four")


def test_a_decided_subject_is_asked_about_anew(council: Council) -> None:
    council.says("two", answer())
    council.says("three", answer())
    council.tally.closed(KEY)
    assert council.lag().waiting == {"b", "c"}


def test_x16_what_only_some_envoys_reject_is_named_with_those_of_all_servers(council: Council) -> None:
    """X16: poison that only some Envoys reject: the condition names the nodes."""
    blame = Blame(*TABLE, tuple(SHOP))
    council.objects_to("two", objection("b", words="older"))
    council.now += 5
    council.objects_to("three", objection("c", words="newer"))
    assert council.tally.rejections({}) == {blame: Rejection("newer", ("b", "c"))}
    own = {blame: Rejection("mine", ("a",))}
    assert council.tally.rejections(own)[blame].nodes == ("a", "b", "c")
    council.objects_to("two", None)
    council.objects_to("three", None)
    assert council.tally.rejections({}) == {}


def test_what_was_rejected_of_another_generation_is_not_held_against_the_present_one(council: Council) -> None:
    council.objects_to("two", objection("b", generation=6))
    assert council.tally.rejections({}) == {}
    council.objects[SHOP] = ("s", 6)
    assert council.tally.rejections({}) != {}
    council.objects[SHOP] = ("another", 6)
    assert council.tally.rejections({}) == {}
    del council.objects[SHOP]
    assert council.tally.rejections({}) == {}


def test_what_nobody_in_particular_wrote_is_held_against_the_listener_of_that_generation(council: Council) -> None:
    whole = replace(objection("b"), owner=None)
    council.objects_to("two", whole)
    assert council.tally.rejections({}) == {Blame(*TABLE, NOBODY): Rejection("no", ("b",))}
    council.awaited[KEY] = Awaited(3, RESOURCES, "u")
    assert council.tally.rejections({}) == {}


def test_x16_a_filter_chain_that_is_rejected_elsewhere_is_held_against_its_listener(council: Council) -> None:
    """X16: a Listener is shared by the listeners of a port, of which one alone is to blame."""
    chain = replace(objection("b"), type_url=LISTENER, owner=None)
    council.objects_to("two", chain)
    assert council.tally.rejections({}) == {Blame(*RESOURCES[0], KEY): Rejection("no", ("b",))}
    council.awaited[KEY] = Awaited(3, RESOURCES, "u")
    assert council.tally.rejections({}) == {}


@pytest.mark.parametrize(
    ("type_url", "backend", "name"),
    [
        (CLUSTER, Backend(80, "http", "shop/edge"), "Service/shop/blue/80/http/Gateway/shop/edge"),
        (CLUSTER, Backend(80, "http"), "Service/shop/blue/80/http"),
        (ENDPOINTS, Backend(80, "TCP"), "Service/shop/blue/80/TCP"),
    ],
)
def test_x16_a_backend_that_is_rejected_elsewhere_is_known_by_what_it_is(
    council: Council, type_url: str, backend: Backend, name: str
) -> None:
    """X16, for what is nobody's piece: by the object, and by no name that another release may give it."""
    blue = ObjectKey("Service", "shop", "blue")
    council.objects[blue] = ("b", 0)
    said = Objection(FLEET, type_url, Author(blue, "b", 0), (), frozenset("b"), "no", backend=backend)
    council.objects_to("two", said)
    assert council.tally.rejections({}) == {Blame(FLEET, type_url, name, NOBODY): Rejection("no", ("b",))}
    council.objects[blue] = ("made anew", 0)
    assert council.tally.rejections({}) == {}


def test_x23_who_moved_is_not_held_to_what_it_said_elsewhere_unless_that_keeps_it_out_of_service(
    council: Council,
) -> None:
    """X23: the newest stream counts; what a server serves to nobody stays told, whoever was the reason."""
    council.objects_to("two", objection("b", kept=True))
    assert council.tally.rejections({}) != {}
    council.says("three", envoys={"b": 0.1})
    assert council.tally.rejections({}) == {}
    council.objects_to("two", objection("b"))
    assert council.tally.rejections({}) != {}


def test_a_replica_cannot_fill_the_leader(council: Council, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally, "MOST", 3)
    council.says("two", envoys={"x": 1.0, "y": 1.0})
    with pytest.raises(OverfullError):
        council.says("two", envoys={"z": 1.0})
    assert council.lag().nodes == {"a", "c"}, "nothing is known of a server that says too much"
