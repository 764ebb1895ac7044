"""The status of a Tenant: conditions that stay and turn, from findings of every aspect and the states of its pools.

It is said on every way through a plan, also where nothing can be done: who reads it learns what to change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from xdsserver.tenant import credentials, encryption, growth, validity
from xdsserver.tenant.pools import PoolState
from xdsserver.tenant.reasons import MEANINGS, Finding, Impact, Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from xdsserver.objects.tenant import Tenant
    from xdsserver.tenant.pools import PoolView

WORKLOADS: Final = "WorkloadsReady"

_ASPECTS: Final = (
    (validity.CONDITION, Reason.SPEC_VALID, "the spec is sound"),
    (credentials.CONDITION, Reason.CREDENTIALS_VALID, "the credentials can be used"),
    (credentials.RPC_CONDITION, None, ""),
    (encryption.CONDITION, Reason.KMS_CONFIGURED, "the keys can be had"),
    (growth.CONDITION, Reason.RECONCILE_SUCCEEDED, "all pools are as the spec says"),
    (WORKLOADS, Reason.ALL_PODS_READY, ""),
)
"""Aspects in the order of their conditions, and what is so where nothing was found; one without is left out then."""

_SEVERITY: Final = (Impact.BLOCKED, Impact.UNHEALTHY, Impact.WAITING, Impact.FINE)


def status(tenant: Tenant, findings: Sequence[Finding], pools: Sequence[PoolView]) -> dict[str, Any]:
    """Give the status; conditions without times."""
    everything = [*findings, *workload_findings(pools)]
    aspects = [_condition(tenant, found.condition, found) for found in _aspects(everything, pools)]
    worst = min(everything, key=lambda one: _SEVERITY.index(one.impact), default=None)
    summary = [_whole(tenant, type_, is_so=is_so, because=because) for type_, is_so, because in _summary(worst, pools)]
    actions = dict.fromkeys(action for one in everything for action in MEANINGS[one.reason].next_actions)
    return {
        "currentState": _state(worst),
        "observedGeneration": tenant.metadata.generation,
        "availableReplicas": sum(one.ready for one in pools),
        "pools": [one.document() for one in pools],
        "conditions": [*summary, *aspects],
        "nextActions": list(actions),
    }


def _aspects(findings: Iterable[Finding], pools: Sequence[PoolView]) -> Iterable[Finding]:
    for condition, sound, words in _ASPECTS:
        found = worst_of(findings, condition)
        if found is not None:
            yield found
        elif sound is not None:
            yield Finding(condition, sound, words or _ready_words(pools))


def workload_findings(pools: Iterable[PoolView]) -> Iterable[Finding]:
    """Say how the pods of each pool are."""
    for one in pools:
        numbers = f"pool {one.pool.name}: {one.ready}/{one.servers} pods ready"
        match one.state:
            case PoolState.DEGRADED:
                yield Finding(WORKLOADS, Reason.POOL_DEGRADED, numbers)
            case PoolState.UPDATING | PoolState.NOT_CREATED:
                yield Finding(WORKLOADS, Reason.ROLLOUT_IN_PROGRESS, numbers)
            case PoolState.INITIALIZED:
                yield Finding(WORKLOADS, Reason.PODS_NOT_READY, numbers)
            case PoolState.ROLLOUT_COMPLETE:
                pass


def worst_of(findings: Iterable[Finding], condition: str) -> Finding | None:
    """Give the worst finding of one aspect, of equals the first; None where there is none."""
    found = [one for one in findings if one.condition == condition]
    return min(found, key=lambda one: _SEVERITY.index(one.impact), default=None)


def _ready_words(pools: Sequence[PoolView]) -> str:
    return f"{sum(one.ready for one in pools)}/{sum(one.servers for one in pools)} pods ready"


def _summary(worst: Finding | None, pools: Sequence[PoolView]) -> Iterable[tuple[str, bool, Finding]]:
    fine = Finding("Ready", Reason.ALL_PODS_READY, _ready_words(pools))
    impact = worst.impact if worst is not None else Impact.FINE
    because = fine if worst is None or impact is Impact.FINE else worst
    done = Finding("", Reason.RECONCILE_SUCCEEDED, "nothing is wrong")
    yield "Ready", impact is Impact.FINE, because
    yield "Reconciling", impact is Impact.WAITING, because if impact is Impact.WAITING else done
    broken = impact in {Impact.BLOCKED, Impact.UNHEALTHY}
    yield "Degraded", broken, because if broken else done


def _whole(tenant: Tenant, type_: str, *, is_so: bool, because: Finding) -> dict[str, Any]:
    return _document(tenant, type_, "True" if is_so else "False", because)


def _condition(tenant: Tenant, type_: str, finding: Finding) -> dict[str, Any]:
    match finding.impact:
        case Impact.FINE:
            verdict = "True"
        case Impact.WAITING:
            # For pods "not yet" is a plain no; of what else goes on by itself nothing is wrong.
            verdict = "False" if type_ == WORKLOADS else "Unknown"
        case Impact.UNHEALTHY | Impact.BLOCKED:
            verdict = "False"
    return _document(tenant, type_, verdict, finding)


def _document(tenant: Tenant, type_: str, verdict: str, finding: Finding) -> dict[str, Any]:
    return {
        "type": type_,
        "status": verdict,
        "reason": finding.reason.value,
        "message": finding.message,
        "observedGeneration": tenant.metadata.generation,
    }


def _state(worst: Finding | None) -> str:
    match worst.impact if worst is not None else Impact.FINE:
        case Impact.FINE:
            return "Ready"
        case Impact.WAITING:
            return "Updating"
        case Impact.BLOCKED:
            return "Blocked"
        case Impact.UNHEALTHY:
            return "Degraded" if worst is not None and worst.reason is Reason.POOL_DEGRADED else "NotReady"
