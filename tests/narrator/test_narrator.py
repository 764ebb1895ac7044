"""What a run says: each thing once, with file and line, and again when it is mended."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cli.folders import GATEWAY, ROUTE, SHOP, folder
from xdsserver.files import Folder
from xdsserver.files.values import Limits
from xdsserver.model.places import EVERYWHERE, Bind, Delivery
from xdsserver.narrator import Narrator, Socket, Whereabouts
from xdsserver.observe.notices import Level, Notice
from xdsserver.reconciler import FLEET, Reconciler

if TYPE_CHECKING:
    from pathlib import Path

    from xdsserver.model.places import ListenerKey

REMOVALS_AT_ONCE = Limits(settle_s=0)


class Run:
    """A folder that is read, reconciled and told of, step by step; without sockets."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.opened_ip, self.opened_port = "127.0.0.1", 8080
        self._folder = Folder(path, REMOVALS_AT_ONCE)
        self._reconciler = Reconciler()
        self._heard: list[Notice] = []
        self._narrator = Narrator(self._heard.append, path)

    def said(self, **files: str) -> list[Notice]:
        """Save files, read the folder, and give what is said of it."""
        folder(self.path, **files)
        scan = self._folder.scan()
        self._narrator.scan(scan)
        outcome = self._reconciler.objects((one.kind, one.name, one.object) for one in scan.changes)
        self._narrator.outcome(outcome, Whereabouts(self._socket, self._folder.place))
        self._narrator.references(scan, self._reconciler, self._folder.place)
        return self._all()

    def acknowledged(self) -> list[Notice]:
        """Let an Envoy acknowledge listeners and routes, and give what is said of it."""
        awaited = self._reconciler.pipeline.awaited.rows
        outcome = self._reconciler.answers({key: Delivery(one.generation) for key, one in awaited.items()}, {})
        self._narrator.outcome(outcome, Whereabouts(self._socket, self._folder.place))
        return self._all()

    def _all(self) -> list[Notice]:
        heard = self._heard.copy()
        self._heard.clear()
        return heard

    def _socket(self, _key: ListenerKey) -> Socket:
        return Socket(8080, "HTTP", Bind(FLEET, self.opened_ip, self.opened_port, "TCP"))


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def problems(notices: list[Notice]) -> list[str]:
    return [
        f"{notice.subject}: {notice.text}" if notice.subject else notice.text
        for notice in notices
        if notice.level in (Level.WARNING, Level.ERROR)
    ]


def test_changed_objects_are_named_and_the_rest_is_counted(run: Run) -> None:
    (notice,) = run.said(a=GATEWAY, b=ROUTE, c=SHOP)
    assert notice.subject == "changed"
    assert notice.text.endswith(" and 1 more")
    (notice,) = run.said(c=SHOP.replace("80", "81") + "---\n" + ROUTE.replace("name: shop}", "name: other}", 1))[:1]
    assert notice.text == "HTTPRoute default/other, Service default/shop"


def test_a_listener_is_told_with_its_address_once_it_is_served(run: Run) -> None:
    run.said(a=GATEWAY, b=ROUTE, c=SHOP)
    (notice,) = run.acknowledged()
    url = "http://127.0.0.1:8080"
    assert notice == Notice(Level.OK, "Gateway default/edge", f"listener http is served at {url}", url)
    assert run.said() == []


def test_a_port_that_was_mapped_is_told(run: Run) -> None:
    run.opened_port = 16080
    run.said(a=GATEWAY, b=ROUTE, c=SHOP)
    (notice,) = run.acknowledged()
    assert notice.url == "http://127.0.0.1:16080"
    assert "port 8080 could not be opened here" in notice.text


def test_a_port_behind_a_service_is_no_address_of_clients(run: Run) -> None:
    run.opened_ip, run.opened_port = EVERYWHERE, 27749
    run.said(a=GATEWAY, b=ROUTE, c=SHOP)
    (notice,) = run.acknowledged()
    assert (notice.text, notice.url) == ("listener http is served, at port 27749 of its Envoys", "")


def test_a_condition_is_told_once_with_file_and_line_and_again_when_it_is_good(run: Run) -> None:
    words = "HTTPRoute default/shop: BackendNotFound: spec.rules[0].backendRefs[0]: Service default/shop does not exist"
    assert problems(run.said(a=GATEWAY, b=ROUTE)) == [f"{words} ({run.path}/b.yaml:1)"]
    assert problems(run.said(a=GATEWAY + "# a comment")) == []
    assert run.said(c=SHOP)[-1] == Notice(Level.OK, "HTTPRoute default/shop", "has no problems any more")


def test_a_broken_file_is_told_once_with_its_line_and_when_it_is_mended(run: Run) -> None:
    run.said(a=GATEWAY, b=ROUTE, c=SHOP)
    bad = ROUTE.replace("port: 80}", "port: eighty}")
    said = problems(run.said(b=bad))
    assert any(words.startswith(f"{run.path}/b.yaml:9: error: HTTPRoute default/shop ") for words in said), said
    assert problems(run.said(b=bad)) == []
    assert run.said(b=ROUTE)[-1].text == "no errors any more"


def test_a_route_for_a_gateway_that_is_not_there_is_told(run: Run) -> None:
    words = "HTTPRoute default/shop: spec.parentRefs[0]: no Gateway default/edge"
    assert problems(run.said(b=ROUTE, c=SHOP)) == [f"{words} ({run.path}/b.yaml:1)"]
    assert problems(run.said(d=SHOP.replace("name: shop", "name: other"))) == []
    assert problems(run.said(a=GATEWAY)) == []
    (run.path / "a.yaml").unlink()
    assert problems(run.said()) == [f"{words} ({run.path}/b.yaml:1)"]


SET = """\
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {name: more}
spec:
  parentRef: {name: edge}
  listeners:
  - {name: http, protocol: HTTP, port: 8080, hostname: more.test}
"""


def test_listeners_of_a_set_are_told_and_so_is_a_set_whose_gateway_goes(run: Run) -> None:
    allowing = GATEWAY.replace("  listeners:\n", "  allowedListeners: {namespaces: {from: Same}}\n  listeners:\n")
    lost = f"ListenerSet default/more: spec.parentRef: no Gateway default/edge ({run.path}/d.yaml:1)"
    assert problems(run.said(d=SET)) == [lost]
    (refused,) = problems(run.said(a=GATEWAY))
    assert refused.startswith(
        "ListenerSet default/more: NotAllowed: spec.parentRef: Gateway default/edge does not allow"
    )
    assert refused.endswith(f"({run.path}/d.yaml:1)")
    run.said(a=allowing)
    assert {notice.subject for notice in run.acknowledged()} == {"Gateway default/edge", "ListenerSet default/more"}
    (run.path / "a.yaml").unlink()
    assert problems(run.said()) == [lost]


def test_a_route_that_asks_for_default_gateways_is_told_where_there_is_none(run: Run) -> None:
    route = ROUTE.replace("  parentRefs:\n  - name: edge\n", "  useDefaultGateways: All\n")
    assert route != ROUTE
    default = GATEWAY.replace("  gatewayClassName: xdsserver\n", "  gatewayClassName: xdsserver\n  defaultScope: All\n")
    assert default != GATEWAY
    words = "HTTPRoute default/shop: spec.useDefaultGateways: no Gateway served here has defaultScope All"
    assert problems(run.said(a=GATEWAY, b=route, c=SHOP)) == [f"{words} ({run.path}/b.yaml:1)"]
    assert problems(run.said(a=default)) == []
    assert problems(run.said(a=GATEWAY)) == [f"{words} ({run.path}/b.yaml:1)"]


def test_a_gateway_of_a_class_that_is_not_there_is_told(run: Run) -> None:
    (words,) = problems(run.said(a=GATEWAY.replace("gatewayClassName: xdsserver", "gatewayClassName: other")))
    assert words.startswith("Gateway default/edge: spec.gatewayClassName: no GatewayClass other")
    assert words.endswith(f"({run.path}/a.yaml:6)")


def test_a_rule_that_no_request_reaches_is_told_once_and_when_it_is_mended(run: Run) -> None:
    other = ROUTE.replace("name: shop}", "name: ship}", 1)
    (words,) = problems(run.said(a=GATEWAY, b=ROUTE, c=SHOP, d=other))
    assert words.startswith("HTTPRoute default/shop: spec.rules[0] never answers paths under / on any host")
    assert "HTTPRoute default/ship spec.rules[0] asks for the same" in words
    assert words.endswith(f"({run.path}/b.yaml:1)")
    assert problems(run.said(a=GATEWAY + "# a comment")) == []
    notices = run.said(d=other.replace("  rules:", "  hostnames: [ship.test]\n  rules:"))
    assert notices[-1] == Notice(Level.OK, "HTTPRoute default/shop", "has no problems any more")
