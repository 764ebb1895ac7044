"""Tenants of worlds: their S3 API and console beside routes, at listeners that are marked as S3 or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from xdsserver.gatewayapi.s3listeners import S3_LISTENERS
from xdsserver.model.places import ListenerKey
from xdsserver.objects import core
from xdsserver.objects.meta import Name
from xdsserver.objects.tenant import Tenant, TenantSpec
from xdsserver.objects.tenantgateway import TenantApi, TenantConsole, TenantGateway, TenantParent
from xdsserver.objects.tenantpools import Persistence, Pool

if TYPE_CHECKING:
    from tests.properties.gateway_worlds import Dice
    from xdsserver.objects.gateway import Gateway

_HOSTNAMES = ("b.example.com", "a.example.com", "other.test")
_MARKS = ("", "", "", "l0", "l0,l1,l2", "l1", "l0, missing")


def marked(dice: Dice, gateway: Gateway) -> Gateway:
    """Let the owner of a Gateway mark listeners, or none."""
    marks = dice.any(*_MARKS)
    annotations = {**gateway.metadata.annotations, **({S3_LISTENERS: marks} if marks else {})}
    return msgspec.structs.replace(gateway, metadata=msgspec.structs.replace(gateway.metadata, annotations=annotations))


def tenant(dice: Dice, name: Name) -> Tenant:
    def parent() -> TenantParent:
        return TenantParent(
            name=dice.pick("front", "front", "side", "missing"),
            namespace=dice.pick("shop", "shop", "pay", None),
            section_name=dice.pick(None, None, "l0", "missing"),
            port=dice.pick(None, None, 80, 8080),
            kind=dice.pick("Gateway", "Gateway", "Gateway", "Service"),
        )

    asked = TenantGateway(
        parent_refs=dice.some(parent, least=1, most=2),
        api=TenantApi(
            hostnames=dice.sample(_HOSTNAMES, least=dice.pick(0, 1), most=2), port=dice.pick(None, None, 80, 8080)
        ),
        console=dice.any(None, TenantConsole(), TenantConsole(hostnames=dice.sample(_HOSTNAMES, most=2))),
    )
    pool = Pool(name="one", servers=4, persistence=Persistence(volumes_per_server=1))
    spec = TenantSpec(pools=(pool,), gateway=dice.pick(asked, asked, asked, None))
    return Tenant(metadata=dice.metadata(name), spec=spec)


def service_of_tenant(dice: Dice, name: Name) -> core.Service:
    port = 9001 if name.name.endswith("-console") else 9000
    ports = dice.pick((core.ServicePort(port=port, name="http"),), (), (core.ServicePort(port=80, name="http"),))
    return core.Service(metadata=dice.metadata(name), spec=core.ServiceSpec(ports=ports))


TENANTS = (Name("shop", "store"), Name("pay", "store"))
MAKERS = (
    ("Tenant", tenant, TENANTS),
    (
        "Service",
        service_of_tenant,
        tuple(Name(namespace, f"store-{side}") for namespace in ("shop", "pay") for side in ("io", "console")),
    ),
)
ANSWERED = tuple(
    ListenerKey("Tenant", *name, f"{side} at Gateway shop/front listener l0")
    for name in TENANTS
    for side in ("Tenant", "TenantConsole")
)
"""What Envoys may have acknowledged of them."""
