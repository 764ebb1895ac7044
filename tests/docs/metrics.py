"""The metrics, from the table that they are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.docs.reference import DOCS, MADE
from xdsserver.observe.metrics import FAMILIES, KUBE_FAMILIES
from xdsserver.observe.tenancy import TENANT_FAMILIES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from xdsserver.observe.metrics import Family

PAGE = DOCS / "reference" / "metrics.md"

INTRODUCTION = f"""\
{MADE}# Probes and metrics

With `--health HOST:PORT` a run answers over HTTP, to whoever can reach the port. It says counts, kinds and states; no
names of objects, nothing of what is in them.

- `/healthz`, for a liveness probe: 200 for as long as the process answers at all, with details as JSON.
- `/readyz`, for a readiness probe: 200 from when every source has listed until the end, else 503. It stays 200 while a
  source is away, since what was known is served on.
- `/metrics`, for Prometheus, as text or in the form of OpenMetrics: what follows; and memory, processor time and open
  files of the process (`process_*`).
"""


def page() -> str:
    """Make the page."""
    return "\n".join(
        (
            INTRODUCTION,
            *_table("Of every run", FAMILIES),
            *_table("Where objects come from an API server", KUBE_FAMILIES),
            *_table("Of the operator of Tenants", TENANT_FAMILIES),
        )
    )


def _table(title: str, families: Iterable[Family]) -> Iterable[str]:
    yield f"## {title}\n\n| metric | type | labels | what it says | look into it at |\n|---|---|---|---|---|"
    for one in families:
        labels = ", ".join(f"`{label}`" for label in one.labels)
        yield f"| `{one.name}` | {one.type.__name__.lower()} | {labels} | {one.means} | {one.alert} |"
    yield ""
