"""Classes of several controllerNames may be ours; each status is written in the name of its own class."""

from __future__ import annotations

from typing import Any

from xdsserver.objects.gateway import Gateway, GatewayListener, GatewaySpec
from xdsserver.objects.gatewayclass import CONTROLLER, GatewayClass, GatewayClassSpec
from xdsserver.objects.httproute import HTTPRoute, HTTPRouteSpec, ParentReference
from xdsserver.objects.meta import Name, ObjectKey, ObjectMeta
from xdsserver.pipeline import Options
from xdsserver.reconciler import Reconciler, Surroundings

OLD = "example.com/another-gateway"
FOREIGN = "example.com/nobody-we-know"


def entries(options: Options) -> dict[str, Any]:
    """Give the controllerName by parent of a route of three Gateways, each of a class of another controller."""
    reconciler = Reconciler(Surroundings(options=options))
    changes: list[Any] = []
    for name, controller in (("ours", CONTROLLER), ("old", OLD), ("foreign", FOREIGN)):
        spec = GatewayClassSpec(controller_name=controller)
        changes.append(("GatewayClass", Name("", name), GatewayClass(metadata=ObjectMeta(name=name), spec=spec)))
        meta = ObjectMeta(name=name, namespace="shop", uid=name)
        listener = GatewayListener(name="http", port=80, protocol="HTTP")
        gateway = Gateway(metadata=meta, spec=GatewaySpec(gateway_class_name=name, listeners=(listener,)))
        changes.append(("Gateway", Name("shop", name), gateway))
    parents = tuple(ParentReference(name=name) for name in ("ours", "old", "foreign"))
    route = HTTPRoute(metadata=ObjectMeta(name="web", namespace="shop"), spec=HTTPRouteSpec(parent_refs=parents))
    reconciler.objects([*changes, ("HTTPRoute", Name("shop", "web"), route)])
    status = reconciler.pipeline.statuses.rows[ObjectKey("HTTPRoute", "shop", "web")].document()
    judged = {key.name for key in reconciler.pipeline.statuses.rows if key.kind in {"GatewayClass", "Gateway"}}
    found = {one["parentRef"]["name"]: one["controllerName"] for one in status["parents"]}
    assert judged == found.keys()
    return found


def test_only_our_own_name_is_ours_unless_others_are_named() -> None:
    assert entries(Options()) == {"ours": CONTROLLER}


def test_a_class_of_a_name_that_we_took_over_is_answered_in_that_name() -> None:
    assert entries(Options(controllers=(CONTROLLER, OLD))) == {"ours": CONTROLLER, "old": OLD}
