"""When a listener is Programmed: with the last thing without which an Envoy does not open it, and not before."""

from __future__ import annotations

import asyncio
import signal
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

import grpc
import pytest
from typing_extensions import override

from tests.certificates import Certificate, curve_key
from tests.live import manifests as m
from tests.live.envoy import ads_bootstrap
from tests.live.envoy import running as envoy_running
from tests.live.many_listeners import Plane
from tests.ports import free_port
from tests.server.clients import WITHIN_S, call_delta, delta, read_delta
from xdsserver.gatewayapi.conditions import PROGRAMMED, Status
from xdsserver.gatewayapi.statuses import GatewayStatus
from xdsserver.objects.meta import ObjectKey
from xdsserver.xds.ledger import Acked, Sent
from xdsserver.xds.resource import LISTENER, ROUTE, SECRET

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from tests.server.clients import Call
    from xdsserver.xds.ledger import Event

PORT = 8443


class Watched(Plane):
    """A control plane, and what it heard."""

    def __init__(self, address: str) -> None:
        self.events: list[Event] = []
        self._moved = asyncio.Event()
        super().__init__(address)

    @override
    def on_event(self, event: Event) -> None:
        super().on_event(event)
        self.events.append(event)
        self._moved.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something is so that follows from what Envoys say."""
        async with asyncio.timeout(WITHIN_S):
            while True:
                self._moved.clear()
                # What is said is taken in with the next turn of the loop.
                await asyncio.sleep(0.01)
                if condition():
                    return
                await self._moved.wait()

    def acked(self, type_url: str) -> int:
        """How many responses of a type were acknowledged."""
        return sum(1 for event in self.events if isinstance(event, Acked) and event.type_url == type_url)

    def sends(self, type_url: str, version_of: str) -> int:
        """How many responses had this resource."""
        found = (event for event in self.events if isinstance(event, Sent) and event.type_url == type_url)
        return sum(1 for event in found if version_of in dict(event.versions))

    def programmed(self, listener: str) -> Status:
        """What the status of the Gateway says of a listener."""
        status = self.reconciler.pipeline.statuses.rows[ObjectKey("Gateway", "default", "edge")]
        assert isinstance(status, GatewayStatus)
        found = next(one for one in status.listeners if one.name == listener)
        return next(one.status for one in found.conditions if one.type == PROGRAMMED)


@asynccontextmanager
async def serving(address: str = "127.0.0.1:0") -> AsyncIterator[Watched]:
    plane = Watched(address)
    async with plane.serving():
        plane.put(m.gateway_class(), *m.service("web", 9))
        plane.server.ready()
        yield plane


@contextmanager
def stopped(process: asyncio.subprocess.Process) -> Iterator[None]:
    """Let a process do nothing for the length of a block, as under a debugger."""
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


def secret(name: str) -> m.Document:
    made = Certificate(curve_key(), hostnames=(f"{name}.test",), name=name)
    return m.tls_secret(name, (made.pem, made.key_pem))


def https(*secrets: str) -> m.Document:
    return m.gateway(m.https_listener(PORT, *secrets, hostname="a.test"))


async def take(call: Call, type_url: str, *names: str, node: str = "") -> None:
    """Ask for resources as an Envoy would, and take them."""
    await call.write(delta(type_url, *names, node=node))
    await take_next(call)


async def take_next(call: Call) -> None:
    response = await read_delta(call)
    await call.write(delta(response.type_url, nonce=response.nonce))


async def test_a_listener_is_not_programmed_before_its_certificate_is_acknowledged() -> None:
    async with serving() as plane, grpc.aio.insecure_channel(plane.server.addresses[0]) as channel:
        plane.put(https("one"), secret("one"), secret("two"))
        call = call_delta(channel)
        await take(call, LISTENER, node="envoy-1")
        (table,) = (name for _, type_url, name in plane.reconciler.pipeline.resources.rows if type_url == ROUTE)
        await take(call, ROUTE, table)
        await plane.until(lambda: bool(plane.acked(LISTENER) and plane.acked(ROUTE)))
        assert plane.programmed("https") is Status.UNKNOWN
        await take(call, SECRET, "certificate/default/one")
        await plane.until(lambda: plane.programmed("https") is Status.TRUE)

        # A rotation is acknowledged by somebody who serves already: nothing falls while that takes its time.
        plane.put(secret("one"))
        await plane.until(lambda: plane.sends(SECRET, "certificate/default/one") > 1)
        assert plane.programmed("https") is Status.TRUE
        await take_next(call)

        # Nor does it fall while one certificate takes the place of another.
        gateway = https("two")
        gateway["metadata"]["generation"] = 2
        plane.put(gateway)
        await plane.until(lambda: plane.sends(LISTENER, f"tcp/127.0.0.1:{PORT}") > 1)
        assert plane.programmed("https") is Status.TRUE


def behind_a_service(*, ready: bool) -> list[m.Document]:
    """Give a Gateway with a Service whose port is written down, and an Envoy behind it."""
    class_ = m.gateway_class()
    fleet = {"group": "gateway.xdsserver.io", "kind": "EnvoyFleet", "namespace": "xdsserver-system", "name": "default"}
    class_["spec"]["parametersRef"] = fleet
    exposure = {"type": "Service", "service": {"type": "ClusterIP"}}
    gateway = m.gateway(m.listener(80))
    gateway["metadata"]["uid"] = "1"
    service, slice_ = m.service("gateway-edge", 20_001)
    marks = {"intent": "1", "gateway": "edge", "gateway-uid": "1"}
    service["metadata"]["annotations"] = {f"gateway.xdsserver.io/{name}": value for name, value in marks.items()}
    service["spec"] = {"clusterIP": "10.96.0.7", "ports": [{"name": "tcp-80", "port": 80, "targetPort": 20_001}]}
    slice_["endpoints"][0]["conditions"] = {"ready": ready}
    return [
        *(class_, gateway, service, slice_),
        {
            "apiVersion": "gateway.xdsserver.io/v1alpha1",
            "kind": "EnvoyFleet",
            "metadata": {"name": "default", "namespace": "xdsserver-system"},
            "spec": {"mode": "Shared", "exposure": exposure},
        },
    ]


async def test_a_listener_is_not_programmed_before_its_service_leads_to_an_envoy_that_is_ready() -> None:
    async with serving() as plane, grpc.aio.insecure_channel(plane.server.addresses[0]) as channel:
        plane.put(*behind_a_service(ready=False))
        call = call_delta(channel)
        await take(call, LISTENER, node="envoy-1")
        (table,) = (name for _, type_url, name in plane.reconciler.pipeline.resources.rows if type_url == ROUTE)
        await take(call, ROUTE, table)
        await plane.until(lambda: bool(plane.acked(LISTENER) and plane.acked(ROUTE)))
        assert plane.programmed("http") is Status.UNKNOWN
        plane.put(*behind_a_service(ready=True))
        await plane.until(lambda: plane.programmed("http") is Status.TRUE)

        # It is decided once: nothing falls because Envoys come and go.
        plane.put(*behind_a_service(ready=False))
        await take_turns()
        assert plane.programmed("http") is Status.TRUE


async def take_turns() -> None:
    """Let follow what follows at once."""
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.mark.live
async def test_a_listener_on_a_port_that_is_open_is_not_programmed_before_it_is_acknowledged(tmp_path: Path) -> None:
    """The port answers already, for others: only the Envoy can say that it serves this listener, too."""
    address, port, tls_port = f"unix:{tmp_path}/xds.sock", free_port(), free_port()
    first = m.listener(port, name="first", hostname="first.test")
    second = m.https_listener(tls_port, "one", name="second", hostname="second.test")
    third = {**second, "name": "third", "hostname": "third.test"}
    async with serving(address) as plane, envoy_running(ads_bootstrap(address)) as envoy:
        plane.put(secret("one"), m.gateway(first, second))
        await plane.until(lambda: {plane.programmed("first"), plane.programmed("second")} == {Status.TRUE})
        fourth = m.listener(port, name="fourth", hostname="fourth.test")
        changed = m.gateway(first, second, third, fourth)
        changed["metadata"]["generation"] = 2
        with stopped(envoy.process):
            plane.put(changed)
            await plane.until(lambda: plane.sends(LISTENER, f"tcp/127.0.0.1:{tls_port}") > 1)
            assert {plane.programmed("third"), plane.programmed("fourth")} == {Status.UNKNOWN}
            assert {plane.programmed("first"), plane.programmed("second")} == {Status.TRUE}
        await plane.until(lambda: {plane.programmed("third"), plane.programmed("fourth")} == {Status.TRUE})
