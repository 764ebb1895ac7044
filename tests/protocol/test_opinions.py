"""X16 by random scripts: whatever changes and whoever answers when, Envoys of several opinions end up as one."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.protocol.fleet import Fleet, table
from tests.protocol.script import FLEET, RDS

if TYPE_CHECKING:
    from tests.protocol.fleet import Envoy
    from xdsserver.xds.resource import Resource

OWNERS = [f"r{number}" for number in range(5)]
KINDS = "xyz"
"""A content that begins with one of these is bad, in the opinion of some."""

contents = st.sampled_from(["", "1", "2", "3", "x1", "x2", "y1", "z1"])
worlds = st.fixed_dictionaries(dict.fromkeys(OWNERS, contents))
steps = st.lists(worlds | st.integers(0, 2) | st.just("settle"), min_size=1, max_size=24)
opinions = st.lists(st.tuples(st.frozensets(st.sampled_from(KINDS)), st.booleans()), min_size=1, max_size=3)
"""Of each Envoy: what it dislikes, and whether it speaks state of the world."""


def wire(world: dict[str, str]) -> Resource:
    return table("t", **{owner: content for owner, content in world.items() if content})


def join(fleet: Fleet, name: str, dislikes: frozenset[str], *, sotw: bool) -> Envoy:
    def judge(resource: Resource) -> str:
        return f"{name} dislikes it" if any(f"={kind}".encode() in resource.body for kind in dislikes) else ""

    return fleet.join(name, judge=judge, sotw=sotw)


@settings(max_examples=300, deadline=None)
@given(opinions, steps, worlds)
def test_x16_all_envoys_hold_the_same_table_once_all_have_answered(
    minds: list[tuple[frozenset[str], bool]], script: list[dict[str, str] | int | str], last: dict[str, str]
) -> None:
    """X16, whatever changes and whoever answers when: one configuration, the guilty are named, and there is no loop."""
    fleet = Fleet()
    envoys = [join(fleet, f"e{number}", mind, sotw=sotw) for number, (mind, sotw) in enumerate(minds)]
    written: dict[str, set[str]] = {owner: set() for owner in OWNERS}
    sends: list[Counter[tuple[str, str]]] = []

    def publish(world: dict[str, str]) -> None:
        for owner, content in world.items():
            written[owner].add(content)
        sends.extend(envoy.sends for envoy in envoys)
        for envoy in envoys:
            envoy.sends = Counter()
        fleet.publish(wire(world))

    for step in [*script, last]:
        if isinstance(step, dict):
            publish(step)
        elif step == "settle":
            fleet.settle()
        elif (envoy := envoys[int(step) % len(envoys)]).inbox:
            fleet.answer(envoy)
    fleet.settle()

    disliked = frozenset().union(*(mind for mind, _ in minds))
    running = [envoy.has("t") for envoy in envoys]
    assert all(one == running[0] for one in running)
    assert fleet.cache.resources(FLEET, RDS)["t"] == envoys[0].running[RDS, "t"]
    for owner, content in last.items():
        if content[:1] in disliked and content:
            assert running[0].get(owner, "") in written[owner] | {""}
            assert owner in fleet.blamed()
        else:
            assert running[0].get(owner, "") == content
            assert owner not in fleet.blamed()
    assert fleet.quarantine.stands_for_wanted((FLEET, RDS, "t"))
    sends.extend(envoy.sends for envoy in envoys)
    assert max((count for sent in sends for count in sent.values()), default=0) <= 3
    assert max((count for envoy in envoys for count in envoy.rejections.values()), default=0) <= 3
