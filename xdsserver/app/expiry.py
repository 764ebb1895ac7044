"""Certificates that are shown though their time is out: looked at when they change, and when a time begins or ends."""

from __future__ import annotations

import asyncio
import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from xdsserver.gatewayapi.last_good import LastGood
from xdsserver.gatewayapi.validity import doubt, next_turn
from xdsserver.model.certificates import ServerCertificate
from xdsserver.objects.meta import ObjectKey
from xdsserver.xds.resource import SECRET

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from xdsserver.objects.meta import Name
    from xdsserver.pipeline import Pipeline
    from xdsserver.reconciler import Outcome

_LONGEST_S = 24 * 3600.0
"""A clock may be set anew, so that it is looked at each day."""


class Expiry:
    """Knows when to look next; `tell` gets what is wrong with each Secret now, all of it each time.

    `first` gets the time at which the first of them runs out, in seconds since 1970, infinite where there is none.
    """

    def __init__(
        self, pipeline: Pipeline, tell: Callable[[Mapping[ObjectKey, str]], None], first: Callable[[float], None]
    ) -> None:
        self._pipeline = pipeline
        self._tell = tell
        self._first = first
        self._next: asyncio.TimerHandle | None = None

    def published(self, outcome: Outcome) -> None:
        """Look where a certificate is another now, or is shown at last."""
        if any(type_url == SECRET for _fleet, type_url, _name in outcome.resources):
            self._look()

    def close(self) -> None:
        """Look no more."""
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def _look(self) -> None:
        self.close()
        now = datetime.now(UTC)
        shown = dict(self._shown())
        self._tell({ObjectKey("Secret", *name): words for name, one in shown.items() if (words := doubt(one, now))})
        self._first(min((one.valid_until.timestamp() for one in shown.values()), default=math.inf))
        turns = [turn for turn in (next_turn(one, now) for one in shown.values()) if turn is not None]
        if turns:
            # A second later, since a certificate is good until the end of its last second.
            wait_s = min((min(turns) - now).total_seconds() + 1, _LONGEST_S)
            self._next = asyncio.get_running_loop().call_later(wait_s, self._look)

    def _shown(self) -> Iterator[tuple[Name, ServerCertificate]]:
        for name in {secret for _fleet, secret in self._pipeline.certificate_counts.rows}:
            match self._pipeline.certificates.rows.get(name):
                case ServerCertificate() as found:
                    yield name, found
                case LastGood(certificate=before):
                    yield name, before
                case _:
                    pass
