"""How the objects of a fleet are named and labelled, and by what its pods are found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from xdsserver.infrastructure.names import label_name

if TYPE_CHECKING:
    from xdsserver.infrastructure.dataplane import Envoys, Owner

MANAGED_BY: Final = "app.kubernetes.io/managed-by"
MANAGER: Final = "xdsserver"
"""With `MANAGED_BY`, what all objects of ours carry."""

FLEET_LABEL: Final = "gateway.xdsserver.io/fleet"
GATEWAY_LABEL: Final = "gateway.networking.k8s.io/gateway-name"


def object_name(owner: Owner) -> str:
    """Name the objects of a fleet, which are of different kinds and share one name: `gateway-...` or `fleet-...`."""
    return label_name("gateway" if owner.kind == "Gateway" else "fleet", owner.name.name)


def name_of_fleet(fleet: str) -> str:
    """Give the name of the objects of a fleet, as `object_name` does, where only the fleet's own name is known."""
    _, _, rest = fleet.partition("/")
    dedicated, _, name = rest.rpartition("/")
    return label_name("gateway" if dedicated else "fleet", name)


def certificate_name(owner: Owner) -> str:
    """Name the Secret with the certificate that the pods of a fleet show to our server."""
    return f"{object_name(owner)}-certificate"


def selector(owner: Owner) -> dict[str, str]:
    """Give the labels by which the pods of a fleet are found in its namespace; they never change."""
    return {FLEET_LABEL: object_name(owner)}


def labels(envoys: Envoys) -> dict[str, str]:
    """Give the labels of all objects of a fleet; those of users replace none of ours."""
    ours = {
        "app.kubernetes.io/name": "envoy",
        "app.kubernetes.io/instance": object_name(envoys.owner),
        "app.kubernetes.io/component": "proxy",
        "app.kubernetes.io/part-of": MANAGER,
        MANAGED_BY: MANAGER,
        **selector(envoys.owner),
    }
    if envoys.owner.kind == "Gateway":
        name = envoys.owner.name.name
        ours[GATEWAY_LABEL] = name if len(name) <= 63 else object_name(envoys.owner)  # noqa: PLR2004
    return dict(envoys.labels) | ours


def metadata(envoys: Envoys, name: str | None = None) -> dict[str, Any]:
    """Give the metadata of an object of a fleet."""
    found: dict[str, Any] = {
        "name": name or object_name(envoys.owner),
        "namespace": envoys.owner.name.namespace,
        "labels": labels(envoys),
        "ownerReferences": [envoys.owner.reference],
    }
    return found | ({"annotations": dict(envoys.annotations)} if envoys.annotations else {})
