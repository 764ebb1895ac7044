"""The rules of the delta protocol, one fault or rule each."""

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
from xdsserver.xds.ledger import Acked, Joined, Rejected, Unserved
from xdsserver.xds.messages import DeltaRequest, Node


def test_x1_the_node_of_the_first_request_is_remembered() -> None:
    """X1: node remembered per stream; second node ignored; empty node.id -> INVALID_ARGUMENT."""
    client = Client(world := World())
    world.put(cluster("a"))
    assert client.ask(CDS) == ["CDS +a"]
    assert client.say(DeltaRequest(LDS)) == ["LDS"]
    assert client.say(DeltaRequest(RDS, node=Node("another", "elsewhere"), subscribe=("r",))) == ["RDS -r"]
    assert client.session.fleet == FLEET
    assert [event for event in client.events if isinstance(event, Joined)] == [Joined("s1", client.node, FLEET)]


@pytest.mark.parametrize("node", [None, Node("", FLEET)])
def test_x1_a_stream_without_a_node_id_is_refused(node: Node | None) -> None:
    """X1: empty node.id -> INVALID_ARGUMENT."""
    client = Client(World())
    assert client.say(DeltaRequest(CDS, node=node)) == []
    assert client.refused == "INVALID_ARGUMENT"


def test_x2_a_rejection_is_told_by_its_error_and_moves_no_acknowledged_version() -> None:
    """X2: ACK / NACK told apart by `error_detail`, never by version; NACK never moves acked version."""
    client = Client(world := World())
    world.put(good := route("r", "good"))
    client.ask(RDS, "r")
    client.ack()
    assert world.put(bad := route("r", "bad")) == ["RDS +r"]
    assert client.nack(RDS, "no such regex") == []
    acks = [event for event in client.events if isinstance(event, Acked)]
    assert acks == [Acked("s1", RDS, (("r", good.version),))]
    assert client.events[-1] == Rejected("s1", RDS, (("r", bad.version),), (), "no such regex")
    assert world.sleep(10) == [], "rejected bytes are not sent again"
    assert world.put(route("r", "mended")) == ["RDS +r"]


def test_x2_an_error_without_words_is_still_a_rejection() -> None:
    """X2: ACK / NACK told apart by `error_detail`."""
    client = Client(world := World())
    world.put(route("r"))
    client.ask(RDS, "r")
    client.nack(RDS, "")
    assert isinstance(client.events[-1], Rejected)


def test_x3_a_stale_nonce_still_subscribes_but_acknowledges_nothing() -> None:
    """X3: in delta the subscription change of a stale nonce is still honoured, only the ACK ignored."""
    client = Client(world := World())
    world.put(route("a"), route("b"))
    client.ask(RDS, "a")
    client.ack()
    before = len(client.events)
    assert client.ask(RDS, "b", nonce="from-an-earlier-stream-7") == ["RDS +b"]
    assert not any(isinstance(event, Acked) for event in client.events[before:])


def test_x3_nonces_are_unique_on_a_stream_and_between_streams() -> None:
    """X3: nonce per stream, unique, not reused after reconnect."""
    world = World()
    world.put(cluster("a"), endpoints("a"), route("r"))
    nonces: list[str] = []
    for stream in ("s1", "s2"):
        client = Client(world, stream)
        client.ask(CDS)
        client.ask(EDS, "a")
        client.ask(RDS, "r")
        nonces += [response.nonce for response in client.unanswered]
    assert len(nonces) == len(set(nonces)) == 6


def test_x4_a_name_that_is_subscribed_again_is_sent_again() -> None:
    """X4: re-subscribe to a known name: resource sent again even if unchanged ("client may have forgotten")."""
    client = Client(world := World())
    world.put(route("r"))
    assert client.ask(RDS, "r") == ["RDS +r"]
    assert client.ask(RDS, "r") == ["RDS +r"], "also while the first answer is under way"
    client.settle()
    assert client.ask(RDS, "r") == ["RDS +r"]


def test_x5_an_unknown_name_is_answered_as_removed_and_sent_when_it_appears() -> None:
    """X5: delta: name in `removed_resources` at once; sent when it appears later."""
    client = Client(world := World())
    assert client.ask(RDS, "r") == ["RDS -r"]
    assert world.put(route("r"), route("other")) == ["RDS +r"]


def test_x6_an_empty_first_request_is_a_wildcard_and_stays_one_beside_names() -> None:
    """X6: legacy wildcard (empty first request) for LDS/CDS; `*`+name; unsubscribe `*`; emptied list is no wildcard."""
    client = Client(world := World())
    world.put(cluster("a"), cluster("b"))
    assert client.ask(CDS) == ["CDS +a +b"]
    assert client.ack() == []
    assert client.ask(CDS, "a") == ["CDS +a"]
    assert world.put(cluster("c")) == ["CDS +c"], "subscribing to a name leaves the wildcard"
    assert client.leave(CDS, "*") == []
    assert world.put(cluster("d"), cluster("a", "2")) == ["CDS +a"]
    assert client.leave(CDS, "a") == []
    client.ack()
    assert client.ask(CDS) == [], "an emptied list is not a wildcard"
    assert world.put(cluster("e"), cluster("a", "3")) == []


def test_x6_leaving_the_legacy_wildcard_is_not_undone_by_an_acknowledgement() -> None:
    """X6: unsubscribe `*`; every ACK is an empty request."""
    client = Client(world := World())
    world.put(cluster("a"))
    client.ask(CDS)
    client.leave(CDS, "*")
    assert client.ack() == []
    assert world.put(cluster("b")) == []


def test_x6_other_types_have_no_legacy_wildcard() -> None:
    """X6: legacy wildcard (empty first request) for LDS/CDS."""
    client = Client(world := World())
    world.put(route("r"))
    assert client.ask(RDS) == []


def test_x6_an_empty_wildcard_is_answered() -> None:
    """X6: a starting Envoy waits for the first answer to its wildcard, also where there is nothing."""
    client = Client(world := World())
    assert client.ask(CDS) == ["CDS"]
    assert client.ack() == []
    assert world.put(cluster("a")) == ["CDS +a"]


def test_x7_a_name_that_the_wildcard_covers_too_is_answered_when_it_is_left() -> None:
    """X7: unsubscribe of a name that wildcard also covers: answer with resource or removal."""
    client = Client(world := World())
    world.put(cluster("a"))
    assert client.ask(CDS, "*", "a", "gone") == ["CDS +a -gone"]
    assert client.leave(CDS, "a") == ["CDS +a"]
    assert client.leave(CDS, "gone") == ["CDS -gone"]


def test_x8_a_phantom_unsubscription_is_ignored() -> None:
    """X8: phantom unsubscribe: ignored, no error."""
    client = Client(world := World())
    world.put(cluster("a"), route("r"))
    client.ask(CDS)
    client.ask(RDS, "r")
    client.settle()
    assert client.leave(RDS, "never") == []
    assert client.leave(CDS, "a") == [], "a name that only the wildcard covers was never subscribed"
    assert client.refused == ""
    assert world.put(route("r", "2")) == ["RDS +r"]


def test_x9_reconnect_sends_only_differences() -> None:
    """X9: send only differences; names client has and we do not -> `removed_resources`; identical -> no response."""
    world = World()
    world.put(same := cluster("same"), changed := cluster("changed"), cluster("new"))
    client = Client(world)
    has = {"same": same.version, "changed": "of-long-ago", "gone": "of-long-ago"}
    assert client.ask(CDS, has=has) == ["CDS +changed +new"]
    client.ack()
    assert world.sleep(0.99) == []
    assert world.sleep(0.02) == ["CDS -gone"], "a removal like any other: last, and after a drain"
    assert changed.version not in has.values()


def test_x9_an_identical_state_is_not_answered() -> None:
    """X9: identical -> no response needed."""
    world = World()
    held = [cluster("a", endpoints="a"), endpoints("a"), listener("l"), route("r", to=("a",))]
    world.put(*held)
    client = Client(world)
    versions = {resource.type_url: {resource.name: resource.version} for resource in held}
    assert client.ask(CDS, has=versions[CDS]) == []
    assert client.ask(EDS, "a", has=versions[EDS]) == []
    assert client.ask(LDS, has=versions[LDS]) == []
    assert client.ask(RDS, "r", has=versions[RDS]) == []
    assert client.session.next_tick() is None
    assert world.put(route("r", "2", to=("a",))) == ["RDS +r"], "the announced cluster counts as acknowledged"


def test_x9_what_is_announced_without_being_wanted_is_no_business_of_ours() -> None:
    """X9: names client has and we do not -> `removed_resources`, where it is subscribed to them."""
    client = Client(world := World())
    assert client.ask(RDS, "r", has={"stray": "1"}) == ["RDS -r"]
    assert world.sleep(5) == []


def test_x9_versions_are_announced_with_the_first_request_only() -> None:
    """X9: on a stream that is open already, a name that is asked for again is sent again (X4)."""
    client = Client(world := World())
    world.put(held := route("r"))
    client.ask(RDS, "r")
    client.ack()
    assert client.ask(RDS, "r", has={"r": held.version}) == ["RDS +r"]


def test_x10_a_stream_is_held_until_everything_has_listed() -> None:
    """X10: no stream is answered (hold the stream, do not send empty) until all informers synced."""
    world = World(ready=False)
    client = Client(world)
    assert client.ask(CDS, has={"a": cluster("a").version, "b": "old"}) == []
    assert client.ask(LDS) == []
    assert client.ask(RDS, "r", "unknown") == []
    world.put(cluster("a"), cluster("c"))
    world.put(listener("l"), route("r"))
    assert world.sleep(10) == []
    assert world.open() == ["CDS +c", "LDS +l", "RDS +r -unknown"]
    client.ack()
    assert world.sleep(2) == ["CDS -b"]


def test_x10_what_was_listed_before_the_stream_opened_is_sent_when_it_is_ready() -> None:
    """X10: hold the stream, do not send empty; the names may have come before or after the request."""
    world = World(ready=False)
    world.put(cluster("before"))
    client = Client(world)
    client.ask(CDS)
    world.cache.apply({(FLEET, CDS, "after"): cluster("after")})
    assert world.open() == ["CDS +after +before"]


def test_x14_equal_versions_are_no_change() -> None:
    """X14: no push when bytes are equal."""
    client = Client(world := World())
    world.put(route("r"))
    client.ask(RDS, "r")
    client.ack()
    assert world.put(route("r")) == []
    assert world.cache.apply({(FLEET, RDS, "r"): route("r")}) == {}
    assert world.cache.apply({(FLEET, RDS, "never"): None}) == {}
    for _ in range(1000):
        assert world.put(endpoints("of-another")) == []


def test_x14_a_change_that_is_taken_back_in_time_is_not_sent() -> None:
    """X14: no push when bytes are equal, as seen by the client."""
    client = Client(world := World())
    world.put(cluster("a"), route("r", to=("a",)))
    client.ask(CDS)
    client.ack()
    client.ask(RDS, "r")
    client.ack()
    world.put(cluster("b"))
    assert world.put(route("r", "2", to=("b",))) == []
    assert world.put(route("r", to=("a",))) == []
    assert client.settle() == []


def test_x20_an_unknown_type_is_ignored_and_the_stream_goes_on() -> None:
    """X20: INVALID_ARGUMENT or ignore; stream of others unharmed."""
    client = Client(world := World())
    world.put(cluster("a"))
    client.ask(CDS)
    unknown = "type.googleapis.com/envoy.service.runtime.v3.Runtime"
    for _ in range(3):
        assert client.ask(unknown, "rtds") == []
    assert [event for event in client.events if isinstance(event, Unserved)] == [Unserved("s1", unknown)]
    assert world.put(cluster("b")) == ["CDS +b"]


def test_x20_a_missing_type_is_refused() -> None:
    """X20: type_url empty on ADS: INVALID_ARGUMENT."""
    client = Client(World())
    client.ask("")
    assert client.refused == "INVALID_ARGUMENT"


def test_more_names_than_the_limit_are_refused() -> None:
    client = Client(World())
    assert client.ask(RDS, *(str(number) for number in range(20_001))) == []
    assert client.refused == "RESOURCE_EXHAUSTED"


def test_one_fleet_sees_nothing_of_another() -> None:
    world = World()
    world.put(cluster("a"))
    other = Client(world, "s2", Node("envoy-2", "other"))
    assert other.ask(CDS) == ["CDS"]
    assert other.ask(CDS, "a") == ["CDS -a"]


def test_deleting_everything_leaves_an_empty_cache() -> None:
    world = World()
    everything = (cluster("a"), endpoints("a"), route("r"))
    world.put(*everything)
    world.drop(*everything)
    assert dict(world.cache._histories) == {}
