"""The chapter of Tenants: tables of their own, from what is there of each to what is owed to it.

A story beside the other one, since nothing of it leads to Envoys: what a Tenant wants of a Gateway is read there, from
the Tenant itself. So whoever runs Tenants needs no table of routes, and the other way round.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from xdsserver.effects import Decided
from xdsserver.objects.meta import Name, ObjectKey
from xdsserver.objects.secret import Secret
from xdsserver.objects.tenant import Tenant
from xdsserver.objects.workloads import (
    Conditioned,
    Node,
    PersistentVolumeClaim,
    PersistentVolumeClaimStatus,
    Pod,
    StatefulSet,
    StatefulSetStatus,
    StorageClass,
)
from xdsserver.tables import Change, Graph
from xdsserver.tenant.credentials import mark, secret_of
from xdsserver.tenant.names import TENANT_LABEL, owned, stateful_set
from xdsserver.tenant.observed import Claim, Observed, Refusal, Running, SeenNode, SeenPod
from xdsserver.tenant.plan import plan
from xdsserver.tenant.references import secret_names
from xdsserver.tenant.validity import is_name
from xdsserver.tenant.workload import Making

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from xdsserver.effects import Observed as Reading
    from xdsserver.objects.meta import KubeObject
    from xdsserver.tables import Delta, Read, Source, Table
    from xdsserver.tenant.plan import Owed, Plan

OwedKey = tuple[ObjectKey, str, Name]
"""An object, and the Tenant that wants it so: since when that is there (the older one comes first), and its name."""

Rank = tuple[str, Name]

_Status = StatefulSetStatus | PersistentVolumeClaimStatus | Conditioned

_STATUS: Mapping[str, type[_Status]] = {
    "StatefulSet": StatefulSetStatus,
    "PersistentVolumeClaim": PersistentVolumeClaimStatus,
    "Pod": Conditioned,
    "Node": Conditioned,
}

K2 = TypeVar("K2")
V2 = TypeVar("V2")


class TenantStory:
    """The tables, declared in the order in which they follow from each other."""

    def __init__(self, making: Making | None = None) -> None:
        self.making = making or Making()
        self.graph = graph = Graph()

        # Sources: objects by name; what their statuses say; and what became of our own writes.
        self.tenants = graph.source("tenants", Tenant)
        self.secrets = graph.source("secrets", Secret)
        self.stateful_sets = graph.source("stateful_sets", StatefulSet)
        self.claims = graph.source("claims", PersistentVolumeClaim)
        self.pods = graph.source("pods", Pod)
        self.nodes = graph.source("nodes", Node)
        self.storage_classes = graph.source("storage_classes", StorageClass)
        self.set_statuses = graph.source("set_statuses", StatefulSetStatus)
        self.claim_statuses = graph.source("claim_statuses", PersistentVolumeClaimStatus)
        self.pod_statuses = graph.source("pod_statuses", Conditioned)
        self.node_statuses = graph.source("node_statuses", Conditioned)
        self.intents = graph.source("intents", str)
        self.refusals = graph.source("refusals", Refusal)
        self.contested: Source[ObjectKey, bool] = graph.source("contested", bool)

        # What belongs to which Tenant, by its label.
        self.sets_of = graph.index("sets_of", self.stateful_sets, tenant_of)
        self.claims_of = graph.index("claims_of", self.claims, tenant_of)
        self.pods_of = graph.index("pods_of", self.pods, tenant_of)

        # Which StatefulSets each Tenant asks for. Two may ask for one (a-b with pool c, and a with pool b-c).
        self.asked = graph.derive("asked", self.tenants, self._on(to_asked))
        self.holders = graph.group("holders", self.asked, lambda key, _asked: key[0], fold=oldest)

        # What is there of each Tenant, and what that means for it.
        self.marks = graph.derive("marks", self.tenants, self._on(to_marks))
        self.observed = graph.derive("observed", self.tenants, self._on(to_observed))
        self.plans = graph.derive("plans", self.tenants, self._on(to_plans))

        # What is owed. Of two Tenants that want one object the older one gets it.
        self.owed = graph.derive("owed", self.plans, self._on(to_owed))
        self.decisions: Table[ObjectKey, Owed] = graph.group(
            "decisions", self.owed, lambda key, _owed: key[0], fold=oldest
        )
        self.statuses = graph.derive("statuses", self.plans, self._on(to_statuses))

        self._sources: Mapping[str, Source[Name, Any]] = {
            "Tenant": self.tenants,
            "Secret": self.secrets,
            "StatefulSet": self.stateful_sets,
            "PersistentVolumeClaim": self.claims,
            "Pod": self.pods,
            "Node": self.nodes,
            "StorageClass": self.storage_classes,
        }
        self._statuses: Mapping[str, Source[Name, Any]] = {
            "StatefulSet": self.set_statuses,
            "PersistentVolumeClaim": self.claim_statuses,
            "Pod": self.pod_statuses,
            "Node": self.node_statuses,
        }

    def change(self, kind: str, name: Name, row: KubeObject | None) -> tuple[Change, ...]:
        """Give the change of an object for `apply`; none for a kind that is not read here."""
        source = self._sources.get(kind)
        return () if source is None else (Change(source, name, row),)

    def reading(self, key: ObjectKey, reading: Reading | None) -> tuple[Change, ...]:
        """Give the changes by what was read of an object beside its fields; None: it is gone."""
        name = Name(key.namespace, key.name)
        found = [Change(self.intents, key, (reading.intent or None) if reading is not None else None)]
        if key.kind in self._statuses:
            status = None if reading is None else _status(key.kind, reading.status)
            found.append(Change(self._statuses[key.kind], name, status))
        return tuple(found)

    def apply(self, changes: Iterable[Change]) -> Delta:
        """Bring all tables up to date."""
        return self.graph.apply(changes)

    def _on(
        self, derivation: Callable[[TenantStory, Read, Name, Any], Mapping[K2, V2]]
    ) -> Callable[[Read, Name, Any], Mapping[K2, V2]]:
        """Give a derivation the tables that it may read."""
        return partial(derivation, self)


def _status(kind: str, status: bytes) -> _Status:
    form = _STATUS[kind]
    try:
        return msgspec.json.decode(status or b"{}", type=form)
    except msgspec.MsgspecError:
        # Of a form that we do not know: as good as none, and never a reason to touch what runs.
        return form()


def tenant_of(key: Name, row: KubeObject) -> Name | None:
    """Give the Tenant that the labels of an object name."""
    label = row.metadata.labels.get(TENANT_LABEL)
    return None if label is None else Name(key.namespace, label)


def to_marks(tables: TenantStory, read: Read, key: Name, tenant: Tenant) -> Mapping[Name, str]:
    """A row of its own, since making one takes long: it is made again for another Secret, and for nothing else."""
    named = secret_of(tenant.spec)
    if named is None or not named.restart_on_change:
        return {}
    secret = read(tables.secrets, Name(key.namespace, named.name))
    return {} if secret is None else {key: mark(secret, tenant.metadata.uid)}


def to_asked(_tables: TenantStory, _read: Read, key: Name, tenant: Tenant) -> Mapping[OwedKey, str]:
    """Name the Tenant for each StatefulSet that it asks for; one that goes, or cannot have any, asks for none."""
    if tenant.metadata.deletion_timestamp is not None or not is_name(key.name):
        return {}
    sets = (ObjectKey("StatefulSet", key.namespace, stateful_set(tenant, pool)) for pool in tenant.spec.pools)
    return {(one, tenant.metadata.creation_timestamp, key): key.name for one in sets}


def to_observed(tables: TenantStory, read: Read, key: Name, tenant: Tenant) -> Mapping[Name, Observed]:
    names = secret_names(tenant.spec)
    secrets = {name: read(tables.secrets, Name(key.namespace, name)) for name in names}
    pods = [one for name in read(tables.pods_of, key) or () for one in _pod(tables, read, name)]
    claims = [one for name in read(tables.claims_of, key) or () for one in _claim(tables, read, name)]
    classes = {one.storage_class for one in claims if one.storage_class is not None}
    ours = [*owned(tenant), *(ObjectKey("StatefulSet", *name) for name in read(tables.sets_of, key) or ())]
    return {
        key: Observed(
            running={name.name: one for name in read(tables.sets_of, key) or () for one in _set(tables, read, name)},
            secrets={name: one for name, one in secrets.items() if one is not None},
            claims={one.name: one for one in claims},
            pods=tuple(pods),
            # Nodes wake nobody but those whose pods cannot leave.
            nodes=_nodes(tables, read, {one.node for one in pods if one.leaving is not None}),
            expandable={name: _expandable(tables, read, name) for name in classes},
            made={one: intent for one in ours if (intent := read(tables.intents, one)) is not None},
            refusals={one: refusal for one in ours if (refusal := read(tables.refusals, one)) is not None},
            contested=frozenset(one for one in ours if read(tables.contested, one)),
            taken=_taken(tables, read, key, tenant),
            credentials=read(tables.marks, key) or "",
        )
    }


def _taken(tables: TenantStory, read: Read, key: Name, tenant: Tenant) -> Mapping[str, str]:
    names = (stateful_set(tenant, pool) for pool in tenant.spec.pools)
    holders = {name: read(tables.holders, ObjectKey("StatefulSet", key.namespace, name)) for name in names}
    return {name: holder for name, holder in holders.items() if holder is not None and holder != key.name}


def _set(tables: TenantStory, read: Read, name: Name) -> Iterable[Running]:
    row = read(tables.stateful_sets, name)
    if row is not None:
        status = read(tables.set_statuses, name) or StatefulSetStatus()
        yield Running(row, status, read(tables.intents, ObjectKey("StatefulSet", *name)) or "")


def _claim(tables: TenantStory, read: Read, name: Name) -> Iterable[Claim]:
    row = read(tables.claims, name)
    if row is not None:
        status = read(tables.claim_statuses, name) or PersistentVolumeClaimStatus()
        requested, capacity = row.spec.resources.requests.get("storage", ""), status.capacity.get("storage", "")
        yield Claim(name.name, row.metadata.uid, row.spec.storage_class_name, requested, capacity)


def _pod(tables: TenantStory, read: Read, name: Name) -> Iterable[SeenPod]:
    row = read(tables.pods, name)
    if row is None:
        return
    status = (read(tables.pod_statuses, name) or Conditioned()).ready()
    controller, metadata = row.metadata.controller, row.metadata
    yield SeenPod(
        name.name,
        metadata.uid,
        row.spec.node_name,
        ready=status is not None and status.status == "True",
        owner_kind="" if controller is None else controller.kind,
        owner="" if controller is None else controller.uid,
        leaving=metadata.deletion_timestamp,
        tolerations=row.spec.tolerations,
    )


def _nodes(tables: TenantStory, read: Read, names: Iterable[str]) -> Mapping[str, SeenNode]:
    found = {}
    for name in names:
        row = read(tables.nodes, Name("", name))
        if row is not None:
            found[name] = SeenNode(row, read(tables.node_statuses, Name("", name)) or Conditioned())
    return found


def _expandable(tables: TenantStory, read: Read, name: str) -> bool:
    found = read(tables.storage_classes, Name("", name))
    return found is not None and found.allow_volume_expansion


def to_plans(tables: TenantStory, read: Read, key: Name, tenant: Tenant) -> Mapping[Name, Plan]:
    observed = read(tables.observed, key)
    return {} if observed is None else {key: plan(tenant, observed, tables.making)}


def to_owed(tables: TenantStory, read: Read, key: Name, decided: Plan) -> Mapping[OwedKey, Owed]:
    tenant = read(tables.tenants, key)
    since = "" if tenant is None else tenant.metadata.creation_timestamp
    return {(one, since, key): owed for one, owed in decided.objects.items()}


def oldest(_key: ObjectKey, members: Sequence[tuple[OwedKey, V2]]) -> V2:
    return members[0][1]


def to_statuses(tables: TenantStory, read: Read, key: Name, decided: Plan) -> Mapping[ObjectKey, Decided]:
    tenant = read(tables.tenants, key)
    if tenant is None or decided.status is None:
        return {}
    return {ObjectKey("Tenant", *key): Decided(tenant.metadata.uid, dict(decided.status), ours=True)}
