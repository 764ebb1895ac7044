"""Waiting until Envoys have an object as it is now: asked once, answered when the last of them has acknowledged it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from xdsserver.inspection.carriers import CARRIED, carriers
from xdsserver.inspection.conditions import verdict
from xdsserver.xds.receipts import Arrived, Receipts

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from xdsserver.objects.meta import ObjectKey
    from xdsserver.pipeline import Pipeline, ResourceKey
    from xdsserver.xds.cache import Cache
    from xdsserver.xds.ledger import Event, Ledger
    from xdsserver.xds.quarantine import Quarantine

MOST: Final = 256
"""Who may wait at once."""

Outcome: TypeAlias = Literal["programmed", "waiting", "not served", "absent", "unknown kind"]
"""What a wait comes to: `programmed` when all Envoys have it, `waiting` while some have not, `not served` where its
conditions keep it from them, `absent` where it is not there (in that generation)."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the Envoys of a server are with an object.

    Attributes:
        outcome: what it comes to.
        generation: the one that is looked at; 0 where there is none.
        envoys: those that shall have it and are connected here.
        waiting: of these, who has not acknowledged it.
        words: why it is not served, or what Envoys say against it.
    """

    outcome: Outcome
    generation: int = 0
    envoys: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    words: str = ""


class TooManyError(Exception):
    """As many are waiting as may."""


class Waits:
    """Watches for those who wait; where nobody does, an event costs it nothing.

    `pipeline` says what carries an object, the others who has that. It is told of each event, and of what is published.
    """

    def __init__(self, pipeline: Pipeline, cache: Cache, ledger: Ledger, quarantine: Quarantine) -> None:
        self._pipeline = pipeline
        self._ledger = ledger
        self._receipts: Receipts[tuple[int, str]] = Receipts(cache, ledger, quarantine)
        self._waiters: dict[int, asyncio.Event] = {}
        self._arrived: set[tuple[int, str]] = set()
        self._number = 0

    def hear(self, event: Event) -> None:
        """Take in what an Envoy said, after the ledger."""
        if self._receipts.hear(event):
            self._settle()

    def published(self, keys: Collection[ResourceKey]) -> None:
        """Note that these may have a new version, and that objects may be other ones."""
        self._receipts.published(keys)
        for waiter in self._waiters.values():
            waiter.set()

    def _settle(self) -> None:
        for subject, found in self._receipts.settle(asyncio.get_running_loop().time()):
            if not isinstance(found, Arrived):
                continue
            self._arrived.add(subject)
            if (waiter := self._waiters.get(subject[0])) is not None:
                waiter.set()

    async def wait(self, key: ObjectKey, generation: int, timeout_s: float, *, lone: bool = True) -> Progress:
        """Wait until all Envoys that are connected here have an object, in this generation or a newer one.

        A `lone` server waits for Envoys to come where there are none; one of several leaves that to the others.

        Raises:
            TooManyError: as many are waiting as may.
        """
        if key.kind not in CARRIED:
            return Progress(
                "unknown kind", words=f"Envoys get none of {key.kind}; wait for {', '.join(sorted(CARRIED))}"
            )
        if len(self._waiters) >= MOST:
            raise TooManyError
        self._number += 1
        number, moved = self._number, asyncio.Event()
        self._waiters[number] = moved
        asked: dict[str, tuple[ResourceKey, ...]] = {}
        try:
            async with asyncio.timeout(timeout_s) as time:
                while True:
                    moved.clear()
                    found = self._look(number, key, generation, asked)
                    if found.outcome == "programmed" or not (lone or found.envoys):
                        return found
                    await moved.wait()
        except TimeoutError:
            if not time.expired():
                raise
            return self._look(number, key, generation, asked)
        finally:
            del self._waiters[number]
            for fleet in asked:
                self._receipts.forget((number, fleet))
                self._arrived.discard((number, fleet))

    def _look(
        self, number: int, key: ObjectKey, generation: int, asked: dict[str, tuple[ResourceKey, ...]]
    ) -> Progress:
        """Say how far it is; what is to be acknowledged is asked for when it is known, and anew when it is another."""
        found = self._pipeline.object(key)
        if found is None or found.metadata.generation < generation:
            return Progress("absent", 0 if found is None else found.metadata.generation)
        now = found.metadata.generation
        summed = verdict(self._pipeline.statuses.rows.get(key))
        wanted = carriers(self._pipeline, key)
        if not wanted:
            return Progress("not served", now, words=summed.words)
        for fleet in asked.keys() - wanted.keys():
            self._receipts.forget((number, fleet))
            self._arrived.discard((number, fleet))
            del asked[fleet]
        for fleet, resources in wanted.items():
            if asked.get(fleet) != resources:
                asked[fleet] = resources
                self._arrived.discard((number, fleet))
                self._receipts.await_((number, fleet), resources, asyncio.get_running_loop().time())
        self._settle()
        lags = (lag for subject, lag in self._receipts.lags() if subject[0] == number)
        waiting = {node for lag in lags for node in lag.waiting}
        envoys = {fleet: [record.node.id for record in self._ledger.speakers(fleet)] for fleet in wanted}
        # Envoys of a fleet may all be connected to other servers.
        here = [fleet for fleet in wanted if envoys[fleet]]
        arrived = bool(here) and all((number, fleet) in self._arrived for fleet in here)
        names = tuple(sorted({node for of in envoys.values() for node in of}))
        words = summed.words if names else "no Envoy is connected"
        return Progress("programmed" if arrived else "waiting", now, names, tuple(sorted(waiting)), words)


def together(found: Mapping[str, Progress]) -> Progress:
    """Put together how far the Envoys of several servers are, by the name of each server.

    A server without Envoys of its own has nothing to wait for; one that has not seen the object keeps all waiting.
    """
    envoys = tuple(sorted({node for one in found.values() for node in one.envoys}))
    waiting = tuple(sorted({node for one in found.values() for node in one.waiting}))
    telling = [one for one in found.values() if one.envoys or one.outcome != "waiting"]
    behind = [one for one in telling if one.outcome != "programmed"]
    first = next(iter(behind or telling or found.values()))
    return replace(first, envoys=envoys, waiting=waiting)
