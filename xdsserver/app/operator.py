"""The operator of Tenants: its tables, and the executor that writes what they say; without a cluster of its own.

Objects come in by `take`, from wherever they are read; time comes in by a clock. So a test runs it in virtual time
against a cluster of its own, and stops it wherever it waits.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Final, assert_never

from xdsserver.effects import Amended, Intended, Kept
from xdsserver.effects.events import Happening, Regarding
from xdsserver.effects.reverts import WITHIN_S, Reverts
from xdsserver.kube.executor import Clock, Executor, ExecutorOptions, Surroundings
from xdsserver.objects.meta import Name, ObjectKey
from xdsserver.objects.tenant import TENANT_GROUP
from xdsserver.pipeline.tenants import TenantStory
from xdsserver.tables import Change
from xdsserver.tenant.names import REALM
from xdsserver.tenant.observed import Refusal
from xdsserver.tenant.plan import Due, Unwanted
from xdsserver.tenant.workload import Making

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from xdsserver.effects import Decision
    from xdsserver.kube.answers import Answer
    from xdsserver.kube.executor import ObjectApi
    from xdsserver.kube.store import Change as StoreChange
    from xdsserver.kube.store import Reading
    from xdsserver.tables import Delta
    from xdsserver.tenant.notes import Note
    from xdsserver.tenant.plan import Plan

_NEVER_WRITTEN: Final = frozenset({"Secret", "Node", "StorageClass"})
"""Kinds that are read and no more, of which there may be many."""

_FAR_S: Final = 3600.0
"""How long nothing happens at most: a clock that was set is noticed within it."""


@dataclass(frozen=True)
class OperatorSurroundings:
    """What the operator asks and tells.

    `may_write` is asked before every write. `happened` is told what is worth an Event, `refused` the object, the words
    of the server and the seconds until the next try, `failed` each bug of ours, by table and row; `wrote_status` each
    answer to the write of a status, None where it had come about otherwise; `reconciled` the states of Tenants that
    were decided on together and the seconds that took, `requeued` after how many seconds one was looked at again.
    """

    api: ObjectApi
    may_write: Callable[[], bool]
    happened: Callable[[Happening], None] = lambda _happening: None
    refused: Callable[[ObjectKey, str, float], None] = lambda _key, _words, _wait_s: None
    failed: Callable[[tuple[str, object], Exception], None] = lambda _row, _fault: None
    wrote_status: Callable[[ObjectKey, Answer | None], None] = lambda _key, _answer: None
    reconciled: Callable[[Iterable[str], float], None] = lambda _states, _took_s: None
    requeued: Callable[[int], None] = lambda _delay_s: None
    clock: Clock = field(default_factory=Clock)
    making: Making = field(default_factory=Making)
    options: ExecutorOptions = field(default_factory=ExecutorOptions)


class Operator:
    """Takes what changed, and writes what is owed while it `run`s; not before everything has been listed once."""

    def __init__(self, around: OperatorSurroundings) -> None:
        self._around = around
        self._clock = around.clock
        self.story = TenantStory(around.making)
        cluster = Surroundings(
            around.api,
            self._decision,
            around.may_write,
            self._refused,
            wrote_status=around.wrote_status,
            applied=self._applied,
            clock=around.clock,
            realm=REALM,
        )
        self.executor = Executor(cluster, around.options)
        self._reverts = Reverts()
        self._told: dict[Name, frozenset[Note]] = {}
        self._alarms: dict[ObjectKey, float] = {}
        """When an object is looked at again though nothing was heard of it, in monotonic seconds."""
        self._news = asyncio.Event()

    def take(self, changes: Iterable[StoreChange], readings: Iterable[Reading]) -> None:
        """Take what a source told, all at once."""
        rows = [row for change in changes for row in self.story.change(*change)]
        for key, observed in readings:
            rows += self.story.reading(key, observed)
            if key.kind in _NEVER_WRITTEN:
                continue
            if observed is None:
                self.executor.gone(key)
                self._reverts.forget(key)
                rows += [Change(self.story.refusals, key, None), Change(self.story.contested, key, None)]
            else:
                self.executor.read(key, observed)
        self._apply(rows)

    async def run(self) -> None:
        """Write what is owed, until it is cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.executor.run())
            tasks.create_task(self._wake())

    def _apply(self, rows: Iterable[Change]) -> None:
        begun_s = self._clock.monotonic()
        delta = self.story.apply(rows)
        took_s = self._clock.monotonic() - begun_s
        for row, fault in delta.failures.items():
            self._around.failed(row, fault)
        if outcomes := self._outcomes(delta):
            self._around.reconciled(outcomes, took_s)
        self._set_alarms(delta)
        self.executor.touch((*delta[self.story.decisions], *delta[self.story.statuses]))
        for name, plan in delta[self.story.plans].items():
            self._tell(name, plan)

    def _outcomes(self, delta: Delta) -> list[str]:
        """Say what became of each Tenant for which something else was decided than before."""
        # A Tenant with a fault of ours has no plan: the fault is its outcome, and nothing went.
        faults = {key for table, key in delta.failures if table in {self.story.observed.name, self.story.plans.name}}
        plans = [plan for name, plan in delta[self.story.plans].items() if name not in faults]
        states = ["Deleted" if one is None or one.status is None else str(one.status["currentState"]) for one in plans]
        return states + ["Failed"] * len(faults)

    # What is decided, and what became of it.

    def _decision(self, key: ObjectKey) -> Decision | None:
        if key.kind == "Tenant":
            return self.story.statuses.rows.get(key)
        match self.story.decisions.rows.get(key):
            case None:
                # What is not decided on stays. When its Tenant is gone, the cluster takes away what belonged to it.
                return Kept()
            case Unwanted():
                return None
            case Due() as due:
                return due.removed if self._left_s(due) <= 0 else Kept()
            case Intended() | Kept() | Amended() as decided:
                return decided
            case never:
                assert_never(never)

    def _left_s(self, due: Due) -> float:
        return (datetime.fromisoformat(due.at) - self._clock.today()).total_seconds()

    def _refused(self, key: ObjectKey, words: str, wait_s: float) -> None:
        self._around.refused(key, words, wait_s)
        decided = self.story.decisions.rows.get(key)
        if isinstance(decided, Intended):
            self._apply([Change(self.story.refusals, key, Refusal(decided.intent, words))])

    def _applied(self, key: ObjectKey, intended: Intended) -> None:
        rows = [Change(self.story.refusals, key, None)]
        if intended.drift and self._reverts.reverted(key, self._clock.monotonic()):
            rows.append(Change(self.story.contested, key, True))  # noqa: FBT003
            self._alarm(key, WITHIN_S)
        self._apply(rows)

    # What comes with time.

    def _set_alarms(self, delta: Delta) -> None:
        for key, owed in delta[self.story.decisions].items():
            if isinstance(owed, Due):
                self._alarm(key, self._left_s(owed))
        for name, plan in delta[self.story.plans].items():
            key = ObjectKey("Tenant", *name)
            if plan is None or plan.requeue_s is None:
                self._alarms.pop(key, None)
            else:
                self._alarm(key, plan.requeue_s)

    def _alarm(self, key: ObjectKey, after_s: float) -> None:
        self._alarms[key] = self._clock.monotonic() + max(0.0, after_s)
        self._news.set()

    async def _wake(self) -> None:
        while True:
            self._news.clear()
            now_s = self._clock.monotonic()
            for key in [key for key, at_s in self._alarms.items() if at_s <= now_s]:
                del self._alarms[key]
                self._ring(key)
            left_s = min((at_s - self._clock.monotonic() for at_s in self._alarms.values()), default=_FAR_S)
            await self._nap(min(max(left_s, 0.0), _FAR_S))

    def _ring(self, key: ObjectKey) -> None:
        if key in self.story.contested.rows:
            self._apply([Change(self.story.contested, key, None)])
        if key.kind == "Tenant":
            plan = self.story.plans.rows.get(Name(key.namespace, key.name))
            self.executor.touch((key, *(plan.objects if plan is not None else ())))
            if plan is not None and plan.requeue_s is not None:
                self._around.requeued(plan.requeue_s)
                self._alarm(key, plan.requeue_s)
        else:
            self.executor.touch([key])

    async def _nap(self, seconds: float) -> None:
        """Sleep for some seconds, or until there is another alarm."""
        waits = [asyncio.ensure_future(self._clock.sleep(seconds)), asyncio.ensure_future(self._news.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                one.cancel()

    # What people are told.

    def _tell(self, name: Name, plan: Plan | None) -> None:
        before = self._told.pop(name, frozenset())
        tenant = self.story.tenants.rows.get(name)
        if plan is None or tenant is None:
            return
        self._told[name] = frozenset(plan.notes)
        regarding = Regarding(ObjectKey("Tenant", *name), f"{TENANT_GROUP}/v1alpha1", tenant.metadata.uid)
        for note in dict.fromkeys(plan.notes):
            if note not in before:
                self._around.happened(Happening(regarding, note.type, note.reason, note.words))
