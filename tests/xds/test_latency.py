"""From a change to the word of each Envoy: what counts, from when on, and what is forgotten."""

from __future__ import annotations

import pytest

from xdsserver.xds.latency import Latency
from xdsserver.xds.ledger import Acked, Joined, Left
from xdsserver.xds.messages import Node
from xdsserver.xds.resource import CLUSTER, ENDPOINTS, Resource

FLEET = "infra/fleet"
A = (FLEET, CLUSTER, "a")
B = (FLEET, CLUSTER, "b")


def resource(name: str, content: bytes, type_url: str = CLUSTER) -> Resource:
    return Resource.of_bytes(type_url, name, content)


def acked(stream: str, *resources: Resource) -> Acked:
    return Acked(stream, resources[0].type_url, tuple((one.name, one.version) for one in resources))


def joined(*streams: str) -> Latency:
    found = Latency()
    for stream in streams:
        found.hear(Joined(stream, Node(f"node-of-{stream}"), FLEET), 0.0)
    return found


def test_the_age_is_that_of_the_oldest_change_in_a_response() -> None:
    latency, a, b = joined("s"), resource("a", b"1"), resource("b", b"1")
    latency.published({A: a}, 10.0)
    latency.published({B: b}, 12.0)
    assert latency.hear(acked("s", a, b), 13.0) == pytest.approx(3.0)
    assert len(latency) == 0


def test_each_envoy_that_was_there_counts_once() -> None:
    latency, a = joined("s", "t"), resource("a", b"1")
    latency.published({A: a}, 10.0)
    assert latency.hear(acked("s", a), 11.0) == pytest.approx(1.0)
    assert latency.hear(acked("s", a), 99.0) is None
    assert latency.hear(acked("t", a), 12.0) == pytest.approx(2.0)
    assert len(latency) == 0


def test_what_an_envoy_is_given_when_it_connects_is_no_change() -> None:
    latency, a = joined("s"), resource("a", b"1")
    latency.published({A: a}, 10.0)
    latency.hear(Joined("late", Node("late"), FLEET), 20.0)
    assert latency.hear(acked("late", a), 21.0) is None


def test_a_change_that_was_replaced_does_not_count_and_its_successor_does() -> None:
    latency, old, new = joined("s"), resource("a", b"1"), resource("a", b"2")
    latency.published({A: old}, 10.0)
    latency.published({A: new}, 15.0)
    assert latency.hear(acked("s", old), 16.0) is None
    assert latency.hear(acked("s", new), 17.0) == pytest.approx(2.0)


def test_nothing_is_kept_of_what_nobody_will_acknowledge() -> None:
    latency, a = joined("s", "t"), resource("a", b"1")
    latency.published({A: a, B: resource("b", b"1")}, 10.0)
    latency.published({B: None}, 11.0)
    latency.hear(acked("s", a), 12.0)
    assert len(latency) == 1
    latency.hear(Left("t"), 13.0)
    assert len(latency) == 0
    latency.hear(Left("s"), 14.0)
    latency.published({A: a}, 15.0)
    assert len(latency) == 0


def test_names_of_other_types_and_fleets_are_other_resources() -> None:
    latency = joined("s")
    latency.hear(Joined("other", Node("other"), "infra/other"), 0.0)
    a, endpoints = resource("a", b"1"), resource("a", b"1", ENDPOINTS)
    latency.published({A: a}, 10.0)
    assert latency.hear(acked("s", endpoints), 11.0) is None
    assert latency.hear(acked("other", a), 11.0) is None
    assert len(latency) == 1
