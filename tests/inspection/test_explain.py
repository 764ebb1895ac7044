"""What is said of a request: who was tried, who answers, and why. That it is true is for a real Envoy to say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.inspection.worlds import reconciled, settled
from tests.live import manifests as m
from xdsserver.inspection.explain import MANY, explain
from xdsserver.inspection.requests import RequestError, Sent, request_of
from xdsserver.xds.case import Blame, Rejection
from xdsserver.xds.resource import ROUTE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.live.manifests import Document
    from xdsserver.inspection.answers import Explanation


def asked(folder: Path, url: str, *documents: Document, sent: Sent | None = None) -> Explanation:
    return explain(settled(folder, *documents), request_of(url, sent or Sent()))


EDGE = m.gateway(m.listener(8080))
SHOP = m.service("shop", 9000)


def test_each_match_that_was_tried_says_what_is_not_met_first(tmp_path: Path) -> None:
    rules = (
        m.rule(m.to("shop"), matches=[m.path("/cart", "Exact"), {**m.path("/shop"), "method": "POST"}]),
        m.rule(m.to("shop"), matches=[{"headers": [{"name": "x-a", "value": "1"}]}]),
        m.rule(m.to("shop"), matches=[{"queryParams": [{"name": "q", "type": "RegularExpression", "value": "[0-9]"}]}]),
    )
    found = asked(
        tmp_path,
        "http://a.test:8080/shop/x?q=ab",
        EDGE,
        *SHOP,
        m.http_route("r", *rules),
        sent=Sent(headers=(("X-A", "2"),)),
    )
    assert [(one.rule.rule, one.rule.match, one.because) for one in found.tried] == [
        (0, 0, "path /shop/x is not /cart"),
        (0, 1, "method is GET, not POST"),
        (1, 0, "header x-a is 2, not 1"),
        (2, 0, "query parameter q is ab, not like [0-9]"),
    ]
    (share,) = found.shares
    assert (share.kind, share.status, share.why) == ("answer", 404, "no rule under this hostname matches")
    assert not found.good


def test_the_backend_with_its_endpoints_and_what_it_sees(tmp_path: Path) -> None:
    service, slice_ = m.service("shop", 9000)
    slice_["endpoints"] = [
        {"addresses": ["10.0.0.1"]},
        {"addresses": ["10.0.0.2"], "conditions": {"ready": False}},
    ]
    rewrite = m.rewrite(path=m.prefix("/v2"), hostname="inner.test")
    set_ = m.request_headers(set_=[("x-set", "1")])
    route = m.http_route("r", m.rule(m.to("shop", set_), matches=[m.path("/v1")], filters=[rewrite]))
    found = asked(tmp_path, "http://a.test:8080/v1/x?y", EDGE, service, slice_, route)
    (share,) = found.shares
    assert found.good
    assert (share.kind, share.path, share.host) == ("backend", "/v2/x?y", "inner.test")
    assert str(share.rule) == "HTTPRoute default/r rules[0].matches[0]"
    assert [(one.of, one.type) for one in share.filters] == [
        ("rule", "URLRewrite"),
        ("backend", "RequestHeaderModifier"),
    ]
    assert share.backend is not None
    assert str(share.backend.object) == "Service default/shop"
    assert [(one.address, one.port, one.health, one.served) for one in share.backend.endpoints] == [
        ("10.0.0.1", 9000, "ready", True),
        ("10.0.0.2", 0, "not ready", False),
    ]
    assert found.listener == "Gateway/default/edge/http"


def test_parts_add_up(tmp_path: Path) -> None:
    split = m.to("shop", m.rewrite(path=m.full_path("/split")), weight=1)
    route = m.http_route("r", m.rule(m.to("missing", weight=2), split, m.to("empty", weight=1)))
    found = asked(tmp_path, "http://a.test:8080/", EDGE, *SHOP, *m.service("empty", None), route)
    assert [(one.ppm, one.kind, one.status) for one in found.shares] == [
        (500_000, "answer", 500),
        (250_000, "backend", None),
        (250_000, "answer", 503),
    ]
    assert "no endpoint that is ready" in found.shares[2].why


def test_a_route_that_asks_for_the_hostname_and_is_refused_is_named(tmp_path: Path) -> None:
    edge = m.gateway(m.listener(8080, hostname="*.a.test"))
    away = m.http_route("away", m.rule(m.to("shop")), hostnames=["shop.b.test"])
    nobody = m.http_route("nobody", m.rule(m.to("shop")), hostnames=["shop.b.test"])
    nobody["spec"]["parentRefs"] = [{"name": "other"}]
    found = asked(tmp_path, "http://shop.b.test:8080/", edge, *SHOP, away, nobody)
    assert found.shares[0].why == "no listener on this port answers for shop.b.test"
    assert [(one.route.name, one.because.partition(":")[0]) for one in found.elsewhere] == [
        ("away", "NoMatchingListenerHostname"),
        ("nobody", "none of its parentRefs names a Gateway that is served here"),
    ]


@pytest.mark.parametrize(
    ("url", "kind", "words"),
    [
        ("http://a.test/", "closed", "nothing listens on port 80; listeners are on 8080"),
        ("https://a.test:8080/", "closed", "port 8080 speaks plain HTTP, and the client begins with TLS"),
        ("http://a.test:8080/a%2Fb", "redirect", "the path has an escaped slash; clients are sent to it unescaped"),
    ],
)
def test_what_happens_before_any_rule(tmp_path: Path, url: str, kind: str, words: str) -> None:
    (share,) = asked(tmp_path, url, EDGE, *SHOP, m.http_route("r", m.rule(m.to("shop")))).shares
    assert (share.kind, share.why) == (kind, words)


def test_what_the_edge_changes_is_noted(tmp_path: Path) -> None:
    found = asked(
        tmp_path,
        "http://a.test.:8080//x/../y",
        EDGE,
        *SHOP,
        m.http_route("r", m.rule(m.to("shop"))),
        sent=Sent(headers=(("x-request-id", "mine"),)),
    )
    assert found.notes == (
        "the path //x/../y is /y before any rule is looked at",
        "the host a.test.:8080 is a.test:8080",
        "the header x-request-id is not taken from clients",
    )


def test_of_several_gateways_on_a_port_the_one_that_knows_the_host_best(tmp_path: Path) -> None:
    gateways = [m.gateway(m.listener(8080, hostname=host), name=name) for name, host in (("a", None), ("b", "b.test"))]
    found = asked(tmp_path, "http://b.test:8080/", *gateways)
    assert found.listener == "Gateway/default/b/http"
    (note,) = found.notes
    assert note.startswith("the port is open elsewhere too: tcp/127.0.0.")


def test_one_virtual_host_is_read_and_no_more_is_told_than_anybody_reads(tmp_path: Path) -> None:
    """Of many routes those of other hostnames cost nothing, and those of this one are told next to the answer."""
    rules = [[m.rule(m.to("shop"), matches=[m.path(f"/{at}/{part}") for part in range(50)])] for at in range(24)]
    routes = [m.http_route(f"r{at}", *rule, hostnames=["a.test"]) for at, rule in enumerate(rules)]
    other = m.http_route("other", m.rule(m.to("shop")), hostnames=["b.test"])
    pipeline = settled(tmp_path, EDGE, *SHOP, *routes, other)
    found = explain(pipeline, request_of("http://a.test:8080/", Sent()))
    assert (len(found.tried), found.tried_before) == (MANY, 200)
    assert not explain(pipeline, request_of("http://b.test:8080/", Sent())).tried


@pytest.mark.parametrize("url", ["ftp://a.test/", "http://", "http:///x"])
def test_what_is_no_url(url: str) -> None:
    with pytest.raises(RequestError):
        request_of(url, Sent())


def test_a_url_is_sent_as_it_is_written() -> None:
    request = request_of("https://me@a.test:8443/x/../y?z#fragment", Sent(headers=(("Host", "b.test"),), port=9443))
    assert (request.scheme, request.host, request.port, request.target) == ("https", "b.test", 9443, "/x/../y?z")
    assert (request.sni, request.headers) == ("a.test", ())


def test_what_envoys_reject_is_said(tmp_path: Path) -> None:
    world = reconciled(tmp_path, EDGE, *SHOP, m.http_route("r", m.rule(m.to("shop"))))
    (place,) = (key for key in world.pipeline.resources.rows if key[1] == ROUTE)
    said = Rejection("no such thing", ("envoy-1",))
    world.answers({}, {Blame(*place, ("HTTPRoute", "default", "r")): said})
    (note,) = explain(world.pipeline, request_of("http://a.test:8080/", Sent())).notes
    assert note.endswith("rejected by Envoy envoy-1: no such thing")


def test_a_preflight_is_no_error(tmp_path: Path) -> None:
    cors = {"type": "CORS", "cors": {"allowOrigins": ["http://shop.test"], "allowMethods": ["PUT"]}}
    asks = (("origin", "http://shop.test"), ("access-control-request-method", "PUT"))
    route = m.http_route("r", m.rule(m.to("shop"), filters=[cors]))
    found = asked(tmp_path, "http://a.test:8080/", EDGE, *SHOP, route, sent=Sent("OPTIONS", asks))
    assert [(one.kind, one.status) for one in found.shares] == [("answer", 200)]
    assert found.good


def test_connections_of_a_tcp_listener_are_passed_on_whatever_is_in_them(tmp_path: Path) -> None:
    edge = m.gateway({"name": "tcp", "port": 8080, "protocol": "TCP"})
    for scheme in ("http", "https"):
        found = asked(tmp_path, f"{scheme}://a.test:8080/", edge, *SHOP, m.stream_route("TCPRoute", "r", m.to("shop")))
        assert [(one.kind, one.backend and one.backend.object.name) for one in found.shares] == [("backend", "shop")]
