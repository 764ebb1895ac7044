"""When something counts as served: once, when all Envoys of the fleet have it, and whoever is slow has a name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.protocol.fleet import Fleet, table
from tests.protocol.script import FLEET, LDS, RDS, listener
from xdsserver.xds.receipts import SLOW_S, Arrived, Late

if TYPE_CHECKING:
    from xdsserver.xds.resource import Resource

KEYS = ((FLEET, LDS, "l"), (FLEET, RDS, "t"))


def serve(fleet: Fleet, *resources: Resource, awaiting: str = "front") -> None:
    """Publish, and ask whether it arrives, before anybody has answered."""
    fleet.publish(*resources)
    fleet.receipts.await_(awaiting, KEYS, fleet.now)


def said(fleet: Fleet) -> dict[str, Arrived | Late]:
    return dict(fleet.receipts.settle(fleet.now))


def test_it_has_arrived_when_all_envoys_have_acknowledged_all_of_it() -> None:
    fleet = Fleet()
    first, second = fleet.join("a"), fleet.join("b")
    serve(fleet, listener("l"), table("t", a="1"))
    fleet.answer(first)
    assert said(fleet) == {}
    fleet.answer(first)
    assert said(fleet) == {}, "b has nothing yet"
    fleet.answer(second)
    assert said(fleet) == {}, "b has half of it"
    fleet.settle()
    assert said(fleet) == {"front": Arrived()}
    assert said(fleet) == {}, "it is said once"


def test_no_envoy_at_all_is_no_arrival_and_nobody_is_late() -> None:
    fleet = Fleet()
    serve(fleet, listener("l"), table("t", a="1"))
    fleet.settle(60)
    assert said(fleet) == {}
    fleet.join()
    assert said(fleet) == {"front": Arrived()}


def test_what_is_overdue_while_nobody_is_there_waits_for_somebody_and_not_for_a_time() -> None:
    """A tick in the past would come again at once, and for ever."""
    fleet = Fleet()
    serve(fleet, listener("l"), table("t", a="1"))
    fleet.settle(2 * SLOW_S)
    assert said(fleet) == {}
    assert fleet.receipts.next_tick(fleet.now) is None


def test_what_everybody_has_already_has_arrived_at_once() -> None:
    fleet = Fleet()
    fleet.join()
    fleet.put(listener("l"), table("t", a="1"))
    serve(fleet, listener("l"), table("t", a="1"))
    assert said(fleet) == {"front": Arrived()}


def test_a_version_before_the_question_is_no_answer() -> None:
    """A new listener on a port that is open already is not served before the version that has it."""
    fleet = Fleet()
    envoy = fleet.join()
    fleet.put(listener("l"), table("t", a="1"))
    envoy.mute = True
    serve(fleet, listener("l"), table("t", a="1", b="1"))
    fleet.settle(1)
    assert said(fleet) == {}
    envoy.mute = False
    fleet.settle(1)
    assert said(fleet) == {"front": Arrived()}


def test_constant_change_does_not_put_it_off() -> None:
    """Every answer is about a version that has been replaced; it is newer than the question nevertheless."""
    fleet = Fleet()
    envoy = fleet.join()
    serve(fleet, listener("l"), table("t", a="0"))
    fleet.answer(envoy)
    for number in range(1, 10):
        fleet.publish(table("t", a=str(number)))
        if not envoy.inbox:
            fleet.settle(0.5)
        fleet.publish(table("t", a=f"{number}+"))
        fleet.answer(envoy)
        if said(fleet):
            return
    message = "an Envoy that always answers was never believed"
    raise AssertionError(message)


def test_a_slow_envoy_is_named_after_ten_seconds_and_once() -> None:
    fleet = Fleet()
    fleet.join("quick")
    slow = fleet.join("slow")
    slow.mute = True
    serve(fleet, listener("l"), table("t", a="1"))
    asked_at = fleet.now
    fleet.settle(SLOW_S - 1)
    assert said(fleet) == {}
    assert fleet.receipts.next_tick(fleet.now) == asked_at + SLOW_S
    fleet.settle(1)
    assert said(fleet) == {"front": Late(("slow",))}
    assert said(fleet) == {}
    assert fleet.receipts.next_tick(fleet.now) is None
    slow.mute = False
    fleet.settle()
    assert said(fleet) == {"front": Arrived()}


@pytest.mark.parametrize("sotw", [False, True])
def test_x9_what_an_envoy_says_that_it_holds_has_arrived(*, sotw: bool) -> None:
    """X9: after a restart only differences are sent; what an Envoy holds already is as good as acknowledged.

    The question is asked before the Envoy is back: nothing will be sent to it that it could answer. A second question
    about the same resources, asked later, must not wait for ever either.
    """
    before = Fleet()
    envoy = before.join(sotw=sotw)
    before.put(listener("l"), table("t", a="1"))
    fleet = Fleet()
    serve(fleet, listener("l"), table("t", a="1"))
    back = fleet.join(sotw=sotw, running=envoy.running)
    assert sotw or not back.sends, "only differences are sent"
    fleet.receipts.await_("another", KEYS, fleet.now)
    assert said(fleet) == {"front": Arrived(), "another": Arrived()}


def test_an_older_version_that_an_envoy_holds_is_no_answer() -> None:
    before = Fleet()
    envoy = before.join()
    before.put(listener("l"), table("t", a="0"))
    fleet = Fleet()
    serve(fleet, listener("l"), table("t", a="1"))
    back = fleet.join(running=envoy.running, mute=True)
    assert said(fleet) == {}
    back.mute = False
    fleet.settle()
    assert said(fleet) == {"front": Arrived()}


def test_an_envoy_that_leaves_is_not_waited_for() -> None:
    fleet = Fleet()
    fleet.join("stays")
    leaves = fleet.join("leaves")
    leaves.mute = True
    serve(fleet, listener("l"), table("t", a="1"))
    fleet.settle()
    assert said(fleet) == {}
    fleet.leave(leaves)
    assert said(fleet) == {"front": Arrived()}


def test_what_was_held_back_of_others_does_not_hold_back_the_rest() -> None:
    """One bad route of a table: the table without it stands for what is wanted."""
    fleet = Fleet()
    fleet.join()
    fleet.put(listener("l"), table("t", a="1"))
    serve(fleet, table("t", a="bad", b="1"))
    fleet.settle()
    assert set(fleet.blamed()) == {"a"}
    assert said(fleet) == {"front": Arrived()}


def test_what_is_rejected_as_a_whole_has_not_arrived() -> None:
    fleet = Fleet()
    fleet.join()
    fleet.put(listener("l"), table("t", a="1"))
    serve(fleet, listener("l", "bad"))
    fleet.settle(SLOW_S)
    assert said(fleet) == {}, "nor is anybody late: there is nothing to wait for"
    fleet.put(listener("l", "2"))
    assert said(fleet) == {"front": Arrived()}


def test_what_is_not_awaited_any_more_leaves_nothing() -> None:
    fleet = Fleet()
    fleet.join()
    serve(fleet, listener("l"), table("t", a="1"))
    fleet.receipts.forget("front")
    fleet.settle()
    assert said(fleet) == {}
    assert not fleet.receipts._parcels


def test_each_question_has_a_version_of_its_own() -> None:
    """While an older question is open, what answers it does not answer a newer one."""
    fleet = Fleet()
    quick, slow = fleet.join("quick"), fleet.join("slow")
    slow.mute = True
    serve(fleet, listener("l"), table("t", a="1"), awaiting="first")
    fleet.settle(1)
    slow.mute, quick.mute = False, True
    serve(fleet, table("t", a="1", b="1"), awaiting="second")
    fleet.settle(1)
    assert said(fleet) == {"first": Arrived()}
    quick.mute = False
    fleet.settle(1)
    assert said(fleet) == {"second": Arrived()}
