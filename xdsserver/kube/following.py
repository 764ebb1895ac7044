"""One kind of objects, followed through every fault: a machine that says what to ask next, and takes what comes.

It does no I/O and reads no clock: `next(now)` is a step (discover, list, watch or rest), and whoever does it hands back
what came of it. Four rules hold it together.

1. What is known stays until something newer is known: a list replaces the store when its last page is there.
2. Every repetition has a pause, longer each time, and a watch that ends as it should is no failure.
3. Versions that are not kept any more (410 in both its forms) cost a list, and the list only what differs.
4. A kind that is not there (no CRD) or not ours to read is a state, not an error: it is told once and asked again
   rarely.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from xdsserver.kube.errors import (
    Forbidden,
    Garbled,
    Gone,
    KubeError,
    NotFound,
    StatusError,
    TooLarge,
    Unavailable,
    Unreachable,
    of_status,
)
from xdsserver.kube.store import Store, is_before
from xdsserver.kube.wire import read_bookmark, read_entry, read_event, read_header, read_page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import msgspec

    from xdsserver.kube.store import News
    from xdsserver.kube.wire import Entry
    from xdsserver.objects.kinds import Kind

PAGE = 500
"""Objects per page; fewer once a page was too large."""
WATCH_S = (300, 600)
"""How long the API server is asked to keep a watch open: at random, so that watches do not all end at once."""
CEILING_S = 30.0
"""The longest pause between attempts."""
ASKED_S = 120.0
"""The longest pause that an API server is granted when it asks for one (Retry-After)."""
RARELY_S = 60.0
"""How often a kind that is not there, or not ours to read, is asked for again."""
CONFIRM_S = 10.0
"""A kind of which there were objects is believed to be gone when it is still so after this time."""
EAGER = 5
"""How often a kind is looked for, every two seconds, once its CRD or its namespace was heard of.

It is served a moment later; roles in a namespace are made after it.
"""
EAGER_S = 2.0
SHORT_S = 1.0
"""A watch that ends sooner than this, and said nothing, is a failure after all."""


class Standing(Enum):
    """How well a kind is known."""

    WAITING = "waiting for its first list"
    SYNCED = "synced"
    STALE = "stale"
    FORBIDDEN = "forbidden"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Followed:
    """What is followed, and how."""

    kind: Kind
    selector: str = ""
    """A label selector; objects that do not match are not seen."""
    status: bool = False
    """Whether somebody asks for the statuses."""
    optional: bool = False
    """Nobody waits for it where it may not be read."""
    named_only: bool = False
    """Nothing but metadata is asked for: what such an object says is of no use here, and long."""
    namespace: str = ""
    """Objects of other namespaces are not seen; "" for those of all. Of Namespaces: this one alone."""

    def query(self) -> dict[str, str | int]:
        """Give what each list and watch asks for, so that nothing else is answered."""
        found: dict[str, str | int] = {"labelSelector": self.selector} if self.selector else {}
        if self.namespace and not self.kind.namespaced:
            # The one form in which RBAC lets a role that names objects list and watch them.
            found["fieldSelector"] = f"metadata.name={self.namespace}"
        return found

    def path(self, root: str, plural: str) -> str:
        """Give where its objects are, below the root of their group and version."""
        within = f"/namespaces/{self.namespace}" if self.namespace and self.kind.namespaced else ""
        return f"{root}{within}/{plural}"

    def accept(self, kind: str) -> str:
        """Give the form of answers; that of metadata is another `kind` for lists than for watches."""
        return f"application/json;as={kind};g=meta.k8s.io;v=v1" if self.named_only else "application/json"


@dataclass(frozen=True, slots=True)
class Discover:
    """Find out under which path the kind is served; the paths of its versions, the best one first."""

    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ListPage:
    """Get a page."""

    path: str
    query: Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class OpenWatch:
    """Open a watch and hand over its lines until it ends, or `watching` says that it is of no use any more."""

    path: str
    query: Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class Rest:
    """Do nothing until this time, or until somebody calls `wake`."""

    until_s: float


Step = Discover | ListPage | OpenWatch | Rest


class Following:
    """The state of one kind. `draw` gives numbers from [0, 1); times are seconds of a clock that never goes back."""

    def __init__(self, followed: Followed, draw: Callable[[], float]) -> None:
        self.followed = followed
        self.standing = Standing.WAITING
        self.words = ""
        """What the last failure said; "" after success."""
        self.heard_s: float | None = None
        """When the API server last said something about this kind."""
        self.lists = 0
        """Lists that were completed."""
        self.store = Store(followed.kind.name)
        self._draw = draw
        self._path: str | None = None
        self._version: str | None = None
        self._listed = False
        self._pages: list[Entry] = []
        self._next_page = ""
        self._page = PAGE
        self._failures = 0
        self._rest_until_s = 0.0
        self._watching = False
        self._opened_s = 0.0
        self._said = False
        self._missed = False
        self._eager = 0
        self._doubts = False

    @property
    def answered(self) -> bool:
        """Whether all is known that can be for now, so that nobody needs to wait for this kind."""
        match self.standing:
            case Standing.SYNCED | Standing.STALE | Standing.ABSENT:
                return True
            case Standing.FORBIDDEN:
                # Where it was readable before, a start without it would take away what is served. An operator who
                # forgot a rule sees a pod that does not become ready, beside the old one that serves on.
                return self._listed or self.followed.optional
            case Standing.WAITING:
                return False

    @property
    def version(self) -> str | None:
        """The API version under which the kind was last found; None: it never was."""
        # /api/VERSION/..., or /apis/GROUP/VERSION/...
        return self._path.split("/")[3 if self.followed.kind.group else 2] if self._path is not None else None

    @property
    def watching(self) -> bool:
        """Whether the watch that is open is still wanted."""
        return self._watching

    @property
    def unreachable(self) -> bool:
        """Whether it waits for an API server that did not answer."""
        return self._missed

    def next(self, now_s: float) -> Step:
        """Say what to do."""
        if now_s < self._rest_until_s:
            return Rest(self._rest_until_s)
        if self._path is None:
            kind = self.followed.kind
            return Discover(tuple(_root(kind.group, version) for version in kind.versions))
        query = self.followed.query()
        if self._version is None:
            if self._page:
                query["limit"] = self._page
            if self._next_page:
                query["continue"] = self._next_page
            return ListPage(self._path, query)
        shortest_s, longest_s = WATCH_S
        query |= {
            "resourceVersion": self._version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": int(shortest_s + self._draw() * (longest_s - shortest_s)),
        }
        return OpenWatch(self._path, query)

    def take(self) -> News:
        """Give what changed since this was last asked."""
        return self.store.take()

    # What came of a step.

    def discovered(self, now_s: float, path: str | None) -> None:
        """Take where the kind is served, None: nowhere."""
        self._hears(now_s)
        if path is not None:
            self._path = path
            self._eager, self._doubts = 0, False
            return
        if self._eager:
            self._eager -= 1
            self._rest_until_s = now_s + EAGER_S
        elif len(self.store) and not self._doubts:
            self._doubts = True
            self._rest_until_s = now_s + CONFIRM_S
            return
        else:
            self._rest_until_s = now_s + self._jittered(RARELY_S)
        self._doubts = False
        self.store.clear()
        self.standing = Standing.ABSENT

    def page(self, now_s: float, body: bytes) -> Iterator[None]:
        """Take a page, an object per step."""
        self._hears(now_s)
        try:
            page = read_page(body)
            for item in page.items or ():
                self._pages.append(self._entry(item))
                yield
        except Garbled as error:
            self.failed(now_s, error)
            return
        if page.metadata.next:
            self._next_page = page.metadata.next
            return
        yield from self.store.replace(self._pages, page.metadata.resource_version)
        self._restart_list()
        self._page = self._page or PAGE
        self._version = page.metadata.resource_version
        self._listed = True
        self.lists += 1
        self._synced()

    def opened(self, now_s: float) -> None:
        """Take that a watch is open."""
        self._hears(now_s)
        self._watching, self._opened_s, self._said = True, now_s, False
        self._synced()

    def lines(self, now_s: float, lines: Sequence[bytes]) -> Iterator[None]:
        """Take lines of the watch, one per step; stops where the rest is of no use."""
        self._hears(now_s)
        for line in lines:
            try:
                self._line(line)
            except KubeError as error:
                self.failed(now_s, error)
                return
            self._said, self._failures = True, 0
            yield

    def closed(self, now_s: float) -> None:
        """Take that the watch has ended, without any error."""
        if not self._watching:
            return
        self._watching = False
        if self._said or now_s - self._opened_s >= SHORT_S:
            self._failures = 0
            self._rest_until_s = now_s + self._draw()
        else:
            self._pause(now_s)

    def failed(self, now_s: float, error: KubeError) -> None:
        """Take what went wrong with the step."""
        watched, self._watching = self._version is not None, False
        self.words = str(error)
        if isinstance(error, StatusError):
            self._hears(now_s)
        self._missed = isinstance(error, Unreachable | Unavailable)
        match error:
            case Forbidden():
                self.standing = Standing.FORBIDDEN
                self._rest_until_s = now_s + (EAGER_S if self._eager else self._jittered(RARELY_S))
                self._eager = max(0, self._eager - 1)
                return
            case NotFound():
                # Its CRD is gone, or this version of it.
                self._path = self._version = None
                self._restart_list()
            case Gone() if not watched:
                # The token of the next page has expired: it took minutes to get here. In one piece it cannot.
                self._restart_list()
                self._page = 0
            case TooLarge() if not watched:
                self._restart_list()
                self._page = max(1, (self._page or PAGE) // 8)
            case Gone() if self._failures == 0:
                self._version, self._failures = None, 1
                self._rest_until_s = now_s + self._draw()
                return
            case Gone() | TooLarge():
                self._version = None
            case Garbled():
                self._version = None
                self._restart_list()
                self.standing = Standing.STALE if self._listed else Standing.WAITING
            case _:
                self.standing = Standing.STALE if self._listed else Standing.WAITING
        self._pause(now_s, error.retry_after_s if isinstance(error, StatusError) else None)

    def wake(self, now_s: float, within_s: float = 1.0) -> None:
        """Take that it is worth trying again soon: the API server is back."""
        if self.standing not in {Standing.ABSENT, Standing.FORBIDDEN}:
            self._rest_until_s = min(self._rest_until_s, now_s + self._draw() * within_s)

    def look_again(self, now_s: float) -> None:
        """Take that something happened to the CRD of this kind, or to its namespace."""
        if self.standing in {Standing.ABSENT, Standing.FORBIDDEN}:
            self._eager = EAGER
            self._rest_until_s = min(self._rest_until_s, now_s + self._draw())

    def without_namespace(self) -> None:
        """Take that its namespace does not exist, which is why it may not be read: what grants that is in there."""
        if self.standing is Standing.FORBIDDEN:
            self.store.clear()
            self.standing, self.words = Standing.ABSENT, "its namespace does not exist"

    # Within a step.

    def _line(self, line: bytes) -> None:
        event = read_event(line)
        match event.type:
            case "ADDED" | "MODIFIED":
                header = read_header(event.object, status=self.followed.status)
                name, observed = header
                if self.store.is_news(name, observed.resource_version):
                    known = self.store.get(name)
                    self.store.put(read_entry(self.followed.kind, event.object, header, known))
                self._advance(observed.resource_version)
            case "DELETED":
                name, observed = read_header(event.object, status=False)
                if self.store.is_news(name, observed.resource_version):
                    self.store.remove(name, observed.resource_version)
                self._advance(observed.resource_version)
            case "BOOKMARK":
                self._advance(read_bookmark(event))
            case "ERROR":
                raise of_status(None, bytes(event.object))
            case _:
                # A type that a newer API has; what it tells comes with the next list.
                pass

    def _advance(self, version: str) -> None:
        """Take where the watch is; it goes on from there. An event that comes late does not lead back."""
        if not version or (self._version is not None and is_before(version, self._version)):
            return
        self._version = version

    def _entry(self, item: msgspec.Raw) -> Entry:
        header = read_header(item, status=self.followed.status)
        name, observed = header
        known = self.store.get(name)
        if known is not None and known.observed == observed:
            # Nothing has changed since: this is what makes listing again cheap.
            return known
        return read_entry(self.followed.kind, item, header, known)

    def _hears(self, now_s: float) -> None:
        self.heard_s = now_s
        self._missed = False

    def _synced(self) -> None:
        self.standing, self.words = Standing.SYNCED, ""

    def _restart_list(self) -> None:
        self._pages, self._next_page = [], ""

    def _pause(self, now_s: float, asked_s: float | None = None) -> None:
        """Rest, twice as long each time.

        The jitter is a fifth: with all of it a half of the pauses would be shorter than half the ceiling, and ten
        minutes would see many more than the thirty attempts that an API server in trouble should.
        """
        self._failures += 1
        pause_s = self._jittered(min(CEILING_S, 2.0 ** min(self._failures, 10)))
        if asked_s is not None:
            pause_s = max(pause_s, min(asked_s, ASKED_S) + self._draw())
        self._rest_until_s = now_s + pause_s

    def _jittered(self, longest_s: float) -> float:
        return longest_s * (0.8 + 0.2 * self._draw())


def _root(group: str, version: str) -> str:
    return f"/apis/{group}/{version}" if group else f"/api/{version}"
