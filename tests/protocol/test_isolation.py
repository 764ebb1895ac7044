"""One bad resource among many: what a client rejects together is sent again one by one."""

from __future__ import annotations

import pytest

from tests.protocol.script import CDS, EDS, FLEET, LDS, RDS, SDS, Client, World, cluster, endpoints, listener, secret
from xdsserver.xds.ledger import Acked, Ledger, Rejected

both_dialects = pytest.mark.parametrize("sotw", [False, True], ids=["delta", "sotw"])


def judge(client: Client, *bad: str) -> None:
    """Answer as an Envoy that finds these names bad: one of them spoils its whole response."""
    while client.unanswered:
        response = client.unanswered[0]
        versions = {resource.name for resource in response.resources}
        if versions.isdisjoint(bad):
            client.answer(response)
        else:
            client.answer(response, error=f"one of {len(versions)} is bad")


def sends(client: Client, name: str) -> int:
    """Count how often the bytes of a resource went out; in a list that repeats it, each time."""
    return sum(resource.name == name for response in client.received for resource in response.resources)


@pytest.mark.parametrize("type_url", [EDS, SDS])
@both_dialects
def test_x15_a_bad_one_among_many_is_found_and_the_others_arrive(type_url: str, *, sotw: bool) -> None:
    """X15: the rest of the batch is acknowledged, and the bad bytes are sent three times at most."""
    make = {EDS: endpoints, SDS: secret}[type_url]
    client = Client(world := World(), sotw=sotw)
    names = [f"n{number}" for number in range(10)]
    world.put(*(make(name) for name in names))
    client.ask(type_url, *names)
    judge(client, "n3")
    acked = {name for event in client.events if isinstance(event, Acked) for name, _ in event.versions}
    assert acked == set(names) - {"n3"}
    last = [event for event in client.events if isinstance(event, Rejected)][-1]
    assert [name for name, _ in last.versions] == ["n3"]
    assert sends(client, "n3") == 2
    assert world.sleep(60) == [], "nothing is tried again"


@both_dialects
def test_x15_among_clusters_and_listeners_that_come_as_a_list(*, sotw: bool) -> None:
    """X15, where state of the world sends whole lists: each is tried as the one difference from the last good list."""
    client = Client(world := World(), sotw=sotw)
    world.put(listener("old"))
    client.ask(LDS)
    judge(client)
    world.put(*(listener(f"l{number}") for number in range(4)))
    judge(client, "l1", "l2")
    acked = {name for event in client.events if isinstance(event, Acked) for name, _ in event.versions}
    assert acked == {"old", "l0", "l3"}
    assert [
        event.versions[0][0] for event in client.events if isinstance(event, Rejected) if len(event.versions) == 1
    ] == [
        "l1",
        "l2",
    ]
    world.put(listener("later"))
    judge(client, "l1", "l2")
    assert "later" in {name for event in client.events if isinstance(event, Acked) for name, _ in event.versions}


def test_x15_one_by_one_means_a_response_each() -> None:
    """X15: what was rejected together goes out again as one resource per response."""
    client = Client(world := World())
    world.put(listener("a"), listener("b"), listener("c"))
    assert client.ask(LDS) == ["LDS +a +b +c"]
    assert client.nack(LDS, "c is bad") == ["LDS +a", "LDS +b", "LDS +c"]


def test_x15_until_each_is_answered_alone_the_ledger_calls_none_rejected() -> None:
    """X15: a rejection of several says of none of them that it is bad."""
    client = Client(world := World())
    world.put(good := listener("good"), bad := listener("bad"))
    client.ask(LDS)
    client.nack(LDS, "bad is bad")
    ledger = Ledger()
    for event in client.events:
        ledger.fold(event)
    (record,) = ledger.streams()
    assert record.types[LDS].rejected == {}
    assert record.types[LDS].pending == {"good": good.version, "bad": bad.version}
    judge(client, "bad")
    for event in client.events:
        ledger.fold(event)
    (record,) = ledger.streams()
    assert record.types[LDS].rejected == {"bad": (bad.version, "one of 1 is bad")}
    assert record.types[LDS].acked == {"good": good.version}


def test_x15_a_route_does_not_wait_for_a_cluster_that_was_rejected() -> None:
    """X15: the rest of the batch is acknowledged within a second, also the routes that name the bad cluster."""
    client = Client(world := World())
    world.put(cluster("bad"))
    client.ask(CDS)
    world.put(listener("l", to=("bad",)))
    assert client.ask(LDS) == [], "the cluster is not acknowledged yet"
    assert client.nack(CDS, "no such thing") == ["LDS +l"]


def test_x17_what_may_have_been_applied_is_removed_explicitly_when_it_goes() -> None:
    """X17: an Envoy applied a listener of a response that it rejected; it is told to remove it when it goes."""
    client = Client(world := World())
    world.put(orphan := listener("orphan"), listener("bad"))
    client.ask(LDS)
    client.nack(LDS, "bad is bad")
    assert world.drop(orphan) == ["LDS -orphan"]


def test_x17_also_when_the_stream_broke_before_anybody_knew() -> None:
    """X17: the Envoy connects again and announces nothing of what it applied; we remember that it may have it."""
    world = World()
    world.put(orphan := listener("orphan"), bad := listener("bad"))
    first = Client(world)
    first.ask(LDS)
    first.nack(LDS, "bad is bad")
    first.session.on_close()
    world.clients.clear()
    world.drop(orphan, bad)
    second = Client(world, "s2")
    second.ask(LDS, "*", has={})
    world.sleep(5)
    removed = {name for response in second.received for name in response.removed}
    assert removed == {"orphan", "bad"}
    second.settle()
    second.session.on_close()
    third = Client(world, "s3")
    assert third.ask(LDS, "*", has={}) == ["LDS"], "it has said that they are gone"


def test_x17_a_version_that_is_announced_in_doubt_is_not_believed() -> None:
    """X17: a version of a rejected response may run while the Envoy names the one before: it is sent again."""
    world = World()
    world.put(old := endpoints("pods", "1"), endpoints("other", "1"))
    first = Client(world)
    first.ask(EDS, "pods", "other")
    first.settle()
    world.put(endpoints("pods", "2"), endpoints("other", "bad"))
    first.nack(EDS, "other is bad")
    first.session.on_close()
    world.clients.clear()
    world.put(endpoints("pods", "1"))
    second = Client(world, "s2")
    assert "+pods" in second.ask(EDS, "pods", has={"pods": old.version})[0]


def test_doubts_are_of_one_node_and_end_with_its_answers() -> None:
    world = World()
    world.put(listener("a"), listener("b"))
    client = Client(world)
    client.ask(LDS)
    client.nack(LDS, "b is bad")
    assert set(world.cache.doubts.of((FLEET, "envoy-1"), LDS)) == {"a", "b"}
    assert not set(world.cache.doubts.of((FLEET, "envoy-2"), LDS))
    judge(client, "b")
    assert not set(world.cache.doubts.of((FLEET, "envoy-1"), LDS))
    assert not set(world.cache.doubts.of((FLEET, "envoy-1"), RDS))
