"""What one change costs in counts and sizes, without Envoy: these do not depend on the machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench import worlds
from bench.figure import Figure
from xdsserver.reconciler import Reconciler

if TYPE_CHECKING:
    from collections.abc import Iterator

_SIZES = (10, 1000, 10_000)
_BYTES_AT = 5000
_BYTES_GOAL = 10_000


def _filled(routes: int) -> Reconciler:
    reconciler = Reconciler()
    reconciler.objects(worlds.changes([*worlds.base(80, 9), *worlds.routes(routes)]))
    return reconciler


def figures() -> Iterator[Figure]:
    """Change one route of many."""
    reference: tuple[int, int] | None = None
    for routes in _SIZES:
        reconciler = _filled(routes)
        pipeline = reconciler.pipeline
        kind, name, route = worlds.change(worlds.route(routes // 2, "changed"))
        stats = pipeline.apply(pipeline.change(kind, name, route)).stats
        reference = reference or (stats.derivations, stats.rows)
        params = {"routes": routes}
        note = f"equal to that of {_SIZES[0]} routes"
        yield Figure("derivations_per_change", stats.derivations, "calls", params, at_most=reference[0], note=note)
        yield Figure("rows_per_change", stats.rows, "rows", params, at_most=reference[1], note=note)
    outcome = _filled(_BYTES_AT).objects([worlds.change(worlds.route(_BYTES_AT // 2, "changed"))])
    sent = sum(len(one.delta_head) + len(one.body) for one in outcome.resources.values() if one is not None)
    note = "one RouteConfiguration holds all hosts of a bind"
    yield Figure("bytes_per_change", sent, "bytes", {"routes": _BYTES_AT}, at_most=_BYTES_GOAL, note=note)
