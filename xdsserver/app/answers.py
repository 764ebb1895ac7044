"""What the Envoys say, brought to the statuses once per turn of the loop: answers to one change come together."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, assert_never

from xdsserver.model.places import Delivery
from xdsserver.xds.receipts import Arrived, Late

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from xdsserver.model.places import Awaited, ListenerKey
    from xdsserver.reconciler import Outcome
    from xdsserver.xds.case import Blame, Rejection
    from xdsserver.xds.ledger import Event
    from xdsserver.xds.quarantine import Quarantine
    from xdsserver.xds.receipts import Receipts

    Deliveries = Mapping[ListenerKey, Delivery | None]
    News = Mapping[Blame, Rejection | None]


class Answers:
    """Asks for the acknowledgement of each listener once for each generation, and passes on what came of it.

    `pass_on` is called from the event loop, and may lead to more being asked for; `rows` is what was passed on.
    """

    def __init__(
        self,
        receipts: Receipts[ListenerKey],
        quarantine: Quarantine,
        rows: Mapping[ListenerKey, Delivery],
        pass_on: Callable[[Deliveries, News], None],
    ) -> None:
        self._receipts = receipts
        self._quarantine = quarantine
        self._rows = rows
        self._pass_on = pass_on
        self._awaited: dict[ListenerKey, Awaited] = {}
        self._soon: asyncio.Handle | None = None
        self._late: asyncio.TimerHandle | None = None

    def published(self, outcome: Outcome) -> None:
        """Take what has just been published: what is new of it is awaited from now on."""
        self._receipts.published(outcome.resources.keys())
        if not outcome.awaited:
            return
        now_s = asyncio.get_running_loop().time()
        forgotten: dict[ListenerKey, Delivery | None] = {}
        for key, awaited in outcome.awaited.items():
            before = self._awaited.pop(key, None)
            if awaited is None:
                self._receipts.forget(key)
            else:
                self._awaited[key] = awaited
                self._receipts.await_(key, awaited.resources, now_s)
            stays = awaited is not None and before is not None and awaited.resources == before.resources
            if not stays and key in self._rows:
                # Whatever was acknowledged stood elsewhere.
                forgotten[key] = None
        if forgotten:
            self._pass_on(forgotten, {})
        self._settle_soon()

    def hear(self, event: Event) -> None:
        """Take what an Envoy was sent or said, after the ledger."""
        if self._receipts.hear(event) or self._quarantine.has_news:
            self._settle_soon()

    def _settle_soon(self) -> None:
        if self._soon is None:
            self._soon = asyncio.get_running_loop().call_soon(self._settle)

    def _settle(self) -> None:
        self._soon = None
        loop = asyncio.get_running_loop()
        deliveries: dict[ListenerKey, Delivery | None] = {}
        for key, found in self._receipts.settle(loop.time()):
            match found:
                case Arrived():
                    deliveries[key] = Delivery(self._awaited[key].generation)
                case Late(nodes):
                    before = self._rows.get(key)
                    deliveries[key] = Delivery(before.generation if before is not None else None, nodes)
                case _:
                    assert_never(found)
        news = self._quarantine.take_news()
        if news or deliveries:
            self._pass_on(deliveries, news)
        if self._late is not None:
            self._late.cancel()
        tick = self._receipts.next_tick()
        self._late = None if tick is None else loop.call_at(tick, self._settle_soon)
