"""All pages that are made: from the code, and from the table of rules."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from tests.docs import (
    chart,
    conditions,
    crds,
    defaults,
    logs,
    metrics,
    openapi,
    rbac,
    reference,
    rules,
    tenants,
    workloads,
)
from tests.tenant import cases

if TYPE_CHECKING:
    from pathlib import Path


@cache
def pages() -> dict[Path, str]:
    """Make all pages, by their paths."""
    return {
        **reference.pages(),
        rules.PAGE: rules.page(),
        conditions.PAGE: conditions.page(),
        defaults.PAGE: defaults.page(),
        logs.PAGE: logs.page(),
        metrics.PAGE: metrics.page(),
        openapi.PAGE: openapi.page(),
        **rbac.pages(),
        **crds.pages(),
        **tenants.pages(),
        **cases.pages(),
        **workloads.pages(),
        **chart.pages(),
    }
