"""Running a case: all at once through the reconciler, and in any other way through a pipeline of its own."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec

from tests.golden.cases import FLEET, scan
from xdsserver.model.places import Delivery
from xdsserver.reconciler import Reconciler
from xdsserver.tables import Change, Source
from xdsserver.xds.case import Blame, Rejection
from xdsserver.xds.fragments import NOBODY
from xdsserver.xds.resource import CLUSTER, ENDPOINTS, LISTENER, ROUTE, SECRET

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from random import Random

    from tests.golden.cases import Case, Envoys
    from xdsserver.model.places import Awaited, ListenerKey
    from xdsserver.pipeline import Pipeline

_KINDS = {LISTENER: "listener", ROUTE: "routes", SECRET: "secrets"}
_OF_TABLES = frozenset({"HTTPRoute", "GRPCRoute"})
_BACKENDS = {"cluster": CLUSTER, "endpoints": ENDPOINTS}

Row = tuple[str, Any, Any]
"""A row of a source, by the name of its table."""


@dataclass(frozen=True, slots=True)
class World:
    """A case that has settled: the reconciler that holds it, and every row that was written into its sources."""

    reconciler: Reconciler
    rows: tuple[Row, ...]


def settle(case: Case) -> World:
    """Take the whole folder at once, then what the Envoys answer to it. A failure inside the tables is raised."""
    reconciler = Reconciler(case.surroundings())
    reconciler.noted(dict(case.ingress), dict(case.nodes))
    outcomes = [reconciler.objects((one.kind, one.name, one.object) for one in scan(case).changes)]
    outcomes.append(reconciler.answers(*answers(case.envoys, reconciler.pipeline.awaited.rows)))
    for outcome in outcomes:
        for failure in outcome.failures.values():
            raise failure
    return World(reconciler, sources(reconciler.pipeline))


settled = cache(settle)
"""`settle` for those who only look."""


def answers(
    envoys: Envoys, awaited: Mapping[ListenerKey, Awaited]
) -> tuple[dict[ListenerKey, Delivery | None], dict[Blame, Rejection | None]]:
    """Say what Envoys answer to what is awaited of each listener."""
    deliveries: dict[ListenerKey, Delivery | None] = {}
    rejections: dict[Blame, Rejection | None] = {}
    said = Rejection(envoys.words, ("envoy-1",))
    if envoys.rejected in _BACKENDS:
        rejections[Blame(FLEET, _BACKENDS[envoys.rejected], envoys.name, NOBODY)] = said
    for key, one in awaited.items():
        kinds = {_KINDS[resource[1]]: resource for resource in one.resources}
        if envoys.rejected in kinds:
            rejections[Blame(*kinds[envoys.rejected], NOBODY)] = said
        elif kinds.keys() <= envoys.answered:
            deliveries[key] = Delivery(one.generation)
            if envoys.rejected[:1].isupper():
                place = kinds["routes" if envoys.rejected in _OF_TABLES else "listener"]
                rejections[Blame(*place, (envoys.rejected, *envoys.name.split("/")))] = said
    return deliveries, rejections


def sources(pipeline: Pipeline) -> tuple[Row, ...]:
    """Give all that came from outside: objects, allocated binds, answers of Envoys."""
    return tuple(
        (table.name, key, row)
        for table in pipeline.graph.tables
        if isinstance(table, Source)
        for key, row in table.rows.items()
    )


def changes(pipeline: Pipeline, rows: Iterable[Row], *, gone: bool = False) -> list[Change]:
    """Address rows to the sources of a pipeline."""
    tables: dict[str, Any] = {table.name: table for table in pipeline.graph.tables}
    return [Change(tables[name], key, None if gone else row) for name, key, row in rows]


def tables(pipeline: Pipeline) -> dict[str, dict[Any, Any]]:
    """Give the rows of every table; resources compare by the hash of their bytes."""
    return {table.name: dict(table.rows) for table in pipeline.graph.tables}


def before_an_edit(row: Row, draw: Random) -> Row:
    """Give a row as it may have been before an edit: one entry of one list of the object was not there yet."""
    table, key, value = row
    part: Any = getattr(value, "spec", value)
    lists = [field for field in getattr(part, "__struct_fields__", ()) if isinstance(getattr(part, field), tuple)]
    lists = [field for field in lists if getattr(part, field)]
    if not lists:
        return row
    field = draw.choice(lists)
    entries = getattr(part, field)
    left_out = draw.randrange(len(entries))
    thinner = msgspec.structs.replace(part, **{field: entries[:left_out] + entries[left_out + 1 :]})
    return table, key, thinner if part is value else msgspec.structs.replace(value, spec=thinner)
