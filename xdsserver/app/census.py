"""What is measured of Tenants: taken from the tables of their operator whenever somebody scrapes."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from prometheus_client import CollectorRegistry

    from xdsserver.observe.tenancy import Census, TenantMetrics
    from xdsserver.pipeline.tenants import TenantStory


def tenants_measured(
    registry: CollectorRegistry, story: Callable[[], TenantStory], leads: Callable[[], bool]
) -> TenantMetrics:
    """Register what is measured of Tenants; `story` is asked at each scrape, and none comes before it is there."""
    # Takes a fifteenth of a second: only for those who measure.
    from xdsserver.observe.tenancy import TenantMetrics  # noqa: PLC0415

    return TenantMetrics(registry, lambda: _census(story()), leads)


def _census(story: TenantStory) -> Census:
    from xdsserver.observe.tenancy import Census  # noqa: PLC0415

    statuses = [plan.status for plan in story.plans.rows.values() if plan.status is not None]
    return Census(
        Counter(str(one["currentState"]) for one in statuses),
        sum(pool.servers for tenant in story.tenants.rows.values() for pool in tenant.spec.pools),
        sum(int(one["availableReplicas"]) for one in statuses),
    )
