"""What our checks let pass and an Envoy rejects: one bad thing among a hundred, with the product and a bare server.

The product's own checks know the limit of regular expressions that its bootstrap sets. An Envoy with a bootstrap of its
own has Envoy's lower default, so that it rejects routes which nobody could have found fault with before.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from envoy.config.cluster.v3 import cluster_pb2
from envoy.config.listener.v3.listener_components_pb2 import FilterChain
from envoy.config.listener.v3.listener_pb2 import Listener

from tests.live import config
from tests.live import manifests as k8s
from tests.live.backends import backend as backend_of
from tests.live.envoy import ads_bootstrap, running
from tests.live.http1 import Ask, ask
from tests.live.load import Traffic, load
from tests.live.product import answers, bootstrap, home, standalone
from tests.live.test_xds import plane
from tests.ports import free_port
from xdsserver.model.places import Bind, ChainKey, ListenerKey
from xdsserver.model.routing import Share
from xdsserver.reconciler import FLEET
from xdsserver.translation.chains import stream_chain
from xdsserver.translation.listeners import listener
from xdsserver.xds.ledger import Acked, Rejected, Sent
from xdsserver.xds.protobuf import length_prefix
from xdsserver.xds.resource import CLUSTER, LISTENER, Resource

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.live.envoy import Envoy
    from tests.live.product import Home
    from xdsserver.translation.chains import Chain

pytestmark = pytest.mark.live

ROUTES = 100
LARGE = "/[a-z]{1,64}"
"""An expression of 259 instructions: ours take it, and Envoys with default limits do not."""

both_dialects = pytest.mark.parametrize("delta", [True, False], ids=["delta", "sotw"])


def static(name: str, *, fault: str = "") -> Resource:
    """Make a cluster without EDS; with a fault that Envoy finds by its schema, or only when it loads it."""
    message = cluster_pb2.Cluster(name=name, type=cluster_pb2.Cluster.STATIC)
    if fault == "validation":
        message.lb_policy = 99  # type: ignore[assignment]
    message.load_assignment.cluster_name = name
    address = message.load_assignment.endpoints.add().lb_endpoints.add().endpoint.address.socket_address
    address.address, address.port_value = "nowhere" if fault == "loading" else "127.0.0.1", 9
    return Resource.of(message, name)


@pytest.mark.alone
@both_dialects
@pytest.mark.parametrize("fault", ["validation", "loading"])
async def test_x15_of_a_hundred_the_99_good_ones_are_live(tmp_path: Path, fault: str, *, delta: bool) -> None:
    """X15: 99 live in <2 s; status shows node, type, message; <=3 sends of the same bytes; mending it clears it."""
    address = f"unix:{tmp_path}/xds.sock"
    async with plane(address) as server, running(ads_bootstrap(address, delta=delta)) as envoy:
        bad = static("c42", fault=fault)
        start = time.monotonic()
        server.server.publish(config.changes(*(static(f"c{number}") for number in range(100) if number != 42), bad))
        await envoy.wait_for_stat("cluster_manager.active_clusters", 1 + 99)
        await server.wait_for(lambda event: isinstance(event, Rejected) and len(event.versions) == 1)
        assert time.monotonic() - start < 2
        ((blame, said),) = server.server.quarantine.rejections().items()
        assert blame == (config.FLEET, CLUSTER, "c42", ())
        assert said.nodes == ("envoy-1",)
        assert {"validation": "LbPolicy", "loading": "malformed IP address: nowhere"}[fault] in said.words
        mended = static("c42")
        server.server.publish(config.changes(mended))
        await server.acked(mended)
        assert server.server.quarantine.rejections() == {}
        sends = [event for event in server.events if isinstance(event, Sent) and ("c42", bad.version) in event.versions]
        assert 1 <= len(sends) <= 3


async def test_x17_an_orphan_of_a_rejected_response_is_removed_when_it_goes(tmp_path: Path) -> None:
    """X17: explicit removal sent when the object goes; `/config_dump` has 0 unknown listeners."""
    address, port = f"unix:{tmp_path}/xds.sock", free_port()
    table = config.routes("table", ["c"])
    good = [config.listener(f"l{number}", port if number == 1 else free_port(), routes="table") for number in (1, 2)]
    bad = config.listener("l3", 70_000 - 1, routes="table")
    first = [static("c"), good[0], table]
    async with plane(address, first) as server, running(ads_bootstrap(address)) as envoy:
        await server.acked(table)
        server.server.publish(config.changes(good[1], bad))
        await server.acked(good[1])
        await server.wait_for(lambda event: isinstance(event, Rejected) and len(event.versions) == 1)
        assert await envoy.names("dynamic_listeners") == ["l1", "l2"]
        server.server.publish(config.removals(good[1], bad))
        await envoy.wait_for_stat("listener_manager.total_listeners_active", 1)
        assert await envoy.names("dynamic_listeners") == ["l1"]
        assert {blame.name for blame in server.server.quarantine.rejections()} == set()
        assert any(
            event.type_url == LISTENER and "l2" in event.removed for event in server.events if isinstance(event, Sent)
        )


def chain(bind: Bind, host: str, *, fault: str = "") -> tuple[ChainKey, Chain]:
    """Make a filter chain of a listener of its own; with a fault that only Envoy finds."""
    key = ChainKey(bind, host)
    made = stream_chain(key, [Share(None, 1)], None, ListenerKey("Gateway", "default", "edge", host))
    if not fault:
        return key, made
    broken = FilterChain.FromString(made.body)
    broken.filters[0].name, broken.filters[0].typed_config.type_url = fault, f"type.googleapis.com/{fault}"
    body = broken.SerializeToString(deterministic=True)
    prefix = length_prefix(Listener.FILTER_CHAINS_FIELD_NUMBER, len(body))
    return key, replace(made, wire=prefix + body, body_at=len(prefix))


@pytest.mark.alone
@both_dialects
async def test_x15_of_a_hundred_listeners_on_a_port_the_99_good_ones_are_live(tmp_path: Path, *, delta: bool) -> None:
    """X15: its last good stays, the rest is live in <2 s; who never was good is closed, by a chain that Envoy takes."""
    address, bind = f"unix:{tmp_path}/xds.sock", Bind(config.FLEET, "127.0.0.1", free_port(), "TCP")

    def port(*broken: int) -> Resource:
        faults = dict.fromkeys(broken, "no.such.Filter")
        return listener(bind, [chain(bind, f"h{number}.test", fault=faults.get(number, "")) for number in range(100)])

    async with plane(address) as server, running(ads_bootstrap(address, delta=delta)) as envoy:
        start = time.monotonic()
        server.server.publish(config.changes(port(42)))
        await envoy.wait_for_stat("listener_manager.total_listeners_active", 1)
        await server.wait_for(lambda event: isinstance(event, Acked) and event.type_url == LISTENER)
        assert time.monotonic() - start < 2
        while not server.server.quarantine.stands_for_wanted((config.FLEET, LISTENER, str(bind))):
            assert time.monotonic() - start < 2
            await asyncio.sleep(0.01)
        dump = await envoy.get("/config_dump?resource=dynamic_listeners")
        assert all(f"h{number}.test" in dump for number in range(100))
        ((blame, said),) = server.server.quarantine.rejections().items()
        assert blame.owner == ListenerKey("Gateway", "default", "edge", "h42.test")
        assert "no.such.Filter" in said.words
        mended = port()
        server.server.publish(config.changes(mended))
        await server.acked(mended)
        assert server.server.quarantine.rejections() == {}


def world(port: int, backend: int, routes: Iterable[k8s.Document]) -> list[k8s.Document]:
    return [k8s.gateway_class(), k8s.gateway(k8s.listener(port)), *k8s.service("web", backend), *routes]


def route(number: int, header: str, *, regex: str = "") -> k8s.Document:
    path: Any = {"type": "PathPrefix", "value": f"/r{number}"}
    if regex:
        path = {"type": "RegularExpression", "value": regex}
    edit = {"type": "ResponseHeaderModifier", "responseHeaderModifier": {"set": [{"name": "x-edit", "value": header}]}}
    return k8s.http_route(f"r{number}", k8s.rule(k8s.to("web"), matches=[{"path": path}], filters=[edit]))


def save(found: Home, documents: list[k8s.Document]) -> None:
    k8s.write(found.folder / "all.yaml", documents)


async def edited_to(port: int, number: int, edit: str) -> None:
    await answers(port, Ask(f"/r{number}"), lambda answer: answer.headers.get("x-edit") == edit)


async def edit_of(port: int, number: int) -> str | None:
    return (await ask(port, Ask(f"/r{number}"))).headers.get("x-edit")


@pytest.mark.alone
async def test_x15_a_poison_route_among_100_good_changes_fails_no_request() -> None:
    """X15, seen from outside: of 100 edited routes of one port one is rejected, and goes on as it was.

    The others are live, the route has a condition with Envoy's words and its file, no request fails meanwhile, and the
    next edit clears it. A second Envoy, whose limits are ours, has the same.
    """
    xds, port = f"127.0.0.1:{free_port()}", free_port()
    async with home() as found, backend_of("web") as backend:
        save(found, world(port, backend.port, (route(number, "1") for number in range(ROUTES))))
        async with standalone(found, "--no-envoy", "--xds", xds) as product:
            strict = ads_bootstrap(xds, node_id="strict", fleet=FLEET)
            async with running(strict, wait=True):
                await product.notice("listener http is served")
                asks = [Ask(f"/r{number}") for number in range(ROUTES)]
                async with load(Traffic(asks, port, rate=300)) as tally:
                    mark = len(product.notices)
                    edited = [route(number, "2", regex=LARGE if number == 42 else "") for number in range(ROUTES)]
                    save(found, world(port, backend.port, edited))
                    start = time.monotonic()
                    _, notice = await product.since(mark, "HTTPRoute default/r42", "rejected by Envoy strict")
                    await edited_to(port, ROUTES - 1, "2")
                    took_s = time.monotonic() - start
                    edits = [await edit_of(port, number) for number in range(ROUTES)]
                    mark = len(product.notices)
                    save(found, world(port, backend.port, (route(number, "3") for number in range(ROUTES))))
                    await product.since(mark, "HTTPRoute default/r42", "has no problems any more")
                    await edited_to(port, 42, "3")
                    await tally.reaches(2 * ROUTES)
                assert not tally.failures, str(tally)
                assert edits == ["1" if number == 42 else "2" for number in range(ROUTES)]
                assert "RejectedByEnvoy" in notice["message"]
                assert "regex" in notice["message"]
                assert "all.yaml" in notice["message"]
                assert took_s < 2, "seconds until 99 of 100 are live"


async def tables_rejected(envoy: Envoy) -> int:
    """Count the route tables that an Envoy rejected in its life."""
    found = await envoy.get("/stats?filter=rds.*update_rejected$")
    return sum(int(line.rpartition(": ")[2]) for line in found.splitlines())


async def test_x15_across_a_restart_what_was_rejected_stays_as_it_was_and_is_not_sent_again() -> None:
    """X15: the last good of the offender is served on, the others change, the condition is there from the start.

    The Envoy counts what it rejects: nothing in the life of the second process.
    """
    xds, port = f"127.0.0.1:{free_port()}", free_port()
    async with home() as found, backend_of("web") as backend:
        strict = ads_bootstrap(xds, node_id="strict", fleet=FLEET)
        good = world(port, backend.port, [route(number, "1") for number in range(10)])
        bad = world(
            port, backend.port, [route(number, "1", regex=LARGE if number == 4 else "") for number in range(10)]
        )
        save(found, good)
        async with running(strict, wait=False) as envoy:
            async with standalone(found, "--no-envoy", "--xds", xds) as product:
                await answers(port, Ask("/r4"), lambda answer: answer.status == 200)
                mark = len(product.notices)
                save(found, bad)
                await product.since(mark, "HTTPRoute default/r4", "rejected by Envoy strict")
            rejected = await tables_rejected(envoy)
            async with standalone(found, "--no-envoy", "--xds", xds) as product:
                await product.notice("rejected by Envoy strict")
                assert await edit_of(port, 4) == "1"
                save(found, world(port, backend.port, [route(number, "2") for number in range(10)]))
                await edited_to(port, 4, "2")
            assert rejected > 0
            assert await tables_rejected(envoy) == rejected


async def test_x15_what_was_never_good_keeps_no_new_envoy_from_being_ready() -> None:
    """X15: 99 live. A listener waits for its table without end, and one of which all is rejected is there: empty."""
    xds, bad, good = f"127.0.0.1:{free_port()}", free_port(), free_port()
    listeners = [k8s.listener(bad, name="bad"), k8s.listener(good, name="good")]
    async with home() as found, backend_of("web") as backend:
        routes = [on("bad", route(1, "1", regex=LARGE)), on("good", route(2, "1"))]
        save(found, [k8s.gateway_class(), k8s.gateway(*listeners), *k8s.service("web", backend.port), *routes])
        async with standalone(found, "--no-envoy", "--xds", xds) as product:
            async with running(ads_bootstrap(xds, node_id="first", fleet=FLEET)):
                await product.notice("rejected by Envoy first")
            async with running(ads_bootstrap(xds, node_id="second", fleet=FLEET)):
                assert await edit_of(good, 2) == "1"
                assert (await ask(bad, Ask("/r1"))).status == 404


def on(listener: str, one: k8s.Document) -> k8s.Document:
    one["spec"]["parentRefs"][0]["sectionName"] = listener
    return one


async def test_x16_an_envoy_of_another_kind_is_named_and_holds_one_route_back() -> None:
    """X16: poison that only some Envoys reject: the condition names the nodes; both serve the same."""
    xds, port = f"127.0.0.1:{free_port()}", free_port()
    async with home() as found, backend_of("web") as backend:
        save(found, world(port, backend.port, [route(1, "1"), route(2, "1")]))
        async with standalone(found, "--no-envoy", "--xds", xds) as product:
            lax = bootstrap(xds) | {"node": {"id": "lax", "cluster": FLEET}}
            async with running(lax) as first:
                await product.notice("listener http is served")
                # Two Envoys on one machine share the port (SO_REUSEPORT): a request may meet either.
                async with running(ads_bootstrap(xds, node_id="strict", fleet=FLEET), wait=False):
                    mark = len(product.notices)
                    save(found, world(port, backend.port, [route(1, "2", regex=LARGE), route(2, "2")]))
                    _, notice = await product.since(mark, "HTTPRoute default/r1", "rejected by Envoy")
                    assert "rejected by Envoy strict" in notice["message"]
                    assert "lax" not in notice["message"]
                    await edited_to(port, 2, "2")
                    assert await edit_of(port, 1) == "1"
                    assert await first.stat("listener_manager.total_listeners_active") == 1
