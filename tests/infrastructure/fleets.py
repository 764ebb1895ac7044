"""Fleets for tests: their specs as users write them, and whose they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.objects.documents import envoy_fleet
from xdsserver.infrastructure.dataplane import IMAGE, Envoys, Owner
from xdsserver.model.fleets import dedicated_fleet, shared_fleet
from xdsserver.objects.decode import decode
from xdsserver.objects.envoyfleet import EnvoyFleet
from xdsserver.objects.kinds import BY_NAME
from xdsserver.objects.meta import Name
from xdsserver.objects.validation import validate
from xdsserver.proxy.pods import data_plane
from xdsserver.settings import HostPort

if TYPE_CHECKING:
    from xdsserver.infrastructure.dataplane import DataPlane
    from xdsserver.objects.envoyfleet import EnvoyFleetSpec

PLANE: DataPlane = data_plane(HostPort("xdsserver.xdsserver-system.svc", 18001), IMAGE)
EDGE = Name("xdsserver-system", "edge")
WEB = Name("shop", "web")


def spec_of(written: dict[str, Any]) -> EnvoyFleetSpec:
    """Give what a spec means once it was checked."""
    checked = validate(envoy_fleet(**written))
    assert checked.document is not None, checked.errors
    fleet = decode(BY_NAME["EnvoyFleet"], checked.document)
    assert isinstance(fleet, EnvoyFleet)
    return fleet.spec


def shared(spec: EnvoyFleetSpec, name: Name = EDGE) -> Envoys:
    """Give the Envoys of an EnvoyFleet."""
    return Envoys(shared_fleet(name), Owner("gateway.xdsserver.io/v1alpha1", "EnvoyFleet", name, "uid-1"), spec)


def dedicated(spec: EnvoyFleetSpec, name: Name = WEB) -> Envoys:
    """Give the Envoys of a Gateway, whose user wants a label and an annotation on them."""
    owner = Owner("gateway.networking.k8s.io/v1", "Gateway", name, "uid-2")
    return Envoys(dedicated_fleet(name), owner, spec, (("team", "shop"),), (("example.com/note", "x"),))
