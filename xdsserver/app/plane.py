"""What all ways to run have in common: objects come in; they are served, acknowledged and told of."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from xdsserver.admin.waits import Waits
from xdsserver.app.answers import Answers, Heard, Told
from xdsserver.app.expiry import Expiry
from xdsserver.app.garbage import Garbage
from xdsserver.app.rounds import Rounds
from xdsserver.app.slices import slices
from xdsserver.inspection.world import Serving, World
from xdsserver.narrator import Socket, Whereabouts
from xdsserver.objects.meta import ObjectKey
from xdsserver.observe.condition import Condition
from xdsserver.reconciler import joined
from xdsserver.server import XdsServer
from xdsserver.xds.cache import Cache
from xdsserver.xds.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from xdsserver.app.measures import Measures
    from xdsserver.infrastructure.allocation import Written
    from xdsserver.inspection.world import Unread
    from xdsserver.model.places import Delivery, ListenerKey
    from xdsserver.narrator import Narrator
    from xdsserver.objects.meta import Name
    from xdsserver.reconciler import ObjectChange, Outcome, Reconciler
    from xdsserver.server import XdsOptions
    from xdsserver.tables import Steps
    from xdsserver.xds.cache import ResourceKey
    from xdsserver.xds.case import Blame, Rejection
    from xdsserver.xds.ledger import Event
    from xdsserver.xds.resource import Resource

_TOLD_AT_ONCE = 500
"""Objects of which people and API servers are told in one step."""

_GRACE_S = 2.0
"""How long the xDS streams may take to end."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """What a way to run adds.

    `keep` writes down what was allocated, `place` says where an object is defined, `measures` is told what to measure,
    `decided` hears of statuses and objects of ours that are new, once they are true of what is served. `rejected` is
    called when Envoys reject something else than before. `unread` says what cannot be read now.
    """

    keep: Callable[[Mapping[Name, Written]], None]
    place: Callable[[ObjectKey], tuple[str, int] | None]
    measures: Measures | None = None
    decided: Callable[[Outcome], None] = lambda _outcome: None
    rejected: Callable[[], None] = lambda: None
    unread: Callable[[], tuple[Unread, ...]] = tuple


class _Round(NamedTuple):
    """What changes came to; `read_s` is when they were read, `objects` are which, and whether each is gone."""

    outcome: Outcome
    read_s: float
    objects: Sequence[tuple[ObjectKey, bool]] = ()


class ControlPlane:
    """From objects to Envoys and back.

    source ──objects──► Reconciler ──resources──► XdsServer ──► Envoys
                 ▲   └────statuses──► notices          │
                 └───────────deliveries◄───────────────┘
    """

    def __init__(
        self, reconciler: Reconciler, options: XdsOptions, narrator: Narrator, hooks: Hooks, replica: str = ""
    ) -> None:
        self.reconciler = reconciler
        self._narrator = narrator
        self._hooks = hooks
        # What was taken and is not served yet; None while all is served.
        self._held: list[_Round] | None = None
        self._rounds = Rounds()
        self._garbage = Garbage(lambda: sum(len(table.rows) for table in reconciler.pipeline.graph.tables))
        self._whereabouts = Whereabouts(self._socket_of, hooks.place)
        self._ledger = Ledger()
        cache = Cache()
        self.server = XdsServer(cache, options, self.on_event, self._ledger)
        self._expiry = Expiry(
            reconciler.pipeline,
            lambda said: narrator.validity(said, hooks.place),
            hooks.measures.metrics.expires if hooks.measures is not None else lambda _at_s: None,
        )
        told = Told(self._take_answers, reconciler.identity, reconciler.backend_of)
        self.answers = Answers(Heard(cache, self._ledger, self.server.quarantine), told, replica)
        """What the Envoys say, of this server and of others that it leads."""
        serving = Serving(cache, self._ledger, lambda: asyncio.get_running_loop().time())
        self.world = World(reconciler, serving, unread=hooks.unread, replica=replica)
        """What can be told of all this."""
        self.waits = Waits(reconciler.pipeline, cache, self._ledger, self.server.quarantine)
        """Who waits for Envoys to have something."""

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Listen for Envoys until the end of the block; they are held until the server is told that all is known.

        Raises:
            ServerError: an xDS address cannot be had.
        """
        await self.server.start()
        try:
            yield
        finally:
            self._expiry.close()
            await self.server.stop(_GRACE_S)

    def objects(self, changes: Sequence[ObjectChange]) -> None:
        """Take changes of objects at once, and keep the event loop meanwhile: for few, where nobody else needs it."""
        self._rounds.at_once(self._taken(changes))

    async def many_objects(self, changes: Sequence[ObjectChange]) -> None:
        """Take changes of objects, however many and whatever they concern; the event loop does other things, too.

        What is more than is applied together is divided into slices, each of which is served at its end; what came of
        all of them is then told.
        """
        outcomes: list[Outcome] = []
        for one in slices(changes):
            outcomes.append(await self._rounds.do(self._served(one)))
            if len(one) < len(changes):
                await asyncio.sleep(0)
        await self._rounds.do(self._told(joined(outcomes)))

    @contextlib.asynccontextmanager
    async def unseen(self) -> AsyncIterator[None]:
        """Serve nothing and tell nobody of what is taken until the end of the block, and then all of it at once.

        A block that is left half-way leaves what was taken to the next one.
        """
        if self._held is None:
            self._held = []
        yield
        held, self._held = self._held, None
        if held:
            outcome = joined(one.outcome for one in held)
            objects = [key for one in held for key in one.objects]
            read_s = min(one.read_s for one in held)
            self._publish(read_s, outcome.resources)
            self._take_down(_Round(outcome, read_s, objects))
            await asyncio.sleep(0)
            await self._rounds.do(self._told(outcome))

    def remembered(self, deliveries: Mapping[ListenerKey, Delivery]) -> None:
        """Take what Envoys had acknowledged before this run, so that what was true is not doubted anew."""
        self.answers.remembered(deliveries)

    def condition(self) -> Condition:
        """Say how it is, for probes."""
        return Condition(self.server.serving, {"streams": sum(1 for _ in self._ledger.streams())})

    def _taken(self, changes: Sequence[ObjectChange]) -> Steps[None]:
        """Serve what changes come to, and tell it."""
        outcome = yield from self._served(changes)
        yield from self._told(outcome)

    def _served(self, changes: Sequence[ObjectChange]) -> Steps[Outcome]:
        """Serve what changes come to."""
        read_s = time.monotonic()
        with self._garbage.changes(len(changes)):
            outcome = yield from self.reconciler.objects_in_steps(changes, partial(self._publish, read_s))
        self._take_down(_Round(outcome, read_s, [(ObjectKey(kind, *name), row is None) for kind, name, row in changes]))
        if self._garbage.due:
            # Behind the streams, which write first what was published now.
            asyncio.get_running_loop().call_soon(self._garbage.tidy)
        return outcome

    def _answered(
        self, deliveries: Mapping[ListenerKey, Delivery | None], rejections: Mapping[Blame, Rejection | None]
    ) -> Steps[None]:
        """Serve and tell what comes of what Envoys said."""
        read_s = time.monotonic()
        outcome = yield from self.reconciler.answers_in_steps(deliveries, rejections, partial(self._publish, read_s))
        self._take_down(_Round(outcome, read_s))
        yield from self._told(outcome)

    def _publish(self, read_s: float, resources: Mapping[ResourceKey, Resource | None]) -> None:
        """Serve what changed, and keep what was allocated for it; Envoys are sent it before the round goes on."""
        if self._held is not None:
            return
        # Written down before it is served: what a crash in between leaves behind is an address that nobody uses yet.
        self._hooks.keep(self.reconciler.written)
        if self._hooks.measures is not None:
            self._hooks.measures.published(resources, read_s)
        self.server.publish(resources)
        if resources:
            self._rounds.pause()

    def _take_down(self, round_: _Round) -> None:
        """Note what was served, and whom it concerns."""
        if self._held is not None:
            self._held.append(round_)
            return
        outcome = round_.outcome
        self.world.history.note(time.time(), round_.objects, outcome.resources)
        self.answers.published(outcome)
        self.waits.published(outcome.resources.keys())
        self._expiry.published(outcome)

    def _told(self, outcome: Outcome) -> Steps[None]:
        """Tell people and API servers what changed, a part at a time, of each object as it is when its turn comes."""
        if self._held is not None:
            return
        pipeline = self.reconciler.pipeline
        statuses, intended = pipeline.statuses.rows, pipeline.intended.rows
        for part in outcome.told_in(_TOLD_AT_ONCE):
            now = replace(
                part,
                statuses={key: statuses.get(key) for key in part.statuses},
                intended={key: intended.get(key) for key in part.intended},
            )
            self._narrator.outcome(now, self._whereabouts)
            self._hooks.decided(now)
            yield

    def _take_answers(
        self, deliveries: Mapping[ListenerKey, Delivery | None], rejections: Mapping[Blame, Rejection | None]
    ) -> None:
        self._narrator.rejections(rejections)
        if rejections:
            self._hooks.rejected()
        self._rounds.begin(self._answered(deliveries, rejections))

    def _socket_of(self, key: ListenerKey) -> Socket | None:
        pipeline = self.reconciler.pipeline
        listener, serving = pipeline.listeners.rows.get(key), pipeline.binds.rows.get(key)
        return (
            Socket(listener.port, listener.protocol, serving.bind)
            if listener is not None and serving is not None
            else None
        )

    def on_event(self, event: Event) -> None:
        """Take what an Envoy was sent or said."""
        self._ledger.fold(event)
        if self._hooks.measures is not None:
            self._hooks.measures.hear(event)
        self.answers.hear(event)
        self.waits.hear(event)
