"""Why an object is as it is: each condition with what it means and what to do, also where nobody decides."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.inspection.worlds import reconciled
from tests.live import manifests as m
from xdsserver.inspection.reasons import CHAPTERS
from xdsserver.inspection.why import NoSuchKindError, object_named, why
from xdsserver.objects.meta import ObjectKey

if TYPE_CHECKING:
    from pathlib import Path

    from tests.live.manifests import Document
    from xdsserver.inspection.why import Because


EDGE = m.gateway(m.listener(8080))
SHOP = m.service("shop", 9000)


def said(folder: Path, name: str, *documents: Document) -> Because:
    return why(reconciled(folder, EDGE, *SHOP, *documents), object_named(name))


def test_a_condition_that_is_wrong_has_its_meaning_and_what_to_do(tmp_path: Path) -> None:
    found = said(tmp_path, "httproute/r", m.http_route("r", m.rule(m.to("missing"))))
    (wrong,) = [one for one in found.verdicts if not one.good]
    assert (wrong.part, wrong.type, wrong.status, wrong.reason) == (
        "parent edge",
        "ResolvedRefs",
        "False",
        "BackendNotFound",
    )
    assert "missing" in wrong.message
    assert wrong.means.startswith("a Service, or a port of it, does not exist")
    assert wrong.remedy == "create it, or correct the name"
    assert (found.known, found.good, found.words) == (True, False, "1 of 2 conditions are not good")


def test_what_waits_for_envoys_is_no_fault(tmp_path: Path) -> None:
    found = said(tmp_path, "gtw/default/edge")
    assert found.good
    assert {one.part for one in found.verdicts if one.waiting} == {"", "listener http"}
    assert found.words == "nothing is wrong; Envoys have not acknowledged all of it yet"
    assert all(one.means for one in found.verdicts)


def test_what_is_never_reached_is_doubtful(tmp_path: Path) -> None:
    rule = m.rule(m.to("shop"), matches=[m.path("/a")])
    found = said(tmp_path, "httproute/r", m.http_route("r", rule, rule, rule | {"name": "third"}))
    assert not found.good
    assert any("never answers" in words for words in found.doubts)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("httproute/other/r", "there is no HTTPRoute other/r; there is HTTPRoute default/r"),
        ("svc/shop", "it is used by HTTPRoute default/r"),
        ("svc/idle", "it has no status of ours, and nothing sends requests to it"),
        ("gateway/foreign", "its class foreign is not served here"),
    ],
)
def test_what_has_no_status(tmp_path: Path, name: str, words: str) -> None:
    foreign = m.gateway(m.listener(80), name="foreign")
    foreign["spec"]["gatewayClassName"] = "foreign"
    class_ = {**m.gateway_class(), "metadata": {"name": "foreign"}, "spec": {"controllerName": "example.com/foreign"}}
    others = (m.http_route("r", m.rule(m.to("shop"))), *m.service("idle", 1), class_, foreign)
    assert said(tmp_path, name, *others).words == words


def test_a_route_that_names_nobody(tmp_path: Path) -> None:
    route = m.http_route("r", m.rule(m.to("shop")))
    route["spec"]["parentRefs"] = [{"name": "nobody"}]
    found = said(tmp_path, "httproute/default/r", route)
    assert not found.good
    assert "nobody" in found.doubts[0]


def test_kinds_are_named_as_kubectl_has_them() -> None:
    route = ObjectKey("HTTPRoute", "ns", "a")
    assert {object_named(f"{kind}/ns/a") for kind in ("httproute", "HTTPRoute", "httproutes")} == {route}
    assert object_named("gc/a") == ObjectKey("GatewayClass", "", "a")
    assert object_named("gtw/a") == ObjectKey("Gateway", "default", "a")


@pytest.mark.parametrize("name", ["a", "httproute", "httproute/", "pod/ns/a", "httproute/ns/a/b"])
def test_what_names_no_object(name: str) -> None:
    with pytest.raises(NoSuchKindError):
        object_named(name)


def test_no_condition_is_explained_twice() -> None:
    told = [
        (part, one.type, one.status, one.reason) for each in CHAPTERS for part in each.parts for one in each.reasons
    ]
    assert len(told) == len(set(told))
    assert all(one.means for each in CHAPTERS for one in each.reasons)
