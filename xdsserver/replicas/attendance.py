"""Which Envoys are connected to one server, and since when: of several streams of one, the newest counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdsserver.replicas.statements import Envoy
from xdsserver.xds.ledger import Joined, Left

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xdsserver.xds.ledger import Event


class Attendance:
    """Follows the streams of one server by their events."""

    def __init__(self) -> None:
        self._streams: dict[str, Envoy] = {}
        self._since_s: dict[Envoy, dict[str, float]] = {}

    def hear(self, event: Event, now_s: float) -> Envoy | None:
        """Take in an event; return the Envoy that came, connected anew, or left."""
        match event:
            case Joined(stream, node, fleet):
                envoy = self._streams[stream] = Envoy(fleet, node.id)
                self._since_s.setdefault(envoy, {})[stream] = now_s
                return envoy
            case Left(stream) if stream in self._streams:
                envoy = self._streams.pop(stream)
                streams = self._since_s[envoy]
                del streams[stream]
                if not streams:
                    del self._since_s[envoy]
                return envoy
            case _:
                return None

    def since_s(self, envoy: Envoy) -> float | None:
        """Return when the newest stream of an Envoy began; None where it has none."""
        return max(self._since_s.get(envoy, {}).values(), default=None)

    def present(self) -> Mapping[Envoy, float]:
        """Return all that are connected, and since when."""
        return {envoy: max(streams.values()) for envoy, streams in self._since_s.items()}
