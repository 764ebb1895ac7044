"""ListenerSets that name each other, and what people are told whose references lead to nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdsserver.gatewayapi.listenersets import MAX_STEPS, gateway_behind
from xdsserver.gatewayapi.statuses import ListenerSetStatus
from xdsserver.objects.gateway import AllowedListeners, Gateway, GatewayListener, GatewaySpec, ListenerNamespaces
from xdsserver.objects.gatewayclass import GatewayClass, GatewayClassSpec
from xdsserver.objects.httproute import HTTPRoute, HTTPRouteSpec, ParentReference
from xdsserver.objects.listenerset import ListenerSet, ListenerSetSpec, ParentGatewayReference
from xdsserver.objects.meta import Name, ObjectKey, ObjectMeta
from xdsserver.reconciler import Reconciler

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from xdsserver.objects.meta import KubeObject

HTTP = GatewayListener(name="http", port=80, protocol="HTTP")
MORE = GatewayListener(name="http", port=80, protocol="HTTP", hostname="more.test")


def listener_set(name: str, parent: str, kind: str = "ListenerSet") -> ListenerSet:
    reference = ParentGatewayReference(name=parent, kind=kind)
    metadata = ObjectMeta(name=name, namespace="default", uid=name)
    return ListenerSet(metadata=metadata, spec=ListenerSetSpec(parent_ref=reference, listeners=(MORE,)))


def gateway() -> Gateway:
    allowed = AllowedListeners(namespaces=ListenerNamespaces(from_="All"))
    spec = GatewaySpec(gateway_class_name="ours", listeners=(HTTP,), allowed_listeners=allowed)
    return Gateway(metadata=ObjectMeta(name="edge", namespace="default", uid="edge"), spec=spec)


def route(parent: str) -> HTTPRoute:
    reference = ParentReference(kind="ListenerSet", name=parent)
    metadata = ObjectMeta(name="r", namespace="default", uid="r")
    return HTTPRoute(metadata=metadata, spec=HTTPRouteSpec(parent_refs=(reference,)))


def reconciled(*objects: KubeObject) -> Reconciler:
    class_ = GatewayClass(
        metadata=ObjectMeta(name="ours"), spec=GatewayClassSpec(controller_name="gateway.xdsserver.io/controller")
    )
    made = Reconciler()
    assert not made.objects((type(one).__name__, one.name, one) for one in (class_, gateway(), *objects)).failures
    return made


def key(name: str) -> ObjectKey:
    return ObjectKey("ListenerSet", "default", name)


def test_p3_listener_sets_that_name_each_other_are_followed_once() -> None:
    """What names itself, or each other in a circle, is seen once and ends nothing: at most eight steps are followed.

    A chain that leads to a Gateway of ours gets a condition that names the Gateway; a circle leads to nobody who could
    write one, and is told to whoever watches.
    """
    asked: list[Name] = []

    def among(parents: Mapping[Name, ObjectKey]) -> Callable[[Name], ObjectKey | None]:
        def parent_of(name: Name) -> ObjectKey | None:
            asked.append(name)
            return parents.get(name)

        asked.clear()
        return parent_of

    circle = {Name("default", "a"): key("b"), Name("default", "b"): key("c"), Name("default", "c"): key("a")}
    assert gateway_behind(key("a"), among(circle)) is None
    assert asked == [Name("default", one) for one in "abc"], "each once"

    chain = {Name("default", f"s{number}"): key(f"s{number + 1}") for number in range(100)}
    assert gateway_behind(key("s0"), among(chain)) is None
    assert len(asked) == MAX_STEPS == 8

    world = reconciled(
        listener_set("itself", "itself"),
        listener_set("a", "b"),
        listener_set("b", "a"),
        listener_set("nested", "good"),
        listener_set("good", "edge", "Gateway"),
    )
    told = {
        name: [(one.type, one.status.value, one.reason) for one in status.conditions]
        for (_, _, name), status in world.pipeline.statuses.rows.items()
        if isinstance(status, ListenerSetStatus)
    }
    assert told == {
        "nested": [("Accepted", "False", "Invalid"), ("Programmed", "False", "Invalid")],
        "good": [("Accepted", "True", "Accepted"), ("Programmed", "Unknown", "Pending")],
    }
    assert set(world.dangling([key(name) for name in ("itself", "a", "b", "nested", "good")])) == {
        key("itself"),
        key("a"),
        key("b"),
    }


def test_references_to_nobody_are_told() -> None:
    world = reconciled(listener_set("lost", "missing", "Gateway"), route("nobody"))
    assert world.dangling([key("lost"), ObjectKey("HTTPRoute", "default", "r")]) == {
        key("lost"): ("spec.parentRef: no Gateway default/missing",),
        ObjectKey("HTTPRoute", "default", "r"): ("spec.parentRefs[0]: no ListenerSet default/nobody",),
    }
    world.objects([("ListenerSet", Name("default", "nobody"), listener_set("nobody", "edge", "Gateway"))])
    assert world.dangling([ObjectKey("HTTPRoute", "default", "r")]) == {}
