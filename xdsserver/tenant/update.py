"""What is intended of a pool's StatefulSet, given the one that is there: made, taken over, kept, or changed.

What is intended is told by a hash on the object, so that what a server fills in never looks like a difference. Two
things look at the object itself: taking over one that the operator before us made, and noticing that somebody wrote
over what is ours.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

import msgspec

from xdsserver.effects import Intended
from xdsserver.tenant.comparison import covers
from xdsserver.tenant.immutable import storage
from xdsserver.tenant.names import REALM
from xdsserver.tenant.rendering import Rendering
from xdsserver.tenant.volumes import with_storage
from xdsserver.tenant.workload import claims, pod_template, workload

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from xdsserver.objects.tenant import Tenant
    from xdsserver.objects.tenantpools import Pool
    from xdsserver.objects.workloads import StatefulSet
    from xdsserver.tenant.observed import Running
    from xdsserver.tenant.workload import Making

ADOPTED: Final = "tenant.xdsserver.io/adopted"
"""The annotation of a StatefulSet that was there before us: of which Tenant its pods still are, as a hash."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A StatefulSet as it should be. `rolls` says whether applying it replaces pods."""

    intended: Intended
    rolls: bool
    adopted: bool = False


def wanted(tenant: Tenant, pool: Pool, running: Running | None, making: Making) -> Wanted:
    """Decide on the StatefulSet of a pool, whose immutable fields are as they were."""
    ours = pod_template(tenant, pool, Rendering.OURS, making)
    if running is None:
        return Wanted(
            Intended(workload(tenant, pool, ours, claims(tenant, pool)), adopts=tenant.metadata.uid, realm=REALM),
            rolls=False,
        )
    live = running.set
    as_before = pod_template(tenant, pool, Rendering.REFERENCE, making)
    mark = _mark(as_before)
    if _is_as_before(running, as_before, mark):
        document = workload(tenant, pool, _taken_over(live), _templates(live, claims(tenant, pool)))
        document["metadata"]["annotations"] = {ADOPTED: mark}
        return Wanted(_intended(tenant, document, running), rolls=False, adopted=True)
    document = workload(tenant, pool, ours, _templates(live, claims(tenant, pool)))
    intended = _intended(tenant, document, running)
    owed = intended.drift > 0 or running.intent != intended.intent
    return Wanted(intended, rolls=owed and not covers(live.spec.template, ours, exact=True))


def _is_as_before(running: Running, as_before: Mapping[str, Any], mark: str) -> bool:
    """Whether the pods are those of the operator before us, and the Tenant has not been changed since."""
    kept = running.set.metadata.annotations.get(ADOPTED)
    if kept is not None:
        return kept == mark
    return not running.intent and covers(running.set.spec.template, as_before, exact=True)


def _intended(tenant: Tenant, document: dict[str, Any], running: Running) -> Intended:
    """Give what is intended, and whether what is there says so and is not so: then somebody wrote over it."""
    intended = Intended(document, adopts=tenant.metadata.uid, realm=REALM)
    spec, live = document["spec"], running.set
    is_so = covers(live.spec.template, spec["template"]) and spec["replicas"] == live.spec.replicas
    if is_so or running.intent != intended.intent:
        return intended
    return replace(intended, drift=live.metadata.generation)


def _taken_over(live: StatefulSet) -> dict[str, Any]:
    """Give a template that changes no pod: byte by byte what the server has."""
    return dict(live.spec.template)


def _templates(live: StatefulSet, wanted: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give the templates of volumes as they are, since they cannot be changed, and volumes grow one by one.

    Where they are what is wanted, but for what a server fills in, they are given as they were when they were made: what
    is intended must not become something else by being done.
    """
    there = live.spec.volume_claim_templates
    ours = [_in_size_of(one, asked) for one, asked in zip(there, wanted, strict=False)]
    if len(there) == len(wanted) and all(map(_is_same, there, ours)):
        return ours
    return [{name: part for name, part in one.items() if name != "status"} for one in there]


def _in_size_of(live: Mapping[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """Say the size as the one that is there does: a larger one is for volumes, other words are no other intention."""
    if storage(live["spec"]) == storage(wanted["spec"]):
        return wanted
    return wanted | {"spec": with_storage(wanted["spec"], storage(live["spec"]))}


def _is_same(live: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    found, asked = live.get("metadata") or {}, wanted["metadata"]
    same_marks = all((found.get(one) or {}) == (asked.get(one) or {}) for one in ("labels", "annotations"))
    return same_marks and covers(live, wanted, exact=True)


def _mark(template: Mapping[str, Any]) -> str:
    return sha256(msgspec.json.encode(template, order="sorted")).hexdigest()[:32]
