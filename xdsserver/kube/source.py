"""A cluster as a source of objects: all kinds followed at once, told together, and nothing before all have listed.

The API server being away is noticed by each kind for itself; that it is back is noticed once, by asking it every few
seconds whether it is ready, so that nobody sits out a long pause.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from xdsserver.infrastructure.identity import MANAGED_BY, MANAGER
from xdsserver.kube.errors import KubeError, Unavailable, Unreachable
from xdsserver.kube.following import Followed, Following, Standing
from xdsserver.kube.reflector import Reflector, Shared, Timing
from xdsserver.objects.kinds import BY_NAME, KINDS, OWNED, TENANT_OWNED, TENANT_READ, Kind
from xdsserver.objects.meta import KubeObject, ObjectKey
from xdsserver.tenant.names import TENANT_LABEL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence

    from xdsserver.kube.client import KubeClient
    from xdsserver.kube.store import Change, News, Reading

PROBE_S = 2.5
"""How often an API server that does not answer is asked whether it is ready."""

WITH_STATUS = frozenset(
    {"GatewayClass", "Gateway", "ListenerSet", "HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute", "UDPRoute"}
    | {"BackendTLSPolicy", "XBackend", "XTelemetryPolicy", "EnvoyFleet", "Tenant", "Service"}
)
"""Kinds whose status is ours to write, or (Service) tells an address that we need."""

OPTIONAL = frozenset({"ServiceCIDR", "ServiceImport", "XBackend", "XTelemetryPolicy", "ClusterTrustBundle", "Tenant"})
"""Kinds that a cluster may keep from us: nobody waits for them where they may not be read."""

CRDS = Followed(
    Kind("CustomResourceDefinition", "apiextensions.k8s.io", ("v1",), KubeObject, namespaced=False),
    status=True,
    optional=True,
    # Their schemas have hundreds of kilobytes; that something happened to one, and what release it is of, is in its
    # metadata.
    named_only=True,
)

NODES = Followed(
    Kind("Node", "", ("v1",), KubeObject, namespaced=False),
    # Their addresses, which are in there; so more than metadata has to be asked for.
    status=True,
    optional=True,
)


def everything(selectors: Mapping[str, str] | None = None, namespaces: Iterable[str] = ()) -> tuple[Followed, ...]:
    """Give all kinds that we read; `selectors` are label selectors by kind.

    Where `namespaces` are named, each kind is followed in each of them for itself, and of Namespaces nothing is read
    but these: that is all that the roles then allow.
    """
    selectors, named = selectors or {}, tuple(dict.fromkeys(namespaces)) or ("",)

    def followed(kind: Kind, namespace: str) -> Followed:
        status, optional = kind.name in WITH_STATUS, kind.name in OPTIONAL
        return Followed(kind, selectors.get(kind.name, ""), status, optional, namespace=namespace)

    return tuple(
        followed(kind, namespace)
        for kind in KINDS
        for namespace in (named if kind.namespaced or kind.name == "Namespace" else ("",))
    )


def ours(namespaces: Iterable[str] = ()) -> tuple[Followed, ...]:
    """Give the kinds of which we follow our own objects alone, and of these nothing but whether they are as intended.

    Nobody waits for them: what was intended when it was written is applied again, which changes nothing.
    """
    selector = f"{MANAGED_BY}={MANAGER}"
    return tuple(
        Followed(kind, selector, status=True, optional=True, named_only=True, namespace=namespace)
        for kind in OWNED
        for namespace in (tuple(dict.fromkeys(namespaces)) or ("",))
    )


def tenants(namespaces: Iterable[str] = ()) -> tuple[Followed, ...]:
    """Give what is followed for Tenants: these, Secrets that they may name, and what carries the label of one."""
    named = tuple(dict.fromkeys(namespaces)) or ("",)
    whole = [
        Followed(BY_NAME["Tenant"], status=True),
        Followed(BY_NAME["Secret"]),
        *(
            Followed(kind, TENANT_LABEL if kind.namespaced else "", status=True, optional=not kind.namespaced)
            for kind in TENANT_READ
        ),
        *(Followed(kind, TENANT_LABEL, status=True, named_only=True) for kind in TENANT_OWNED),
    ]
    return tuple(
        replace(one, namespace=namespace) for one in whole for namespace in (named if one.kind.namespaced else ("",))
    )


@dataclass(frozen=True, slots=True)
class KindState:
    """How one kind is, in one namespace or ("") in all."""

    kind: str
    namespace: str
    standing: Standing
    words: str
    """What the last failure said, "" where all is well."""
    age_s: float | None
    """Since the API server last said something about it; None: never."""
    lists: int
    objects: int


@dataclass(frozen=True, slots=True)
class Batch:
    """What changed since the batch before. The first one has everything, and is not given before it has."""

    changes: tuple[Change, ...]
    readings: tuple[Reading, ...]
    problems: Mapping[ObjectKey, str]
    """All objects that cannot be decoded now, and why; what is in force is their last good version."""


class ClusterSource:
    """Objects of a cluster. `tell` is handed each change of how a kind stands, once."""

    def __init__(
        self,
        client: KubeClient,
        followed: Sequence[Followed] | None = None,
        tell: Callable[[KindState], None] = lambda _state: None,
        timing: Timing | None = None,
    ) -> None:
        self._client = client
        self._timing = timing or Timing()
        self._shared = Shared(client, self._timing)
        self._tell = tell
        self._reflectors = [
            self._reflector(one, self._hear) for one in (followed if followed is not None else everything())
        ]
        self._crds = self._reflector(CRDS, self._hear_of_crds)
        self._told: dict[tuple[str, str], Standing] = {}
        self._changes: list[Change] = []
        self._readings: list[Reading] = []
        self._ring = asyncio.Event()
        self._missing = asyncio.Event()
        self._whole = False
        self._missing_namespaces: set[str] = set()
        """Of those that were named, the ones that do not exist."""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Follow the cluster until the end of the block. A bug in here ends the block too."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one.run()) for one in (*self._reflectors, self._crds)]
            tasks.append(group.create_task(self._revive()))
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()

    async def batch(self) -> Batch:
        """Wait for the next changes: those of all kinds at first, later whatever came since the last call."""
        while True:
            await self._ring.wait()
            self._ring.clear()
            if not self._whole:
                self._whole = all(one.following.answered for one in (*self._reflectors, self._crds))
            if self._whole:
                batch = Batch(tuple(self._changes), tuple(self._readings), self._all_problems())
                self._changes, self._readings = [], []
                return batch

    def states(self) -> tuple[KindState, ...]:
        """Tell how each kind is now."""
        return tuple(self._state(one.following) for one in self._reflectors)

    def version(self, kind: str) -> str | None:
        """Give the API version under which a kind is read, None where it is not; writes go there too."""
        found = (one.following.version for one in self._reflectors if one.following.followed.kind.name == kind)
        return next((version for version in found if version is not None), None)

    def _reflector(self, followed: Followed, heard: Callable[[Following, News], None]) -> Reflector:
        following = Following(followed, self._timing.draw)
        return Reflector(self._shared, following, lambda news: heard(following, news))

    def _hear(self, following: Following, news: News) -> None:
        self._changes += news.changes
        self._readings += news.readings
        self._mind_namespace(following)
        stands = self._tells(following)
        if following.unreachable:
            self._missing.set()
        if news.changes or news.readings or not (stands or self._whole):
            self._ring.set()

    def _tells(self, following: Following) -> bool:
        """Tell how a kind stands, if that is new; also why it still waits, where it does not only wait its turn."""
        one = (following.followed.kind.name, following.followed.namespace)
        if self._told.get(one, Standing.WAITING) is following.standing and not (
            following.standing is Standing.WAITING and following.words and one not in self._told
        ):
            return True
        self._told[one] = following.standing
        self._tell(self._state(following))
        return False

    def _mind_namespace(self, following: Following) -> None:
        """Take what a namespace that is there, or is not, means for the kinds that are followed in it."""
        namespace = following.followed.namespace
        if not namespace:
            return
        if following.followed.kind.name != "Namespace":
            if namespace in self._missing_namespaces:
                following.without_namespace()
            return
        was_missing = namespace in self._missing_namespaces
        is_missing = following.standing is Standing.SYNCED and not len(following.store)
        if was_missing is is_missing or following.standing is not Standing.SYNCED:
            return
        self._missing_namespaces ^= {namespace}
        for other in self._reflectors:
            if other.following.followed.namespace == namespace and other.following is not following:
                if is_missing:
                    other.following.without_namespace()
                else:
                    other.following.look_again(self._timing.clock())
                # Its step ends, and with it what has changed is told.
                other.wake()

    def _hear_of_crds(self, following: Following, news: News) -> None:
        self._changes += news.changes
        if not self._tells(following) or news.changes:
            self._ring.set()
        for key, _observed in news.readings:
            # The name of a CRD is the plural of its kind, a dot, and the group.
            group = key.name.partition(".")[2]
            for reflector in self._reflectors:
                if reflector.following.followed.kind.group == group:
                    reflector.following.look_again(self._timing.clock())
                    reflector.wake()

    async def _revive(self) -> None:
        while True:
            await self._missing.wait()
            away = False
            while any(one.following.unreachable for one in self._reflectors):
                ready = await self._is_ready()
                if away and ready:
                    self._wake_all()
                away = not ready
                await self._timing.sleep(PROBE_S)
            self._missing.clear()

    async def _is_ready(self) -> bool:
        try:
            await self._client.get("/readyz")
        except (Unreachable, Unavailable):
            return False
        except KubeError:
            # It answers; that it has no such page for us is another matter.
            return True
        return True

    def _wake_all(self) -> None:
        for reflector in (*self._reflectors, self._crds):
            reflector.following.wake(self._timing.clock())
            reflector.wake()

    def _all_problems(self) -> Mapping[ObjectKey, str]:
        return {
            ObjectKey(one.following.followed.kind.name, *name): words
            for one in self._reflectors
            for name, words in one.following.store.problems.items()
        }

    def _state(self, following: Following) -> KindState:
        heard_s = following.heard_s
        age_s = None if heard_s is None else self._timing.clock() - heard_s
        followed = following.followed
        known = len(following.store)
        return KindState(
            followed.kind.name, followed.namespace, following.standing, following.words, age_s, following.lists, known
        )
