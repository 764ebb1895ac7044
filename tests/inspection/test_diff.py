"""What becomes different from one world to another, for requests, conditions and Envoys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.inspection.worlds import reconciled, settled
from tests.live import manifests as m
from xdsserver.gatewayapi.conditions import REJECTED
from xdsserver.gatewayapi.statuses import all_conditions
from xdsserver.inspection.diff import difference
from xdsserver.inspection.served import served
from xdsserver.xds.case import Blame, Rejection
from xdsserver.xds.fragments import NOBODY
from xdsserver.xds.resource import ROUTE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.live.manifests import Document
    from xdsserver.inspection.diff import Difference


COMMON = (m.gateway(m.listener(8080)), *m.service("shop", 9000), *m.service("cart", 9001))


def between(tmp_path: Path, before: list[Document], after: list[Document]) -> Difference:
    folders = tmp_path / "before", tmp_path / "after"
    for folder in folders:
        folder.mkdir()
    return difference(served(settled(folders[0], *COMMON, *before)), served(settled(folders[1], *COMMON, *after)))


def route(name: str, *paths: str, to: str = "shop", year: int = 2026) -> Document:
    found = m.http_route(name, *(m.rule(m.to(to), matches=[m.path(path)]) for path in paths), hostnames=["a.test"])
    found["metadata"]["creationTimestamp"] = f"{year}-01-01T00:00:00Z"
    return found


def test_the_same_is_no_difference(tmp_path: Path) -> None:
    assert between(tmp_path, [route("r", "/a")], [route("r", "/a")]).nothing


def test_what_appears_and_what_vanishes(tmp_path: Path) -> None:
    found = between(tmp_path, [route("r", "/a", "/b")], [route("r", "/a"), route("s", "/c", to="cart")])
    assert [(one.change, one.hostname, one.match, one.before, one.after) for one in found.places] == [
        ("vanishes", "a.test", "/b/*", "HTTPRoute default/r rules[1]", ""),
        ("appears", "a.test", "/c/*", "", "HTTPRoute default/s rules[0]"),
    ]
    assert ("sent", "Cluster", "Service/default/cart/80/http1") in {
        (one.change, one.type, one.name) for one in found.resources
    }


def test_an_exact_path_with_a_star_is_another_place_than_the_prefix_before_it(tmp_path: Path) -> None:
    star = {"path": {"type": "Exact", "value": "/a/*"}}
    exact = m.http_route("r", m.rule(m.to("shop"), matches=[star, m.path("/a")]), hostnames=["a.test"])
    assert [one.match for one in between(tmp_path, [], [exact]).places] == ["/a/*", "/a/* exactly"]


def test_a_rule_that_stays_and_goes_elsewhere(tmp_path: Path) -> None:
    found = between(tmp_path, [route("r", "/a")], [route("r", "/a", to="cart")])
    (place,) = found.places
    assert (place.change, place.after) == ("changes", "HTTPRoute default/r rules[0]")
    assert (
        place.what == "no more to Service/default/shop/80/http1 weight 1; now to Service/default/cart/80/http1 weight 1"
    )


def test_an_older_route_takes_over_what_it_shadows(tmp_path: Path) -> None:
    found = between(tmp_path, [route("r", "/a")], [route("r", "/a"), route("old", "/a", year=2020)])
    (place,) = found.places
    assert (place.change, place.before, place.after) == (
        "is answered by",
        "HTTPRoute default/r rules[0]",
        "HTTPRoute default/old rules[0]",
    )
    (shadow,) = found.shadows
    assert (shadow.shadowed, shadow.rule, shadow.instead) == (
        True,
        "HTTPRoute default/r rules[0]",
        "HTTPRoute default/old rules[0]",
    )


def test_rules_that_change_places_within_a_route_change_nothing(tmp_path: Path) -> None:
    found = between(tmp_path, [route("r", "/a", "/b")], [route("r", "/b", "/a")])
    assert {one.change for one in found.places} == {"is answered by"}
    assert not found.conditions


def test_a_condition_that_goes_wrong_and_one_that_is_mended(tmp_path: Path) -> None:
    good, bad = route("r", "/a"), route("r", "/a", to="missing")
    (tmp_path / "there").mkdir()
    (tmp_path / "back").mkdir()
    (wrong,) = between(tmp_path / "there", [good], [bad]).conditions
    (mended,) = between(tmp_path / "back", [bad], [good]).conditions
    assert (wrong.wrong, wrong.type, wrong.reason) == (True, "ResolvedRefs", "BackendNotFound")
    assert (mended.wrong, mended.reason) == (False, "BackendNotFound")


def test_what_envoys_reject_is_no_difference_to_a_folder_that_has_none(tmp_path: Path) -> None:
    """Else a folder would seem to mend whatever is rejected of it."""
    world = reconciled(tmp_path, *COMMON, route("r", "/a"))
    before, said = served(world.pipeline), Rejection("no such thing", ("envoy-1",))
    place = next(key for key in world.pipeline.resources.rows if key[1] == ROUTE)
    world.answers({}, {Blame(*place, ("HTTPRoute", "default", "r")): said, Blame(*place, NOBODY): said})
    statuses = world.pipeline.statuses.rows.values()
    assert any(one.type == REJECTED for status in statuses for _, one in all_conditions(status))
    assert difference(served(world.pipeline), before).nothing
