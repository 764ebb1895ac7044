"""What the ledger knows of each stream, from the events that sessions emit."""

from __future__ import annotations

from tests.protocol.script import CDS, FLEET, RDS, Client, World, route
from xdsserver.xds.delivery import Rejections
from xdsserver.xds.history import History
from xdsserver.xds.ledger import MAX_WORDS, Answer, Ledger, Verdict
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


def test_each_node_is_asked_about_a_resource_as_it_is_now() -> None:
    """Who has acknowledged it, who has not and since when, who rejected it and why: one verdict per node."""
    world = World()
    world.put(route("r"))
    clients = {name: Client(world, f"s-{name}", Node(name, FLEET)) for name in ("good", "slow", "picky", "elsewhere")}
    for name, client in clients.items():
        if name != "elsewhere":
            client.ask(RDS, "r")
            client.ack()
    clients["elsewhere"].ask(CDS)
    world.now = 200.0
    world.put(now := route("r", "2"))
    clients["good"].ack()
    world.now = 205.0
    clients["picky"].nack(RDS, "no such regex")
    ledger = _folded(*clients.values())
    assert ledger.verdicts(FLEET, now) == {
        "good": Verdict(Answer.ACKNOWLEDGED),
        "slow": Verdict(Answer.OPEN, 200.0),
        "picky": Verdict(Answer.REJECTED, 205.0, "no such regex"),
        "elsewhere": Verdict(Answer.UNSENT),
    }
    assert ledger.verdicts("another-fleet", now) == {}
    world.put(mended := route("r", "3"))
    picky = next(record for record in ledger.speakers(FLEET) if record.node.id == "picky")
    assert picky.verdict(mended).answer is Answer.OPEN
    assert picky.verdict(now).answer is Answer.REJECTED
    clients["picky"].ack()
    assert picky.verdict(mended).answer is Answer.ACKNOWLEDGED
    assert picky.types[RDS].rejected == {}


def test_x23_of_two_streams_of_one_node_the_newest_speaks() -> None:
    """X23: ledger keyed by stream; status uses the newest."""
    world = World()
    world.put(now := route("r"))
    older, newer = Client(world, "s1"), Client(world, "s2")
    for client in (older, newer):
        client.ask(RDS, "r")
    older.ack()
    ledger = _folded(older, newer)
    assert ledger.verdicts(FLEET, now) == {"envoy-1": Verdict(Answer.OPEN, world.now)}
    for event in newer.session.on_close().events:
        ledger.fold(event)
    assert ledger.verdicts(FLEET, now) == {"envoy-1": Verdict(Answer.ACKNOWLEDGED)}
    for event in older.session.on_close().events:
        ledger.fold(event)
    assert (ledger.verdicts(FLEET, now), dict(ledger._of_node)) == ({}, {})


def test_a_rejection_of_thousands_is_one_entry_until_each_is_answered() -> None:
    rejections = Rejections()
    history = History()
    history.apply((str(number), route(str(number))) for number in range(1000))
    rejections.add(history.parcel(history.names), "one of these", 1.0)
    assert (len(rejections), len(rejections._entries)) == (1000, 1)
    rejections.add(history.parcel(frozenset({"7"})), "this one", 2.0)
    assert rejections["7"] == (route("7").version, "this one")
    assert rejections["8"] == (route("8").version, "one of these")
    rejections.forget(history.names - {"7"})
    assert dict(rejections) == {"7": (route("7").version, "this one")}
