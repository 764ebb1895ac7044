"""Questions between replicas, beside their reports: what one is asked for people, who may ask any of them."""

from __future__ import annotations

from typing import Protocol


class AskError(Exception):
    """Another replica gave no answer, or was asked no question; the message says why."""


class Peers(Protocol):
    """The other replicas, and who leads them."""

    @property
    def leader(self) -> str | None:
        """The name of the one that leads; None where nobody does."""
        ...

    @property
    def others(self) -> tuple[str, ...]:
        """The names of all others."""
        ...

    async def ask(self, name: str, question: bytes, within_s: float) -> bytes:
        """Ask one of them.

        Raises:
            AskError: there is no answer.
        """
        ...
