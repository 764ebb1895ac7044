"""The tasks of a stream: one that reads, and one that works for as long as there is something to do."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import grpc

from tests.server.clients import WITHIN_S, call_delta, cluster, delta, ends_with, put, read_delta, running
from xdsserver.server import XdsOptions, XdsServer
from xdsserver.server.stream import _MAX_INBOX
from xdsserver.xds.cache import Cache
from xdsserver.xds.ledger import Left, Unserved
from xdsserver.xds.resource import CLUSTER, ENDPOINTS, Resource
from xdsserver.xds.rules import Rules

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import pytest

    from xdsserver.xds.messages import Node


def at_work() -> set[asyncio.Task[Any]]:
    """Give the tasks that streams made; those in which gRPC calls are its own."""
    return {task for task in asyncio.all_tasks() if task.get_name().startswith("xds-")}


async def test_streams_at_rest_have_no_task_of_their_own() -> None:
    async with running() as plane, plane.channel() as channel:
        calls = [call_delta(channel) for _ in range(5)]
        for name in ("blue", "green"):
            plane.server.publish(put(cluster(name)))
            for number, call in enumerate(calls):
                if name == "blue":
                    await call.write(delta(CLUSTER, node=f"n{number}"))
                await call.write(delta(CLUSTER, nonce=(await read_delta(call)).nonce))
            async with asyncio.timeout(WITHIN_S):
                while found := at_work():
                    await asyncio.wait(found)


async def test_requests_that_must_wait_are_read_ahead_to_a_bound_and_answered_in_their_order() -> None:
    """Three times what is read ahead comes while the only place for a full sync is taken."""
    async with running(full_syncs=1) as plane, plane.channel() as channel:
        plane.server.publish(put(cluster("blue")))
        first, second = call_delta(channel), call_delta(channel)
        await first.write(delta(CLUSTER, node="first"))
        response, events = await read_delta(first), len(plane.events)
        await second.write(delta(CLUSTER, node="second"))
        for number in range(3 * _MAX_INBOX):
            await second.write(delta(ENDPOINTS, f"e{number}"))
        assert len(plane.events) == events, "nothing was taken of what the second one says"
        await first.write(delta(CLUSTER, nonce=response.nonce))
        assert [found.name for found in (await read_delta(second)).resources] == ["blue"]
        answered = [name for _ in range(3 * _MAX_INBOX) for name in (await read_delta(second)).removed_resources]
        assert answered == [f"e{number}" for number in range(3 * _MAX_INBOX)]


async def test_what_was_asked_before_the_client_left_is_looked_at() -> None:
    async with running() as plane, plane.channel() as channel:
        call = call_delta(channel)
        await call.write(delta(CLUSTER, node="n"))
        await read_delta(call)
        for number in range(10):
            await call.write(delta(f"type-{number}"))
        await call.done_writing()
        assert await ends_with(call) is grpc.StatusCode.OK
        assert len([event for event in plane.events if isinstance(event, Unserved)]) == 10


async def test_a_client_that_goes_away_while_it_is_written_to_leaves_no_task(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    # A window that does not grow, and no limit that would end the call before the client does.
    options = (("grpc.http2.bdp_probe", 0), ("grpc.max_receive_message_length", -1))
    async with (
        running(write_timeout_s=60.0) as plane,
        grpc.aio.insecure_channel(plane.server.addresses[0], options=options) as channel,
    ):
        call = call_delta(channel)
        await call.write(delta(CLUSTER, node="n"))
        await read_delta(call)
        # More than gRPC buffers for a reader that does not read: the last write cannot end.
        for number in range(8):
            plane.server.publish(put(Resource.of_bytes(CLUSTER, f"big{number}", b"x" * 2 * 1024 * 1024)))
            await asyncio.sleep(0)
        working = at_work()
        assert working
        call.cancel()
        left = await plane.until(lambda event: isinstance(event, Left))
        assert left == Left(left.stream, "the connection was lost")
        async with asyncio.timeout(WITHIN_S):
            await asyncio.wait(working)
        assert not at_work()
    assert caplog.records == []


@asynccontextmanager
async def with_a_fault(addresses: tuple[str, ...] = ("127.0.0.1:0",)) -> AsyncIterator[XdsServer]:
    """Run a server that cannot say which fleet a certain node is of."""

    def fleet_of(node: Node) -> str:
        return {"good": "edge"}[node.id]

    server = XdsServer(Cache(ready=True), XdsOptions(addresses, Rules(fleet_of)), lambda _: None)
    await server.start()
    try:
        yield server
    finally:
        await server.stop(0)


async def test_an_error_of_ours_ends_its_stream_only_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async with with_a_fault() as server, grpc.aio.insecure_channel(server.addresses[0]) as channel:
        good, bad = call_delta(channel), call_delta(channel)
        await good.write(delta(CLUSTER, node="good"))
        await read_delta(good)
        with caplog.at_level(logging.ERROR):
            await bad.write(delta(CLUSTER, node="bad"))
            assert await ends_with(bad) is grpc.StatusCode.UNKNOWN
        assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [KeyError]
        assert not at_work()
        server.publish(put(cluster("blue")))
        assert len((await read_delta(good)).resources) == 1
