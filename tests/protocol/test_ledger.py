"""What the ledger knows of each stream, from the events that sessions emit."""

from __future__ import annotations

from tests.protocol.script import FLEET, RDS, Client, World, route
from xdsserver.xds.ledger import MAX_WORDS, Ledger
from xdsserver.xds.messages import Node


def _folded(*clients: Client) -> Ledger:
    ledger = Ledger()
    for client in clients:
        for event in client.events:
            ledger.fold(event)
    return ledger


def test_x23_two_streams_of_one_node_are_two_records() -> None:
    """X23: both served; ledger keyed by stream; status uses the newest."""
    world = World()
    world.put(old := route("r"))
    older, newer = Client(world, "s1"), Client(world, "s2")
    assert older.ask(RDS, "r") == newer.ask(RDS, "r") == ["RDS +r"]
    older.ack()
    newer.ack()
    world.put(new := route("r", "2"))
    newer.ack()
    ledger = _folded(older, newer)
    assert [record.stream for record in ledger.streams(FLEET)] == ["s1", "s2"]
    first, second = ledger.streams()
    assert first.types[RDS].acked == {"r": old.version}
    assert first.types[RDS].pending == {"r": new.version}
    assert second.types[RDS].acked == {"r": new.version}
    assert ledger.newest("envoy-1") is second
    for event in newer.session.on_close().events:
        ledger.fold(event)
    assert ledger.newest("envoy-1") is first


def test_a_rejection_is_kept_with_its_words_until_a_later_version_is_accepted() -> None:
    client = Client(world := World())
    world.put(good := route("r"))
    client.ask(RDS, "r")
    client.ack()
    world.put(bad := route("r", "bad"))
    client.nack(RDS, "x" * 10_000)
    delivery = next(_folded(client).streams()).types[RDS]
    assert delivery.acked == {"r": good.version}
    assert delivery.rejected == {"r": (bad.version, "x" * MAX_WORDS)}
    assert delivery.pending == {}
    world.put(route("r", "mended"))
    client.ack()
    assert next(_folded(client).streams()).types[RDS].rejected == {}


def test_an_acknowledged_removal_leaves_nothing() -> None:
    client = Client(world := World())
    world.put(route("r"))
    client.ask(RDS, "r")
    client.ack()
    world.drop(route("r"))
    client.ack()
    assert next(_folded(client).streams()).types[RDS].acked == {}


def test_a_stream_that_never_said_who_it_is_is_no_record() -> None:
    client = Client(World(), node=Node(""))
    client.ask(RDS, "r")
    assert client.session.on_close().events == ()
    assert list(_folded(client).streams()) == []
