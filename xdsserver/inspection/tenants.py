"""Tenants as Gateways see them: under which URLs clients get to each, by which listeners, and whether Envoys serve it.

How its servers are is told by whoever runs it, in the status of the Tenant, which is no row of these tables.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from xdsserver.gatewayapi.statuses import TenantGatewayStatus
from xdsserver.inspection.carriers import listeners_of
from xdsserver.inspection.conditions import ConditionAnswer, State, answers, verdict
from xdsserver.inspection.paging import Scan, in_order, joined
from xdsserver.objects.meta import Name, ObjectKey
from xdsserver.pipeline import Pipeline
from xdsserver.pipeline.tenantroutes import API, CONSOLE


@dataclass(frozen=True, slots=True)
class TenantRoute:
    """A side of a Tenant, which is a route of its own.

    Attributes:
        kind: `Tenant` for its S3 API, `TenantConsole` for its console.
        hostnames: those that it asks for, with wildcards for buckets; none for those of its listeners.
        gateways: those that it asks for, as `namespace/name`.
        listeners: those that take it, as `Kind namespace/name listener NAME`.
    """

    kind: str
    hostnames: tuple[str, ...]
    gateways: tuple[str, ...]
    listeners: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TenantAnswer:
    """A Tenant and its way out.

    Attributes:
        namespace: where it is.
        name: how it is called.
        pools: how many it has.
        endpoint: the URL of its S3 API; "" where it is not reached through a Gateway.
        console: the URL of its console; "" likewise.
        routes: its sides that a Gateway is asked for.
        conditions: of its way out.
        state: what they come to; `unattached` where no Gateway is asked for, or none of ours.
        words: the first thing that is wrong, or that is waited for.
    """

    namespace: str
    name: str
    pools: int
    endpoint: str
    console: str
    routes: tuple[TenantRoute, ...]
    conditions: tuple[ConditionAnswer, ...]
    state: State
    words: str


def scan(pipeline: Pipeline, after: str = "", namespace: str = "") -> Scan[TenantAnswer]:
    """Walk the Tenants by namespace and name."""
    for name, key in in_order(pipeline.tenants.rows, after, joined):
        yield name, tenant(pipeline, key) if namespace in ("", key.namespace) else None


def tenant(pipeline: Pipeline, name: Name) -> TenantAnswer | None:
    """Tell of one Tenant; None where there is none."""
    found = pipeline.tenants.rows.get(name)
    if found is None:
        return None
    status = pipeline.tenant_gateway_statuses.rows.get(ObjectKey("Tenant", *name))
    summed = verdict(status)
    way = status if isinstance(status, TenantGatewayStatus) else TenantGatewayStatus()
    return TenantAnswer(
        *name,
        len(found.spec.pools),
        way.endpoint,
        way.console,
        tuple(_sides(pipeline, name)),
        answers(status),
        summed.state,
        summed.words,
    )


def _sides(pipeline: Pipeline, name: Name) -> Iterator[TenantRoute]:
    for kind in (API, CONSOLE):
        key = ObjectKey(kind, *name)
        head = pipeline.route_heads.rows.get(key)
        if head is not None:
            gateways = dict.fromkeys(str(one.gateway) for one in pipeline.parents.rows.get(key, ()))
            yield TenantRoute(kind, head.hostnames, tuple(gateways), tuple(map(str, listeners_of(pipeline, key))))
