"""On what footing streams are answered: what a start may serve before it knows what there is."""

from __future__ import annotations

import pytest

from tests.protocol.script import CDS, LDS, RDS, Client, World, cluster, listener, route
from xdsserver.xds.footing import PATIENCE_S, Footing, Start, answers, footing
from xdsserver.xds.messages import Node, SotwRequest

NOTHING, SAVED, LISTED = Footing


@pytest.mark.parametrize(
    ("start", "before", "expected"),
    [
        (Start(listed=False, saved=False, silent_s=0), NOTHING, NOTHING),
        (Start(listed=False, saved=False, silent_s=3600), NOTHING, NOTHING),
        (Start(listed=False, saved=True, silent_s=PATIENCE_S - 0.001), NOTHING, NOTHING),
        (Start(listed=False, saved=True, silent_s=PATIENCE_S), NOTHING, SAVED),
        (Start(listed=True, saved=True, silent_s=0), NOTHING, LISTED),
        (Start(listed=True, saved=False, silent_s=3600), NOTHING, LISTED),
        # The source speaks and has not listed all: who was given the saved state keeps it.
        (Start(listed=False, saved=True, silent_s=0), SAVED, SAVED),
        (Start(listed=True, saved=True, silent_s=0), SAVED, LISTED),
        # Once listed, a source may be silent for as long as it likes.
        (Start(listed=False, saved=True, silent_s=3600), LISTED, LISTED),
    ],
)
def test_x10_a_saved_state_is_served_only_after_a_silence_and_never_after_a_listing(
    start: Start, before: Footing, expected: Footing
) -> None:
    """X10: no stream is answered until the sources have listed; persisted last-good may be served, after 10 s."""
    assert PATIENCE_S == 10.0
    assert footing(start, before) is expected


@pytest.mark.parametrize(
    ("on", "holds", "expected"),
    [
        (NOTHING, False, False),
        (NOTHING, True, False),
        (SAVED, False, True),
        (SAVED, True, False),
        (LISTED, False, True),
        (LISTED, True, True),
    ],
)
def test_x10_a_saved_state_is_for_those_that_hold_nothing(on: Footing, *, holds: bool, expected: bool) -> None:
    """X10: who serves something is never given less than that."""
    assert answers(on, holds=holds) is expected


def saved_world() -> World:
    world = World(ready=False)
    world.put(cluster("a"), route("r", to=("a",)), listener("l"))
    return world


def test_x10_an_envoy_that_holds_nothing_gets_the_saved_state_and_then_the_difference() -> None:
    """X10: persisted last-good may be served; when the source has listed, only what differs is sent."""
    world = saved_world()
    client = Client(world)
    assert client.ask(CDS) == []
    assert world.fall_back() == ["CDS +a"]
    client.ack()
    assert client.ask(LDS) == ["LDS +l"]
    assert client.ask(RDS, "r") == ["RDS +r"]
    client.settle()
    world.put(cluster("b"))
    client.settle()
    assert world.open() == []
    assert world.put(cluster("b", "2")) == ["CDS +b"]


def test_x10_an_envoy_that_holds_something_is_held_until_the_source_has_listed() -> None:
    """X10: 0 removals from an Envoy that reconnects while the source is silent, however old the saved state is."""
    world = saved_world()
    client = Client(world)
    assert client.ask(CDS, has={"a": cluster("a").version, "newer-than-the-saved-state": "1"}) == []
    assert client.ask(LDS, has={"l": listener("l").version}) == []
    assert world.fall_back() == []
    assert world.put(cluster("c")) == []
    assert world.sleep(60) == []
    world.cache.apply({("edge", CDS, "newer-than-the-saved-state"): cluster("newer-than-the-saved-state")})
    assert world.open() == ["CDS +c +newer-than-the-saved-state"]


def test_x10_one_type_that_is_held_is_enough_to_be_held() -> None:
    """X10: a gateway of redirects has listeners and no cluster; it is sent clusters at most, and nothing removed."""
    world = saved_world()
    world.fall_back()
    client = Client(world)
    assert client.ask(CDS) == ["CDS +a"]
    assert client.ask(LDS, has={"of-another-time": "1"}) == []
    assert client.ask(RDS, "gone") == []
    assert world.sleep(60) == []


def test_x10_a_client_of_the_other_dialect_tells_by_the_version_that_it_accepted() -> None:
    """X10: the same holds where differences cannot be named."""
    world = saved_world()
    world.fall_back()
    node = Node("envoy-1", "edge")
    new, old = Client(world, sotw=True), Client(world, "s2", sotw=True)
    assert new.say(SotwRequest(CDS, node)) == ["CDS +a"]
    assert old.say(SotwRequest(CDS, node, version="of-an-earlier-stream")) == []
    # Answers on this stream carry a version too; it is ours.
    assert new.last is not None
    new.say(SotwRequest(CDS, nonce=new.last.nonce, version="of-this-stream"))
    assert new.say(SotwRequest(RDS, names=("r",))) == ["RDS +r"]
