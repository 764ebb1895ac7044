"""From the JSON of an object to its struct."""

from __future__ import annotations

import json
import statistics
import time
from typing import TYPE_CHECKING

from bench import worlds
from bench.figure import Figure
from tests.live import manifests as m
from xdsserver.objects.decode import decode_json
from xdsserver.objects.kinds import BY_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator

_ROUNDS = 15
_TIMES = 400


def figures() -> Iterator[Figure]:
    """Decode a route, and a slice of a hundred endpoints."""
    slice_ = m.service("web", 8080)[1]
    slice_["endpoints"] = [{"addresses": [f"10.0.0.{number}"]} for number in range(100)]
    for document, goal_us in ((worlds.route(1, "start"), 10), (slice_, 60)):
        kind = BY_NAME[document["kind"]]
        data = json.dumps({**document, "metadata": {"namespace": "default", **document["metadata"]}}).encode()
        rounds = []
        for _ in range(_ROUNDS):
            begun = time.perf_counter()
            for _ in range(_TIMES):
                decode_json(kind, data)
            rounds.append((time.perf_counter() - begun) / _TIMES * 1e6)
        yield Figure("decode_us", statistics.median(rounds), "us", {"kind": kind.name}, at_most=goal_us)
