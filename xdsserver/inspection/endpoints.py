"""Endpoints of backends as their slices have them: who gets requests, and who is left out and why."""

from collections.abc import Iterator
from dataclasses import dataclass

from xdsserver.inspection.world import look
from xdsserver.model.routing import EndpointsKey
from xdsserver.objects.core import EndpointConditions
from xdsserver.pipeline import Pipeline
from xdsserver.pipeline.clusters import endpoints_behind, slices_behind


@dataclass(frozen=True, slots=True)
class EndpointAnswer:
    """One endpoint of a backend.

    Attributes:
        address: where it is.
        port: 0 where its slice has no such port.
        health: `ready`, `ending` (it serves what it has, and stops) or `not ready`, as its EndpointSlice says.
        served: whether Envoys send requests there. One that is ending gets them where no other is ready.
        node: the machine that it runs on; "" where its slice does not say.
    """

    address: str
    port: int
    health: str
    served: bool
    node: str


def endpoints_of(pipeline: Pipeline, wanted: EndpointsKey) -> Iterator[EndpointAnswer]:
    """Give the endpoints of one port of a backend, those first that get requests."""
    members = endpoints_behind(pipeline, look, wanted).members
    served = {one.address: one.port for one in members}
    told = set()
    left_out = []
    for slice_ in slices_behind(pipeline, look, wanted):
        for endpoint in slice_.endpoints:
            address = endpoint.addresses[0] if endpoint.addresses else ""
            health, node = _health(endpoint.conditions), endpoint.node_name or ""
            if address in served and address not in told:
                told.add(address)
                yield EndpointAnswer(address, served[address], health, served=True, node=node)
            elif address not in told:
                left_out.append(EndpointAnswer(address, 0, health, served=False, node=node))
    yield from (one for one in left_out if one.address not in told)


def _health(conditions: EndpointConditions) -> str:
    if conditions.ready is not False and not conditions.terminating:
        return "ready"
    return "ending" if conditions.serving and conditions.terminating else "not ready"
