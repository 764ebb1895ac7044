"""What an API server does with one kind, in virtual time and without HTTP; and a machine that follows it."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, assert_never

from xdsserver.kube.errors import Gone, KubeError
from xdsserver.kube.following import Discover, Followed, Following, ListPage, OpenWatch, Rest
from xdsserver.kube.wire import plural_of
from xdsserver.objects.kinds import BY_NAME

if TYPE_CHECKING:
    from collections.abc import Callable

    from xdsserver.kube.following import Standing, Step
    from xdsserver.kube.store import Change, Reading
    from xdsserver.objects.meta import Name

Json = dict[str, Any]
ROUTES = "/apis/gateway.networking.k8s.io/v1/httproutes"


def route(name: str, version: int, *, hostname: str = "a.example.com", uid: str = "") -> Json:
    """Build an HTTPRoute as an API server sends it."""
    metadata = {"name": name, "namespace": "shop", "uid": uid or f"uid-{name}", "resourceVersion": str(version)}
    return {
        "kind": "HTTPRoute",
        "metadata": metadata | {"generation": 1, "managedFields": [{"manager": "kubectl"}]},
        "spec": {"hostnames": [hostname]},
        "status": {"parents": []},
    }


class Cluster:
    """The HTTPRoutes of an API server: what is stored, and what watches are told."""

    def __init__(self) -> None:
        self.version = 100
        self.objects: dict[str, Json] = {}
        self.log: list[tuple[int, str, Json]] = []
        self.floor = 0
        """Versions below this are not kept any more."""
        self.served = True
        self.fault: Callable[[Step], KubeError | None] = lambda _step: None

    def write(self, name: str, **fields: str) -> None:
        self.version += 1
        known = self.objects.get(name)
        uid = known["metadata"]["uid"] if known else f"uid-{name}-{self.version}"
        self.objects[name] = route(name, self.version, **{"uid": uid, **fields})
        self.log.append((self.version, "MODIFIED" if known else "ADDED", self.objects[name]))

    def delete(self, name: str) -> None:
        self.version += 1
        gone = self.objects.pop(name)
        gone = {**gone, "metadata": {**gone["metadata"], "resourceVersion": str(self.version)}}
        self.log.append((self.version, "DELETED", gone))

    def compact(self) -> None:
        """Forget all history, as etcd does every five minutes."""
        self.floor = self.version

    def resources(self) -> bytes:
        found = [{"name": "httproutes", "kind": "HTTPRoute"}, {"name": "httproutes/status", "kind": "HTTPRoute"}]
        return json.dumps({"resources": found if self.served else []}).encode()

    def page(self, step: ListPage) -> bytes:
        """Give a page; a token holds the version of the first page, and goes with it."""
        limit = int(step.query.get("limit", 0))
        version, after = self.version, ""
        if "continue" in step.query:
            at, after = str(step.query["continue"]).split("/")
            version = int(at)
            if version < self.floor:
                raise Gone(410, "Expired", "the provided continue parameter is too old")
        names = sorted(name for name in self.objects if name > after)
        shown = names[:limit] if limit else names
        metadata = {"resourceVersion": str(version)}
        if len(shown) < len(names):
            metadata["continue"] = f"{version}/{shown[-1]}"
        return json.dumps({"metadata": metadata, "items": [self.objects[name] for name in shown]}).encode()

    def require(self, version: int) -> None:
        """Refuse a watch from a version that is not kept any more."""
        if version < self.floor:
            raise Gone(410, "Expired", "too old resource version")

    def after(self, version: int) -> list[bytes]:
        """Give the events after a version to a watch that is open."""
        return [event(kind, object_) for at, kind, object_ in self.log if at > version]


def event(kind: str, object_: Json) -> bytes:
    return json.dumps({"type": kind, "object": object_}).encode()


def bookmark(version: int) -> bytes:
    return event("BOOKMARK", {"kind": "HTTPRoute", "metadata": {"resourceVersion": str(version)}})


def gone() -> bytes:
    """The form of 410 that comes within a watch."""
    return event("ERROR", {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"})


@dataclass
class Run:
    """A machine that follows a cluster. `lifetime_s` is how long the server keeps a watch open."""

    cluster: Cluster
    draw: Callable[[], float] = field(default_factory=lambda: random.Random(7).random)  # noqa: S311  (a repeatable one)
    lifetime_s: float | None = None
    followed: Followed = field(default_factory=lambda: Followed(BY_NAME["HTTPRoute"], status=True))
    now_s: float = 1000.0
    steps: list[tuple[float, Step]] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.machine = Following(self.followed, self.draw)
        self.sent = 0
        """The version up to which the open watch was told."""
        self.ends_s: float | None = None
        """When the open watch ends; None: none is open."""

    def advance(self, seconds: float) -> None:
        """Let time go by."""
        end_s = self.now_s + seconds
        while self.now_s < end_s:
            if self.ends_s is not None:
                self._tell()
            if self.ends_s is not None:
                self.now_s = min(end_s, self.ends_s)
                if self.now_s == self.ends_s:
                    self.ends_s = None
                    self.machine.closed(self.now_s)
                continue
            step = self.machine.next(self.now_s)
            if isinstance(step, Rest):
                self.now_s = min(end_s, step.until_s)
                continue
            self.steps.append((self.now_s, step))
            # A request takes a moment.
            self.now_s += 0.001
            try:
                self._do(step)
            except KubeError as error:
                self.machine.failed(self.now_s, error)
            self._take()
        if self.ends_s is not None:
            self._tell()

    def send(self, *lines: bytes) -> None:
        """Let the open watch tell something that is not in the cluster's log."""
        assert self.ends_s is not None
        for _ in self.machine.lines(self.now_s, lines):
            pass
        self._take()
        if not self.machine.watching:
            self.ends_s = None

    def close(self) -> None:
        """Let the server end the open watch."""
        assert self.ends_s is not None
        self.ends_s = None
        self.machine.closed(self.now_s)

    def is_(self, standing: Standing) -> bool:
        return self.machine.standing is standing

    @property
    def there(self) -> dict[str, str]:
        """The objects that the changes so far add up to: name -> hostname."""
        found: dict[str, str] = {}
        for change in self.changes:
            if change.object is None:
                del found[change.name.name]
            else:
                found[change.name.name] = change.object.spec.hostnames[0]  # type: ignore[attr-defined]
        return found

    def made(self, kind: type[Step]) -> list[Step]:
        return [step for _, step in self.steps if isinstance(step, kind)]

    def _do(self, step: Discover | ListPage | OpenWatch) -> None:
        if (fault := self.cluster.fault(step)) is not None:
            raise fault
        match step:
            case Discover(paths):
                plural = plural_of("HTTPRoute", self.cluster.resources())
                self.machine.discovered(self.now_s, f"{paths[0]}/{plural}" if plural else None)
            case ListPage():
                for _ in self.machine.page(self.now_s, self.cluster.page(step)):
                    pass
            case OpenWatch(_, query):
                self.cluster.require(int(query["resourceVersion"]))
                self.sent = int(query["resourceVersion"])
                self.machine.opened(self.now_s)
                asked_s = float(query["timeoutSeconds"])
                self.ends_s = self.now_s + (asked_s if self.lifetime_s is None else self.lifetime_s)
                self._tell()
            case _:
                assert_never(step)

    def _tell(self) -> None:
        lines = self.cluster.after(self.sent)
        self.sent = self.cluster.version
        if lines:
            self.send(*lines)

    def _take(self) -> None:
        news = self.machine.take()
        self.changes += news.changes
        self.readings += news.readings

    def known(self, name: Name) -> bool:
        return self.machine.store.get(name) is not None
