"""What was found to be bad is known after a restart, for as long as it is the same, to the same Envoys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.protocol.fleet import Fleet, bad_content, table
from tests.protocol.script import FLEET, RDS, listener
from xdsserver.xds.cache import Cache

if TYPE_CHECKING:
    from tests.protocol.fleet import Envoy

ALL = {f"r{number}": "1" for number in range(50)}
BROKEN = table("t", **(ALL | {"r7": "bad"}))


def rejecting(build: str = "1.40.0") -> tuple[Fleet, Envoy]:
    """Give a fleet with one Envoy, which has rejected one route of fifty and runs the last good one."""
    fleet = Fleet()
    envoy = fleet.join(build=build)
    fleet.put(table("t", **ALL))
    fleet.put(BROKEN)
    assert envoy.has("t") == ALL
    return fleet, envoy


def test_x15_after_a_restart_nothing_is_sent_to_who_has_all_that_is_good() -> None:
    """X15: its last good stays and nothing bad is sent again, across a restart, and another one."""
    fleet, envoy = rejecting()
    for _ in range(2):
        fleet = fleet.restarted()
        fleet.publish(BROKEN)
        envoy = fleet.join(running=dict(envoy.running))
        assert not envoy.sends
        assert envoy.has("t") == ALL
        assert fleet.blamed() == {"r7": ("envoy",)}
        assert fleet.quarantine.stands_for_wanted((FLEET, RDS, "t"))
    fleet.put(table("t", **(ALL | {"r7": "2"})))
    assert envoy.has("t") == ALL | {"r7": "2"}
    assert fleet.blamed() == {}
    assert fleet.quarantine.precedents() == ()


def test_x15_after_a_restart_who_has_nothing_gets_all_but_the_bad_one_at_once() -> None:
    """X15: the rest is there in one response; there is no search, and the bad bytes are not sent at all."""
    fleet, _ = rejecting()
    fleet = fleet.restarted()
    fleet.publish(BROKEN)
    envoy = fleet.join("other")
    assert envoy.has("t") == {owner: content for owner, content in ALL.items() if owner != "r7"}
    assert sum(envoy.sends.values()) == 1
    assert not +envoy.rejections
    assert fleet.blamed() == {"r7": ("envoy",)}, "it is still known who rejected it"


def test_other_content_is_judged_anew() -> None:
    fleet, envoy = rejecting()
    fleet = fleet.restarted()
    fleet.publish(table("t", **(ALL | {"r7": "bad in another way"})))
    envoy = fleet.join(running=dict(envoy.running))
    assert envoy.has("t") == {owner: content for owner, content in ALL.items() if owner != "r7"}
    assert max(envoy.rejections.values()) == 1
    assert fleet.blamed() == {"r7": ("envoy",)}
    fleet = fleet.restarted()
    fleet.publish(table("t", **(ALL | {"r7": "2"})))
    envoy = fleet.join(running=dict(envoy.running))
    assert envoy.has("t") == ALL | {"r7": "2"}
    assert fleet.blamed() == {}


def test_x16_an_envoy_of_another_release_is_asked_itself() -> None:
    """X16, mixed versions: a verdict holds for those Envoys that it is from, and is forgotten with the last of them."""
    fleet, old = rejecting("1.40.0")
    fleet = fleet.restarted()
    fleet.publish(BROKEN)
    new = fleet.join("new", build="1.41.0", judge=lambda _resource: "")
    assert new.has("t") == ALL | {"r7": "bad"}
    assert fleet.blamed() == {}

    fleet, old = rejecting("1.40.0")
    new = fleet.join("new", build="1.41.0", judge=lambda _resource: "")
    assert new.has("t") == ALL, "as long as one of those is there that reject it, a fleet has one configuration"
    fleet.leave(old)
    fleet.settle()
    assert new.has("t") == ALL | {"r7": "bad"}
    assert fleet.blamed() == {}
    assert fleet.quarantine.precedents() == ()


def test_x16_another_release_that_rejects_it_too_is_named() -> None:
    """X16: what is tried again and rejected again costs one response."""
    fleet, _ = rejecting("1.40.0")
    fleet = fleet.restarted()
    fleet.publish(BROKEN)
    envoy = fleet.join("new", build="1.41.0", running={(RDS, "t"): table("t", **ALL)}, judge=bad_content)
    assert sum(envoy.rejections.values()) <= 3
    assert fleet.blamed() == {"r7": ("new",)}
    ((verdict,),) = [one.verdicts for one in fleet.quarantine.precedents()]
    assert verdict.builds == {"1.41.0"}


def test_the_last_envoy_that_leaves_takes_no_verdict_with_it() -> None:
    """One that is started again is the same, and rejects the same."""
    fleet, envoy = rejecting()
    fleet.leave(envoy)
    again = fleet.join()
    assert not +again.rejections
    assert fleet.blamed() == {"r7": ("envoy",)}


def test_a_whole_resource_that_was_rejected_is_withheld() -> None:
    fleet = Fleet()
    fleet.join()
    fleet.put(listener("l", "bad"))
    fleet = fleet.restarted()
    fleet.publish(listener("l", "bad"), listener("good"))
    envoy = fleet.join()
    assert {name for _, name in envoy.running} == {"good"}
    assert not +envoy.rejections
    assert fleet.blamed() == {"l": ("envoy",)}


def test_before_all_is_known_nothing_is_forgotten() -> None:
    """Sources list one after the other, and what is wanted first may be without what a verdict is about."""
    before, envoy = rejecting()
    fleet = Fleet(cache=Cache())
    fleet.quarantine.recall(before.quarantine.precedents())
    fleet.publish(table("t", **{owner: content for owner, content in ALL.items() if owner != "r7"}))
    assert fleet.quarantine.precedents() == before.quarantine.precedents()
    fleet.publish(BROKEN)
    fleet.cache.footing = Cache(ready=True).footing
    envoy = fleet.join(running=dict(envoy.running))
    assert not envoy.sends
    assert fleet.blamed() == {"r7": ("envoy",)}
