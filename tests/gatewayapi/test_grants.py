from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from xdsserver.gatewayapi.grants import Referrer, permissions, permitted
from xdsserver.objects.meta import GATEWAY_GROUP, ObjectKey, ObjectMeta
from xdsserver.objects.referencegrant import ReferenceGrant, ReferenceGrantFrom, ReferenceGrantSpec, ReferenceGrantTo
from xdsserver.tables import Change, Graph

if TYPE_CHECKING:
    from xdsserver.gatewayapi.grants import Permission
    from xdsserver.tables import Source, Table

K = TypeVar("K")
V = TypeVar("V")

ROUTES = Referrer(GATEWAY_GROUP, "HTTPRoute", "app")
THERE = ObjectKey("Service", "data", "db")


def grant(*names: str | None) -> ReferenceGrant:
    return ReferenceGrant(
        metadata=ObjectMeta(name="g", namespace="data"),
        spec=ReferenceGrantSpec(
            from_=(ReferenceGrantFrom(group=GATEWAY_GROUP, kind="HTTPRoute", namespace="app"),),
            to=tuple(ReferenceGrantTo(group="", kind="Service", name=name) for name in names),
        ),
    )


def allowed(referrer: Referrer, target: ObjectKey, *grants: ReferenceGrant) -> bool:
    def read(table: Table[K, V], key: K) -> V | None:
        return table.rows.get(key)

    graph = Graph()
    source: Source[tuple[int, Permission], bool] = graph.source("permissions")
    counts: Table[Permission, int] = graph.count("grants", source, lambda key, _true: key[1])
    graph.apply(
        Change(source, (number, one), True)  # noqa: FBT003
        for number, found in enumerate(grants)
        for one in permissions(found)
    )
    return permitted(read, counts, referrer, "", target)


def test_one_namespace_needs_no_grant() -> None:
    assert allowed(ROUTES, ObjectKey("Service", "app", "db"))


def test_another_namespace_does() -> None:
    assert not allowed(ROUTES, THERE)
    assert allowed(ROUTES, THERE, grant("db"))


def test_without_a_name_all_objects_of_the_kind_are_meant() -> None:
    assert allowed(ROUTES, THERE, grant(None))
    assert allowed(ROUTES, THERE, grant(""))
    assert not allowed(ROUTES, ObjectKey("Secret", "data", "db"), grant(None))


def test_every_pair_of_from_and_to_counts() -> None:
    assert allowed(ROUTES, THERE, grant("other", "db"))
    assert not allowed(ROUTES, THERE, grant("other"))


def test_who_refers_is_compared_exactly() -> None:
    for other in (ROUTES._replace(kind="GRPCRoute"), ROUTES._replace(namespace="b"), ROUTES._replace(group="x")):
        assert not allowed(other, THERE, grant("db"))
