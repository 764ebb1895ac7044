"""What all Envoys that run in pods have in common: their image, what they start with, and where things are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from xdsserver.objects.envoyfleet import EnvoyFleetSpec
    from xdsserver.objects.meta import Name

IMAGE: Final = "docker.io/envoyproxy/envoy:v1.40.0"
"""The release that we are tested with."""

PROBES_PORT: Final = 19001
"""Where an Envoy in a pod answers probes and scrapes, and nothing else."""

CONFIG_DIR: Final = "/etc/xdsserver/config"
CERTIFICATE_DIR: Final = "/etc/xdsserver/certificate"
RUN_DIR: Final = "/run/xdsserver"
ADMIN_SOCKET: Final = f"{RUN_DIR}/admin.sock"

Bootstrap: TypeAlias = Callable[[str, int | None], str]
"""(fleet, memory that it may take in bytes or None) -> what Envoy is started with, as YAML."""


@dataclass(frozen=True, slots=True)
class DataPlane:
    """How Envoys are run in pods.

    Attributes:
        bootstrap: what they are started with; its admin interface is at `ADMIN_SOCKET`, its probes at `PROBES_PORT`,
            its certificate in `CERTIFICATE_DIR`. The node's id is given by the pod.
        image: for fleets that name none.
    """

    bootstrap: Bootstrap
    image: str = IMAGE


@dataclass(frozen=True, slots=True)
class Owner:
    """The object by whose deletion all of a fleet goes too; it is in the namespace of the fleet."""

    api_version: str
    kind: str
    name: Name
    uid: str

    @property
    def reference(self) -> dict[str, Any]:
        """The owner reference. It does not hold up the owner's deletion."""
        return {
            "apiVersion": self.api_version,
            "kind": self.kind,
            "name": self.name.name,
            "uid": self.uid,
            "controller": True,
            "blockOwnerDeletion": False,
        }


@dataclass(frozen=True, slots=True)
class Envoys:
    """The Envoys of one fleet, as they should run.

    Attributes:
        fleet: its name, which they send as `node.cluster`.
        owner: the EnvoyFleet of a shared one, the Gateway of a dedicated one.
        spec: what its user asks for.
        labels: on everything, from `Gateway.spec.infrastructure` where there is a Gateway.
        annotations: likewise.
    """

    fleet: str
    owner: Owner
    spec: EnvoyFleetSpec
    labels: tuple[tuple[str, str], ...] = ()
    annotations: tuple[tuple[str, str], ...] = ()
