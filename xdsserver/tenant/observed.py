"""What is there of a Tenant, as `plan` is handed it: values, narrow, and without a clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from xdsserver.objects.secret import Secret
from xdsserver.objects.workloads import StatefulSetStatus

if TYPE_CHECKING:
    from xdsserver.objects.meta import ObjectKey
    from xdsserver.objects.scheduling import Toleration
    from xdsserver.objects.workloads import Conditioned, Node, StatefulSet

Secrets = Mapping[str, Secret]
"""Secrets of the Tenant's namespace, by name."""


@dataclass(frozen=True, slots=True)
class Running:
    """A StatefulSet as it is."""

    set: StatefulSet
    status: StatefulSetStatus = field(default_factory=StatefulSetStatus)
    intent: str = ""
    """What it says that we intended; empty on one that we did not write yet."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A volume: what it asks for and has, in the words of Kubernetes; `capacity` is "" before it is bound."""

    name: str
    uid: str
    storage_class: str | None
    requested: str
    capacity: str


@dataclass(frozen=True, slots=True)
class SeenPod:
    """A pod; `owner` is the uid of what controls it, `owner_kind` its kind, `leaving` when it was to be gone."""

    name: str
    uid: str
    node: str
    ready: bool
    owner_kind: str = ""
    owner: str = ""
    leaving: str | None = None
    tolerations: tuple[Toleration, ...] = ()


@dataclass(frozen=True, slots=True)
class SeenNode:
    """A node that is there."""

    node: Node
    status: Conditioned


@dataclass(frozen=True, slots=True)
class Refusal:
    """The API server did not take what was intended; a refusal of something else means nothing any more."""

    intent: str
    words: str


@dataclass(frozen=True, slots=True)
class Observed:
    """All that a plan reads beside the Tenant itself.

    `running` are StatefulSets with the Tenant's label, by name. `made` are objects of ours that are there, with what
    they say that we intended. `claims` are volumes by name. A node that is not in `nodes` is gone. `contested` are
    objects whose fields somebody else writes again and again. `credentials` is the mark of the credentials that the
    Secret has, where pods are to follow it.
    """

    running: Mapping[str, Running] = field(default_factory=dict)
    secrets: Secrets = field(default_factory=dict)
    claims: Mapping[str, Claim] = field(default_factory=dict)
    pods: tuple[SeenPod, ...] = ()
    nodes: Mapping[str, SeenNode] = field(default_factory=dict)
    expandable: Mapping[str, bool] = field(default_factory=dict)
    """Which StorageClasses let volumes grow."""
    made: Mapping[ObjectKey, str] = field(default_factory=dict)
    refusals: Mapping[ObjectKey, Refusal] = field(default_factory=dict)
    contested: frozenset[ObjectKey] = frozenset()
    taken: Mapping[str, str] = field(default_factory=dict)
    """StatefulSets that an older Tenant gets, by name, and its name."""
    credentials: str = ""
