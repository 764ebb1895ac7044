"""Pods that a label chooses, followed: which there are, where each is, and whether it is ready.

Two need to know it. A server that lets Envoys in by their certificates asks whether a node is a pod of its fleet, and
at the address that it comes from; and the leader of several servers must know which others there are.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import msgspec

from xdsserver.kube.following import Followed, Following, Standing
from xdsserver.kube.reflector import Reflector, Shared, Timing
from xdsserver.objects.kinds import Kind
from xdsserver.objects.meta import KubeObject, Part

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from xdsserver.kube.client import KubeClient
    from xdsserver.kube.store import News
    from xdsserver.objects.meta import Name


class PodAddress(Part):
    """One of the addresses of a pod; an IPv4 and an IPv6 one at most."""

    ip: str


class PodCondition(Part):
    """One condition of a pod."""

    type: str
    status: str


class PodStatus(Part):
    """What the kubelet says of a pod."""

    phase: str = ""
    pod_ips: tuple[PodAddress, ...] = msgspec.field(default=(), name="podIPs")
    conditions: tuple[PodCondition, ...] = ()


class Pod(KubeObject):
    """A pod. Its status is what we read it for, so unlike that of other kinds it is part of it."""

    status: PodStatus = PodStatus()

    @property
    def addresses(self) -> frozenset[str]:
        """Where it is; nowhere once it has ended, for its addresses may be another one's by then."""
        if self.status.phase in {"Succeeded", "Failed"}:
            return frozenset()
        return frozenset(one.ip for one in self.status.pod_ips)

    @property
    def ready(self) -> bool:
        """Whether it says so, and the node that it is on is there; also while it is being stopped."""
        return any(one.type == "Ready" and one.status == "True" for one in self.status.conditions)


POD: Final = Kind("Pod", "", ("v1",), Pod)


class Pods:
    """The pods that a label selector chooses, in one namespace or (`""`) in all.

    `changed` is called whenever one has changed.
    """

    def __init__(
        self,
        client: KubeClient,
        selector: str,
        namespace: str = "",
        changed: Callable[[], None] = lambda: None,
        timing: Timing | None = None,
    ) -> None:
        self._changed = changed
        timing = timing or Timing()
        following = Following(Followed(POD, selector, namespace=namespace), timing.draw)
        self._reflector = Reflector(Shared(client, timing), following, self._hear)
        self._known: dict[Name, Pod] = {}
        self._listed = asyncio.Event()

    @property
    def known(self) -> Mapping[Name, Pod]:
        """All of them, as they were heard of last; what an API server that is away does not say stays."""
        return self._known

    @property
    def problem(self) -> str:
        """Why nothing new is heard of them now; "" where all is well."""
        return self._reflector.following.words

    async def listed(self) -> None:
        """Return when they were listed once, or may not be."""
        await self._listed.wait()

    async def run(self) -> None:
        """Follow them, until it is cancelled."""
        await self._reflector.run()

    def _hear(self, news: News) -> None:
        for _kind, name, pod in news.changes:
            if isinstance(pod, Pod):
                self._known[name] = pod
            else:
                self._known.pop(name, None)
        if self._reflector.following.lists or self._reflector.following.standing is Standing.FORBIDDEN:
            self._listed.set()
        if news.changes:
            self._changed()
