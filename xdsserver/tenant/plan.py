"""One function in the middle: a Tenant and what is there of it go in, all that is owed to it comes out.

In order, each step only where those before it are done: accounts and Services, then StatefulSets, then what leans on
them. Whatever stops the operator between two writes, the next plan begins where it stopped.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from xdsserver.effects import Amended, Intended, Kept, Removed
from xdsserver.objects.meta import ObjectKey
from xdsserver.tenant import credentials, encryption, validity
from xdsserver.tenant.access import access, unwanted
from xdsserver.tenant.growth import growth
from xdsserver.tenant.immutable import immutable_changes
from xdsserver.tenant.names import REALM, stateful_set
from xdsserver.tenant.nodes import Eviction, evictions
from xdsserver.tenant.notes import Note, note_of, notes
from xdsserver.tenant.orphans import orphans
from xdsserver.tenant.pools import views
from xdsserver.tenant.reasons import Finding, Impact, Reason
from xdsserver.tenant.requeue import requeue_s
from xdsserver.tenant.rollout import held
from xdsserver.tenant.services import services
from xdsserver.tenant.status import WORKLOADS, status, workload_findings
from xdsserver.tenant.update import wanted
from xdsserver.tenant.workload import budget

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from xdsserver.objects.tenant import Tenant
    from xdsserver.objects.tenantpools import Pool
    from xdsserver.tenant.observed import Observed
    from xdsserver.tenant.update import Wanted
    from xdsserver.tenant.workload import Making


@dataclass(frozen=True, slots=True)
class Due:
    """What is to become of a pod at a time (RFC 3339, in UTC), and not before."""

    removed: Removed
    at: str


@dataclass(frozen=True, slots=True)
class Unwanted:
    """An object that is to go, where it is ours."""


Owed = Intended | Kept | Amended | Due | Unwanted
"""What may be owed to one object."""


@dataclass(frozen=True, slots=True)
class Plan:
    """All that is owed to a Tenant now. What is not in `objects` stays as it is.

    `status` has no times; None where nothing is to be said any more. `notes` are told once while they are so.
    `requeue_s` is when to look again though nothing was heard.
    """

    objects: Mapping[ObjectKey, Owed] = field(default_factory=dict)
    status: Mapping[str, Any] | None = None
    notes: tuple[Note, ...] = ()
    requeue_s: int | None = None


def plan(tenant: Tenant, observed: Observed, making: Making) -> Plan:
    """Decide on a Tenant."""
    if tenant.metadata.deletion_timestamp is not None:
        # What it owns goes with it, and its volumes stay; there is nothing outside that would have to go first.
        return Plan()
    making = replace(making, credentials=observed.credentials)
    findings = [*_inputs(tenant, observed), *orphans(tenant, observed)]
    objects: dict[ObjectKey, Owed] = {}
    told: list[Note] = []
    if not any(one.reason is Reason.INVALID_TENANT_NAME for one in findings):
        first = _bound_last(_keyed(tenant, (*access(tenant), *services(tenant))), observed)
        objects |= first | dict.fromkeys(unwanted(tenant), Unwanted())
        pools = _Pools(tenant, observed, making)
        pools.decide(may_start=not _stops(findings), ready=_are_made(first, observed))
        objects |= pools.objects
        findings += pools.findings
        told += pools.notes
    findings += _refused(objects, observed)
    leaving = list(evictions(tenant, observed))
    objects |= {
        ObjectKey("Pod", tenant.metadata.namespace, one.pod.name): Due(
            Removed(one.pod.uid, 0 if one.forced else None), one.due
        )
        for one in leaving
        if isinstance(one, Eviction)
    }
    shown = views(tenant, observed)
    return Plan(
        objects,
        status(tenant, findings, shown),
        (*told, *notes(findings), *map(note_of, leaving)),
        requeue_s([*findings, *workload_findings(shown)], stuck=bool(leaving)),
    )


def _inputs(tenant: Tenant, observed: Observed) -> Iterable[Finding]:
    """Check what the user gave, all of it, so that one look at the status is enough."""
    yield from validity.check(tenant)
    yield credentials.check(tenant.spec, observed.secrets)
    rpc = credentials.check_rpc(tenant.spec, observed.secrets)
    yield from (rpc,) if rpc is not None else ()
    yield encryption.check(tenant, observed.secrets)


def _stops(findings: Iterable[Finding]) -> bool:
    """Whether servers would start, or be started anew, with what cannot be used. An orphan says nothing of the rest."""
    return any(one.impact is Impact.BLOCKED and one.reason is not Reason.POOL_DELETE_BLOCKED for one in findings)


def _keyed(tenant: Tenant, documents: Iterable[dict[str, Any]]) -> dict[ObjectKey, Owed]:
    uid, namespace = tenant.metadata.uid, tenant.metadata.namespace
    return {
        ObjectKey(one["kind"], namespace, one["metadata"]["name"]): Intended(one, adopts=uid, realm=REALM)
        for one in documents
    }


def _bound_last(objects: dict[ObjectKey, Owed], observed: Observed) -> dict[ObjectKey, Owed]:
    """Let a RoleBinding wait for its Role: an API server looks at what is given before it lets anybody give it."""
    roles = {key: one for key, one in objects.items() if key.kind == "Role"}
    if _are_made(roles, observed):
        return objects
    return {key: Kept() if key.kind == "RoleBinding" else one for key, one in objects.items()}


def _are_made(objects: Mapping[ObjectKey, Owed], observed: Observed) -> bool:
    return all(observed.made.get(key) == one.intent for key, one in objects.items() if isinstance(one, Intended))


def _refused(objects: Mapping[ObjectKey, Owed], observed: Observed) -> Iterable[Finding]:
    """Say what the API server did not take; its words, until what is intended is something else."""
    for key, one in objects.items():
        refusal = observed.refusals.get(key)
        if not isinstance(one, Intended) or refusal is None or refusal.intent != one.intent:
            continue
        failed = Reason.STATEFUL_SET_APPLY_FAILED if key.kind == "StatefulSet" else Reason.OBJECT_APPLY_FAILED
        yield Finding(WORKLOADS, failed, f"{key.kind} {key.name} cannot be written: {refusal.words}")


class _Pools:
    """The decision on all pools of a Tenant, which depend on each other."""

    def __init__(self, tenant: Tenant, observed: Observed, making: Making) -> None:
        self._tenant, self._observed, self._making = tenant, observed, making
        self.objects: dict[ObjectKey, Owed] = {}
        self.findings: list[Finding] = []
        self.notes: list[Note] = []

    def decide(self, *, may_start: bool, ready: bool) -> None:
        if may_start and not ready:
            words = "StatefulSets wait until accounts and Services of the Tenant are there"
            self.findings.append(Finding(WORKLOADS, Reason.OBJECTS_PENDING, words))
        found = {pool.name: self._wanted(pool) for pool in self._tenant.spec.pools} if may_start and ready else {}
        rolling = [name for name, one in found.items() if one is not None and one.rolls]
        waiting = held(self._tenant, self._observed, rolling)
        for pool in self._tenant.spec.pools:
            one = found.get(pool.name)
            if pool.name in waiting:
                self.findings.append(Finding(WORKLOADS, Reason.ROLLOUT_HELD, waiting[pool.name]))
            self._owe(pool, None if pool.name in waiting else one)
            self._grow(pool)

    def _key(self, kind: str, name: str) -> ObjectKey:
        return ObjectKey(kind, self._tenant.metadata.namespace, name)

    def _wanted(self, pool: Pool) -> Wanted | None:
        """Decide on a StatefulSet, or say why it stays as it is."""
        name = stateful_set(self._tenant, pool)
        if name in self._observed.taken:
            words = f"StatefulSet {name} is that of Tenant {self._observed.taken[name]}, which is older"
            remedy = f"give pool {pool.name} another name"
            self.findings.append(Finding(WORKLOADS, Reason.NAME_TAKEN, f"{words}; {remedy}"))
            return None
        running = self._observed.running.get(name)
        if running is not None and (broken := [*immutable_changes(self._tenant, pool, running.set.spec)]):
            self.findings += [Finding("PoolsReady", Reason.IMMUTABLE_FIELD_MODIFIED, words) for words in broken]
            return None
        if self._key("StatefulSet", name) in self._observed.contested:
            words = f"StatefulSet {name}: somebody else writes the fields that the Tenant decides on, again and again"
            self.findings.append(Finding(WORKLOADS, Reason.CONFLICTED, f"{words}; it is left alone for ten minutes"))
            return None
        return wanted(self._tenant, pool, running, self._making)

    def _owe(self, pool: Pool, one: Wanted | None) -> None:
        name = stateful_set(self._tenant, pool)
        running = self._observed.running.get(name)
        self.objects[self._key("StatefulSet", name)] = Kept() if one is None else one.intended
        if running is not None:
            self.objects |= _keyed(self._tenant, [budget(self._tenant, pool)])
        if one is None:
            return
        if running is None:
            self.notes.append(Note.normal("StatefulSetCreated", f"StatefulSet {name} is made"))
        elif one.rolls:
            self.notes.append(Note.normal("StatefulSetUpdateStarted", f"StatefulSet {name} is brought up to date"))

    def _grow(self, pool: Pool) -> None:
        found = growth(self._tenant, pool, self._observed)
        self.findings += [found.finding] if found.finding is not None else []
        if found.next is not None:
            claim, size = found.next
            fields = {"spec": {"resources": {"requests": {"storage": size}}}}
            self.objects[self._key("PersistentVolumeClaim", claim.name)] = Amended(claim.uid, fields)
