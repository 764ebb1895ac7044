"""What Envoys get: resources by fleet, type and name, with everything secret left out."""

from dataclasses import dataclass

from xdsserver.inspection.paging import Scan, in_order, joined
from xdsserver.inspection.world import World
from xdsserver.pipeline import ResourceKey
from xdsserver.translation.documents import short_type
from xdsserver.xds.resource import TYPE_ORDER, Resource

TYPES = {short_type(one): one for one in TYPE_ORDER}
"""Type URLs by the short names that people use."""


@dataclass(frozen=True, slots=True)
class ResourceAnswer:
    """A resource in short.

    Attributes:
        fleet: who gets it.
        type: such as `RouteConfiguration`.
        name: how it is called.
        version: the hash of its content; "" where Envoys do not get it, since they reject it.
        size: its content in bytes.
        held_back: whether Envoys get something else than what follows from the objects, as they reject that.
    """

    fleet: str
    type: str
    name: str
    version: str
    size: int
    held_back: bool


def scan(world: World, after: str = "", fleet: str = "", type_: str = "") -> Scan[ResourceAnswer]:
    """Walk the resources by fleet, type and name."""
    type_url = TYPES.get(type_, type_)
    wanted = (key for key in world.pipeline.resources.rows if fleet in ("", key[0]) and type_url in ("", key[1]))
    for name, key in in_order(wanted, after, _name):
        yield name, resource(world, key)


def resource(world: World, key: ResourceKey) -> ResourceAnswer | None:
    """Tell of one resource; None where there is none."""
    fleet, type_url, name = key
    wanted = world.pipeline.resources.rows.get(key)
    served = serves(world, key)
    if wanted is None:
        return None
    short = short_type(type_url)
    if served is None:
        return ResourceAnswer(fleet, short, name, "", 0, held_back=True)
    return ResourceAnswer(fleet, short, name, served.version, len(served.body), held_back=served != wanted)


def serves(world: World, key: ResourceKey) -> Resource | None:
    """Give a resource as Envoys get it; where nobody is served, as they would."""
    if world.serving is None:
        return world.pipeline.resources.rows.get(key)
    fleet, type_url, name = key
    return world.serving.cache.resources(fleet, type_url).get(name)


def _name(key: ResourceKey) -> str:
    fleet, type_url, name = key
    return joined((fleet, short_type(type_url), name))
