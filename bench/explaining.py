"""What it takes to explain a request among 5,000 routes: of as many hostnames, or all of one, where none matches."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

from bench import worlds
from bench.figure import Figure
from tests.live import manifests as m
from xdsserver.inspection.explain import explain
from xdsserver.inspection.requests import Sent, request_of
from xdsserver.reconciler import Reconciler

if TYPE_CHECKING:
    from collections.abc import Iterator

_ROUTES = 5000
_ROUNDS = 15
_GOAL_MS = 20


def figures() -> Iterator[Figure]:
    """Explain a request to the last of many hosts, and one that no route of a crowded host matches."""
    spread = list(worlds.routes(_ROUTES))
    crowded = [
        m.http_route(f"r{number}", m.rule(m.to("web"), matches=[m.path(f"/{number}")]), hostnames=["crowded.test"])
        for number in range(_ROUTES)
    ]
    last = f"http://{worlds.host(_ROUTES - 1)}:8080{worlds.path(_ROUTES - 1)}"
    for name, routes, url in (("spread", spread, last), ("crowded", crowded, "http://crowded.test:8080/nothing")):
        reconciler = Reconciler()
        reconciler.objects(worlds.changes([*worlds.base(8080, 9000), *routes]))
        request, took_ms = request_of(url, Sent()), []
        for _ in range(_ROUNDS):
            begun = time.perf_counter()
            explain(reconciler.pipeline, request)
            took_ms.append((time.perf_counter() - begun) * 1e3)
        params: dict[str, int | str] = {"routes": _ROUTES, "world": name}
        yield Figure("explain_ms", statistics.median(took_ms), "ms", params, at_most=_GOAL_MS)
