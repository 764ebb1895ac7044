"""Who leads and where each replica takes reports, as it is given from outside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Membership:
    """All replicas by name, with the address (`HOST:PORT`) where each takes reports, and the one that leads, if any."""

    addresses: dict[str, str]
    leader: str | None


class Leadership(Protocol):
    """Says who leads."""

    @property
    def now(self) -> Membership:
        """Who leads, as far as is known."""
        ...

    async def changed(self, before: Membership) -> None:
        """Return when it is different from this."""
        ...
