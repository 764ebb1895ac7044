"""What our configuration costs a request, beside the least that can be written by hand for one backend."""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import rig, worlds
from bench.figure import Figure
from tests.live.http1 import Ask
from tests.live.load import Traffic, load
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

_ROUNDS = 9
_ROUND_S = 1.5
_RATE = 6000
_ROUTES = 10


def figures() -> Iterator[Figure]:
    """Compare requests per second of Envoy's processor time, which other work on the machine disturbs least."""
    with tempfile.TemporaryDirectory(prefix="xds-") as folder, rig.echo() as backend_port:
        home, port, hand_port = Path(folder), free_port(), free_port()
        xds = f"unix:{home}/xds.sock"
        with (
            rig.process("bench.plane", str(home), xds, core=rig.CONTROL_CORE) as child,
            rig.data_plane(home / "ours", xds) as ours,
            rig.envoy_of(home / "hand", _by_hand(hand_port, backend_port)) as hand,
        ):
            child.hear()
            child.tell("load", _ROUTES, port, backend_port)
            rig.Client(port).until(0, "start")
            rig.Client(hand_port).until(0, "start")
            rounds = []
            for number in range(_ROUNDS):
                sides = ((ours, port), (hand, hand_port))
                # By turns, so that a machine that slows down does so for both.
                cost = {pid: _cost_us(pid, at) for pid, at in (sides if number % 2 else reversed(sides))}
                rounds.append((cost[ours], cost[hand]))
    ours_us, hand_us = (statistics.median(costs) for costs in zip(*rounds, strict=True))
    ratio = statistics.median(by_hand / generated for generated, by_hand in rounds)
    note = f"Envoy's processor time per request: ours {ours_us:.0f} us, hand-written {hand_us:.0f} us"
    yield Figure("generated_vs_handwritten", ratio, "x", {"protocol": "http1"}, at_least=0.95, note=note)


def _cost_us(pid: int, port: int) -> float:
    """Give the processor time of an Envoy for one request, in microseconds, over a round of them."""
    before_s = _cpu_s(pid)
    requests = asyncio.run(_load(port))
    return (_cpu_s(pid) - before_s) / requests * 1e6


async def _load(port: int) -> int:
    traffic = Traffic([Ask(worlds.path(0), worlds.host(0))], port, kept=8, new=0, rate=_RATE)
    async with load(traffic) as tally:
        await asyncio.sleep(_ROUND_S)
    assert not tally.failures, str(tally)
    return tally.requests


def _cpu_s(pid: int) -> float:
    # proc(5): after the name in brackets, utime and stime are the fields 12 and 13 from 1 on.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _by_hand(port: int, backend_port: int) -> dict[str, Any]:
    """Give a static configuration: a listener, a route that sets the same header, a cluster, Envoy's defaults."""
    v3 = "type.googleapis.com/envoy.extensions.filters"
    router = {"@type": f"{v3}.http.router.v3.Router"}
    route = {
        "match": {"prefix": "/"},
        "route": {"cluster": "web"},
        "request_headers_to_add": [{"header": {"key": worlds.STAMP, "value": "start"}}],
    }
    manager = {
        "@type": f"{v3}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "hand",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
        "http_filters": [{"name": "router", "typed_config": router}],
    }
    listener = {
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }
    endpoint = {"address": {"socket_address": {"address": "127.0.0.1", "port_value": backend_port}}}
    assignment = {"cluster_name": "web", "endpoints": [{"lb_endpoints": [{"endpoint": endpoint}]}]}
    cluster = {"name": "web", "type": "STATIC", "load_assignment": assignment}
    return {"static_resources": {"listeners": [listener], "clusters": [cluster]}}
