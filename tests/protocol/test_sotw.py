"""The state-of-the-world dialect: the same decisions, told in whole lists."""

from __future__ import annotations

import pytest

from tests.protocol.script import (
    CDS,
    EDS,
    FLEET,
    LDS,
    RDS,
    Client,
    World,
    cluster,
    endpoints,
    listener,
    route,
)
from xdsserver.xds.ledger import Acked, Rejected
from xdsserver.xds.messages import Node, SotwRequest
from xdsserver.xds.parcel import list_version

NODE = Node("envoy-1", FLEET)


def _client(world: World, *types: str) -> Client:
    client = Client(world, sotw=True)
    for type_url in types:
        client.ask(type_url, *(("r",) if type_url == RDS else ("pods",) if type_url == EDS else ()))
        client.settle()
    return client


def test_x1_a_stream_without_a_node_id_is_refused() -> None:
    """X1: empty node.id -> INVALID_ARGUMENT."""
    client = Client(World(), sotw=True)
    client.say(SotwRequest(CDS, node=Node("")))
    assert client.refused == "INVALID_ARGUMENT"


def test_x2_a_rejection_is_told_by_its_error_and_never_by_its_version() -> None:
    """X2: ACK / NACK told apart by `error_detail`, never by version."""
    world = World()
    world.put(first := route("r"))
    client = _client(world, RDS)
    world.put(route("r", "2"))
    nonce = client.unanswered[-1].nonce
    old = list_version([first])
    # The previous version beside the current nonce looks like a rejection to servers that compare versions.
    client.say(SotwRequest(RDS, nonce=nonce, version=old, names=("r",)))
    assert [type(event) for event in client.events[-1:]] == [Acked]
    client.unanswered.clear()
    world.put(route("r", "3"))
    client.nack(RDS, "no such regex")
    assert [type(event) for event in client.events[-1:]] == [Rejected]
    assert world.sleep(10) == []


def test_x3_a_request_with_a_stale_nonce_is_not_answered() -> None:
    """X3: stale nonce in SotW: no response."""
    world = World()
    world.put(route("a"), route("b"))
    client = Client(world, sotw=True)
    client.ask(RDS, "a")
    stale = client.unanswered[-1].nonce
    client.settle()
    world.put(route("a", "2"))
    assert client.ask(RDS, "a", "b", nonce=stale) == []
    assert client.ack() == ["RDS +b"], "the client repeats its list with the answer to the latest response"


def test_x3_a_nonce_of_an_earlier_stream_does_not_make_the_first_request_stale() -> None:
    """X3: the nonce does not survive stream restarts."""
    world = World()
    world.put(route("r"))
    client = Client(world, sotw=True)
    assert client.say(SotwRequest(RDS, NODE, nonce="earlier-3", names=("r",))) == ["RDS +r"]


def test_x4_a_name_that_is_newly_asked_for_is_sent_whether_it_changed_or_not() -> None:
    """X4: the server must resend any newly requested resources; what stays subscribed is not repeated."""
    world = World()
    world.put(route("a"), route("b"))
    client = Client(world, sotw=True)
    assert client.ask(RDS, "a") == ["RDS +a"]
    client.settle()
    assert client.ask(RDS, "a", "b") == ["RDS +b"]
    client.settle()
    assert client.ask(RDS, "b") == []
    assert client.ask(RDS, "a", "b") == ["RDS +a"]


def test_x5_an_unknown_name_is_sent_when_it_appears() -> None:
    """X5: sent when it appears later; before, this dialect has no words for it."""
    world = World()
    client = Client(world, sotw=True)
    assert client.ask(RDS, "r") == []
    assert world.put(route("r")) == ["RDS +r"]


def test_x5_an_unknown_listener_is_answered_by_a_list_without_it() -> None:
    """X5: whole lists can say that a resource is not there."""
    world = World()
    world.put(listener("other"))
    client = Client(world, sotw=True)
    assert client.ask(LDS, "l") == ["LDS"]
    client.settle()
    assert world.put(listener("l")) == ["LDS +l"]


def test_x6_the_example_of_the_protocol_text() -> None:
    """X6: legacy wildcard, `*` explicit, `*`+name, unsubscribe `*`; emptied list is not wildcard."""
    world = World()
    world.put(cluster("A"), cluster("B"))
    client = Client(world, sotw=True)
    assert client.ask(CDS) == ["CDS +A +B"]
    client.settle()
    assert client.ask(CDS, "*", "A") == ["CDS +A +B"], "A is newly requested, and the list is always whole"
    client.settle()
    assert client.ask(CDS, "A") == []
    assert world.put(cluster("B", "2")) == []
    assert world.put(cluster("A", "2")) == ["CDS +A"]
    client.settle()
    assert client.ask(CDS) == []
    assert world.put(cluster("A", "3")) == []


def test_x6_an_empty_wildcard_is_answered() -> None:
    """X6: a starting Envoy waits for the first list, also for an empty one."""
    client = Client(World(), sotw=True)
    assert client.ask(CDS) == ["CDS"]
    assert client.ask(RDS) == [], "other types have no wildcard"


def test_x9_a_wildcard_that_announces_our_version_is_not_answered() -> None:
    """X9: identical -> no response needed; here by the version of the whole list."""
    world = World()
    everything = (cluster("b", endpoints="b"), cluster("a"), route("r", to=("a",)))
    world.put(*everything)
    version = list_version(everything[:2])
    client = Client(world, sotw=True)
    assert client.say(SotwRequest(CDS, NODE, names=(), version=version)) == []
    assert client.say(SotwRequest(RDS, names=("r",), version="any")) == ["RDS +r"], "its clusters are there already"
    client._names[CDS] = ()
    assert world.put(cluster("c")) == ["CDS +a +b +c"]


def test_x9_any_other_version_gets_the_whole_list() -> None:
    """X9: this dialect cannot name differences."""
    world = World()
    world.put(cluster("a"))
    client = Client(world, sotw=True)
    assert client.say(SotwRequest(CDS, NODE, version="of-long-ago")) == ["CDS +a"]


def test_x10_a_stream_is_held_until_everything_has_listed() -> None:
    """X10: hold the stream, do not send empty."""
    world = World(ready=False)
    client = Client(world, sotw=True)
    assert client.ask(CDS) == []
    assert client.ask(RDS, "r") == []
    world.put(cluster("a"), route("r"))
    assert world.sleep(10) == []
    assert world.open() == ["CDS +a", "RDS +r"]


def test_x12_endpoints_follow_every_change_of_their_cluster_at_once() -> None:
    """X12: EDS of the same clusters follows in the same tick."""
    world = World()
    world.put(cluster("a", endpoints="pods"), cluster("b", endpoints="others"), endpoints("pods"), endpoints("others"))
    client = Client(world, sotw=True)
    client.ask(CDS)
    client.ask(EDS, "others", "pods")
    client.settle()
    assert world.put(cluster("a", "2", endpoints="pods")) == ["CDS +a +b", "EDS +pods"]


def test_x14_equal_versions_are_no_change() -> None:
    """X14: no push when bytes are equal."""
    world = World()
    world.put(cluster("a"))
    _client(world, CDS)
    assert world.put(cluster("a")) == []


def test_a_route_waits_for_its_new_cluster() -> None:
    world = World()
    world.put(cluster("blue"), route("r", to=("blue",)))
    client = _client(world, CDS, RDS)
    assert world.put(cluster("green"), route("r", "2", to=("green",))) == ["CDS +blue +green"]
    assert client.ack() == ["RDS +r"]


def test_endpoints_that_do_not_exist_yet_warm_no_cluster() -> None:
    """They are asked for with others, whose answer says nothing of them."""
    world = World()
    world.put(cluster("blue"), endpoints("blue-pods"), route("r", to=("blue",)))
    client = _client(world, CDS, RDS)
    assert world.put(cluster("green", endpoints="green-pods"), route("r", "2", to=("green",))) == ["CDS +blue +green"]
    assert client.ack(CDS) == []
    assert client.ask(EDS, "blue-pods", "green-pods") == ["EDS +blue-pods"]
    assert client.ack(EDS) == []
    assert world.put(endpoints("green-pods")) == ["EDS +green-pods"]
    assert client.ack(EDS) == ["RDS +r"]


def test_a_removed_cluster_stays_in_the_list_until_it_has_drained() -> None:
    world = World()
    world.put(cluster("blue"), route("r", to=("blue",)))
    client = _client(world, CDS, RDS)
    change = (cluster("green"), route("r", "2", to=("green",)))
    assert world.change(change, (cluster("blue"),)) == ["CDS +blue +green"]
    assert client.ack() == ["RDS +r"]
    assert client.ack() == []
    assert world.sleep(0.9) == []
    assert world.put(cluster("green", "2")) == ["CDS +blue +green"], "as it was when it was removed"
    client.settle()
    assert world.sleep(0.2) == ["CDS +green"]
    assert client.session.next_tick() is None


def test_a_removed_listener_leaves_the_list_after_the_additions() -> None:
    world = World()
    world.put(cluster("blue"), listener("l"), listener("m"))
    client = _client(world, CDS, LDS)
    assert world.change((cluster("green"), listener("l", "2", to=("green",))), (listener("m"),)) == ["CDS +blue +green"]
    assert client.ack() == ["LDS +l +m", "LDS +l"]


def test_removed_routes_and_endpoints_are_not_spoken_of() -> None:
    world = World()
    world.put(endpoints("pods"), route("r"))
    client = _client(world, EDS, RDS)
    assert world.drop(endpoints("pods"), route("r")) == []
    assert world.sleep(5) == []
    assert client.session.next_tick() is None
    assert world.put(route("r")) == ["RDS +r"]


def test_answering_a_later_list_answers_the_earlier_ones() -> None:
    world = World()
    world.put(cluster("blue"), route("r", to=("blue",)))
    client = _client(world, CDS, RDS)
    world.put(cluster("green"), route("r", "2", to=("green",)))
    world.put(cluster("red"))
    del client.unanswered[0]
    assert client.ack() == ["RDS +r"]


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
def test_the_version_of_a_list_does_not_depend_on_its_order(order: tuple[str, str]) -> None:
    assert list_version([cluster(name) for name in order]) == list_version([cluster("a"), cluster("b")])
