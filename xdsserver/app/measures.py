"""What is measured of a run, taken where it happens, and the port where it is asked for."""

from __future__ import annotations

import contextlib
import time
from itertools import chain
from typing import TYPE_CHECKING

from xdsserver.observe.condition import Condition
from xdsserver.observe.notices import Level, Notice
from xdsserver.xds.latency import Latency
from xdsserver.xds.ledger import Acked, Joined, Left, Rejected

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Mapping

    from prometheus_client import CollectorRegistry

    from xdsserver.observe.metrics import KubeMetrics, Watched
    from xdsserver.observe.notices import Report
    from xdsserver.settings import HostPort
    from xdsserver.xds.cache import ResourceKey
    from xdsserver.xds.ledger import Event
    from xdsserver.xds.resource import Resource


class Measures:
    """Turns what is published and what Envoys say into metrics."""

    def __init__(self, registry: CollectorRegistry) -> None:
        # Takes a fifteenth of a second, as the server of the port takes a seventh: only for those who measure.
        from xdsserver.observe.metrics import Metrics  # noqa: PLC0415

        self.metrics = Metrics(registry)
        self._latency = Latency()
        self._fleets: dict[str, str] = {}

    def published(self, changes: Mapping[ResourceKey, Resource | None], read_s: float) -> None:
        """Take what a round changed, and when the changes behind it were read, on the monotonic clock."""
        self.metrics.round()
        self._latency.published(changes, read_s)

    def hear(self, event: Event) -> None:
        """Take what an Envoy was sent or said."""
        match event:
            case Joined(stream, _, fleet):
                self._fleets[stream] = fleet
                self.metrics.joined(fleet)
            case Left(stream) if (left := self._fleets.pop(stream, None)) is not None:
                self.metrics.left(left)
            case Rejected(stream, type_url) if stream in self._fleets:
                self.metrics.rejected(_short(type_url), self._fleets[stream])
            case _:
                pass
        age_s = self._latency.hear(event, time.monotonic())
        if age_s is not None and isinstance(event, Acked):
            self.metrics.acknowledged(_short(event.type_url), age_s)


def _short(type_url: str) -> str:
    return type_url.rpartition(".")[2]


class Observation:
    """The port for probes and scrapes, and what is measured for it; also of runs beside the first one in a process."""

    def __init__(self, address: HostPort, report: Report) -> None:
        from prometheus_client import CollectorRegistry, ProcessCollector  # noqa: PLC0415

        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.measures = Measures(self.registry)
        self._address = address
        self._report = report
        self._watched: list[Callable[[], Iterable[Watched]]] = []
        self._kube: KubeMetrics | None = None
        self._beside: dict[str, Callable[[], Condition]] = {}

    def kube(self, watched: Callable[[], Iterable[Watched]], may_write: Callable[[], bool] | None) -> KubeMetrics:
        """Measure what a run follows and writes; whether it leads is said of the first one only, if that tells."""
        from xdsserver.observe.metrics import KubeMetrics, KubeState  # noqa: PLC0415

        self._watched.append(watched)
        if self._kube is None:
            everything = KubeState(lambda: chain.from_iterable(one() for one in self._watched), may_write)
            self._kube = KubeMetrics(self.registry, everything)
        return self._kube

    def beside(self, name: str, condition: Callable[[], Condition]) -> None:
        """Tell probes how another run of this process is, under its name.

        It is for people. Whether the process is ready is for whoever sends it Envoys, which a run beside must not stop.
        """
        self._beside[name] = condition

    @contextlib.asynccontextmanager
    async def serving(self, condition: Callable[[], Condition]) -> AsyncIterator[None]:
        """Answer until the end of the block.

        Raises:
            EndpointError: the address cannot be had.
        """
        from xdsserver.observe.endpoints import Endpoints  # noqa: PLC0415
        from xdsserver.observe.lag import lag_measured  # noqa: PLC0415

        endpoints = Endpoints(*self._address, lambda: self._whole(condition()), self.registry)
        async with endpoints.serving():
            words = f"/healthz, /readyz and /metrics are at http://{endpoints.address}"
            self._report(Notice(Level.INFO, "health", words))
            with lag_measured(self.measures.metrics.lagged):
                yield

    def _whole(self, served: Condition) -> Condition:
        others = {name: condition() for name, condition in self._beside.items()}
        detail = {name: {"ready": one.ready, **one.detail} for name, one in others.items()}
        return Condition(served.ready, {**served.detail, **detail})


def observation(address: HostPort | None, report: Report) -> Observation | None:
    """Make what was asked for; None where nothing was."""
    return None if address is None else Observation(address, report)
