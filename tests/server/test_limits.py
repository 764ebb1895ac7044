"""What one client may ask of the server, for how long it may stay, and how many may take everything at once."""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import grpc
import pytest
from envoy.service.discovery.v3 import discovery_pb2

from tests.server.clients import WITHIN_S, call_delta, cluster, delta, ends_with, put, read_delta, running
from xdsserver.xds.ledger import Acked, Joined, Left, Sent
from xdsserver.xds.resource import CLUSTER, ENDPOINTS, Resource

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.server.clients import Call, Running


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that nothing tells of."""
    async with asyncio.timeout(WITHIN_S):
        while not condition():  # noqa: ASYNC110 (a queue has no reason to tell of itself)
            await asyncio.sleep(0.002)


async def open_in_turn(plane: Running, channel: grpc.aio.Channel, nodes: list[str]) -> dict[str, Call]:
    """Open streams that have nothing and want all clusters; each has asked before the next one does."""
    admission, calls = plane.server.admission, {}
    for number, node in enumerate(nodes, admission.under_way + admission.waiting + 1):
        calls[node] = call_delta(channel)
        await calls[node].write(delta(CLUSTER, node=node))
        await until(lambda number=number: admission.under_way + admission.waiting == number)  # type: ignore[misc]
    return calls


# ------------------------------------------------------------------------------------------------------- requests
async def test_x21_a_request_over_the_limit_ends_its_stream_only() -> None:
    """X21: huge request (1 MiB node metadata, 100k names): limits 4 MiB and 20k names; RESOURCE_EXHAUSTED."""
    async with running() as plane, plane.channel() as channel:
        plane.server.publish(put(cluster("blue")))
        good = call_delta(channel)
        request = discovery_pb2.DeltaDiscoveryRequest(type_url=CLUSTER)
        request.node.id, request.node.cluster = "large", "edge"
        request.node.metadata["padding"] = "x" * 1024 * 1024
        await good.write(request.SerializeToString())
        assert [found.name for found in (await read_delta(good)).resources] == ["blue"]
        names, size = call_delta(channel), call_delta(channel)
        await names.write(delta(ENDPOINTS, *(f"n{number}" for number in range(100_000)), node="names"))
        assert await ends_with(names) is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "at most 20000" in (await names.details() or "")
        request.node.metadata["padding"] = "x" * 4 * 1024 * 1024
        await size.write(request.SerializeToString())
        assert await ends_with(size) is grpc.StatusCode.RESOURCE_EXHAUSTED
        plane.server.publish(put(cluster("green")))
        assert [found.name for found in (await read_delta(good)).resources] == ["green"]


async def test_x21_many_requests_come_no_further_than_one_large_one() -> None:
    """X21: what one client may hold is bounded too: here 100,000 names of a type, however they were asked for."""
    async with running() as plane, plane.channel() as channel:
        call = call_delta(channel)
        for number in range(6):
            names = (f"n{number}-{name}" for name in range(20_000))
            await call.write(delta(ENDPOINTS, *names, node="greedy" if number == 0 else ""))
            if number < 5:
                assert len((await read_delta(call)).removed_resources) == 20_000
        assert await ends_with(call) is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "at most 100000" in (await call.details() or "")


# ------------------------------------------------------------------------------------------------------------ age
async def test_x25_old_connections_end_one_by_one_and_the_next_one_gets_differences() -> None:
    """X25: connection age with jitter, so that Envoys spread over replicas; the stream ends UNAVAILABLE.

    Twenty connections that began together do not end together.
    """
    began = time.monotonic()
    async with running(connection_age_s=1.0, connection_grace_s=0.05) as plane, AsyncExitStack() as stack:
        plane.server.publish(put(cluster("blue")))
        calls: list[Call] = []
        for number in range(20):
            # A pool of its own, or all would share one connection.
            options = (("grpc.use_local_subchannel_pool", 1),)
            channel = grpc.aio.insecure_channel(plane.server.addresses[0], options=options)
            calls.append(call_delta(await stack.enter_async_context(channel)))
            await calls[-1].write(delta(CLUSTER, node=f"n{number}"))
            response = await read_delta(calls[-1])
            await calls[-1].write(delta(CLUSTER, nonce=response.nonce))

        async def end(call: Call) -> float:
            assert await ends_with(call) is grpc.StatusCode.UNAVAILABLE
            return time.monotonic() - began

        ends = await asyncio.gather(*map(end, calls))
        assert min(ends) > 0.85
        # gRPC draws a tenth more or less for each: of twenty draws over 0.2 s, some are far apart.
        assert max(ends) - min(ends) > 0.05
        async with plane.channel() as channel:
            again = call_delta(channel)
            announced = {found.name: found.version for found in response.resources}
            request = discovery_pb2.DeltaDiscoveryRequest(type_url=CLUSTER, initial_resource_versions=announced)
            request.node.id, request.node.cluster = "n0", "edge"
            await again.write(request.SerializeToString())
            plane.server.publish(put(cluster("green")))
            assert [found.name for found in (await read_delta(again)).resources] == ["green"]


# ------------------------------------------------------------------------------------------------------ admission
async def test_a3_full_syncs_are_bounded_and_served_in_turn() -> None:
    """A3: 1,000 Envoys reconnect at once: admission, first come, first served; others wait (here 10 Envoys, 3 places).

    Who announces what it has is no full sync and waits for nobody; who leaves the queue holds nobody up.
    """
    async with running(full_syncs=3) as plane, plane.channel() as channel:
        plane.server.publish(put(blue := cluster("blue")))
        admission = plane.server.admission
        nodes = [f"n{number}" for number in range(10)]
        calls = await open_in_turn(plane, channel, nodes)
        responses = {node: await read_delta(calls[node]) for node in nodes[:3]}
        assert (admission.under_way, admission.waiting) == (3, 7)
        back = call_delta(channel)
        request = discovery_pb2.DeltaDiscoveryRequest(type_url=CLUSTER, initial_resource_versions={"blue": "older"})
        request.node.id, request.node.cluster = "back", "edge"
        await back.write(request.SerializeToString())
        assert [found.version for found in (await read_delta(back)).resources] == [blue.version]
        assert (admission.under_way, admission.waiting) == (3, 7)
        calls.pop("n4").cancel()
        await until(lambda: admission.waiting == 6)
        served = nodes[:3]
        for node in [*nodes[3:4], *nodes[5:]]:
            # One acknowledges, and the next in turn is served; nobody else is.
            first = served[0]
            await calls[first].write(delta(CLUSTER, nonce=responses[first].nonce))
            served = [*served[1:], node]
            responses[node] = await read_delta(calls[node])
            assert admission.under_way == 3
        for node in served:
            await calls[node].write(delta(CLUSTER, nonce=responses[node].nonce))
        await until(lambda: (admission.under_way, admission.waiting) == (0, 0))


async def test_a3_of_a_hundred_clients_none_is_left_out() -> None:
    """A3: no client starved; never more under way than there are places."""
    async with running(full_syncs=8) as plane, plane.channel() as first, plane.channel() as second:
        plane.server.publish(put(*(cluster(f"c{number}", 100) for number in range(100))))
        admission, answered = plane.server.admission, list[int]()

        async def client(number: int) -> int:
            call = call_delta((first, second)[number % 2])
            await call.write(delta(CLUSTER, node=f"n{number}"))
            response = await read_delta(call)
            # Nobody gives up a place before all have asked, or there would be no queue.
            await until(lambda: admission.under_way + admission.waiting + len(answered) >= 100)
            answered.append(number)
            await call.write(delta(CLUSTER, nonce=response.nonce))
            return len(response.resources)

        assert await asyncio.gather(*map(client, range(100))) == [100] * 100
        await until(lambda: (admission.under_way, admission.waiting) == (0, 0))
        under_way, most = 0, 0
        for event in plane.events:
            under_way += isinstance(event, Sent) - isinstance(event, Acked)
            most = max(most, under_way)
        assert most == 8


async def test_a3_what_was_asked_for_before_the_server_was_ready_is_answered_in_turn() -> None:
    """A3: others wait; a server that becomes ready does not answer all at once."""
    async with running(ready=False, full_syncs=2) as plane, plane.channel() as channel:
        plane.server.publish(put(cluster("blue")))
        calls = [call_delta(channel) for _ in range(6)]
        for number, call in enumerate(calls):
            await call.write(delta(CLUSTER, node=f"n{number}"))
        await until(lambda: len([event for event in plane.events if isinstance(event, Joined)]) == 6)
        assert plane.server.admission.under_way == 0
        plane.server.ready()
        reading = {asyncio.create_task(read_delta(call)): call for call in calls}
        for left in (6, 5, 4, 3, 2, 1):
            await until(lambda left=left: sum(task.done() for task in reading) >= min(2, left))  # type: ignore[misc]
            assert plane.server.admission.under_way <= 2
            done = next(task for task in reading if task.done())
            await reading.pop(done).write(delta(CLUSTER, nonce=done.result().nonce))
        await until(lambda: plane.server.admission.under_way == 0)


async def test_a3_a_client_that_never_answers_keeps_its_place_for_a_bounded_time() -> None:
    """A3: no client starved, whatever another one does."""
    async with running(full_syncs=1, write_timeout_s=0.2) as plane, plane.channel() as channel:
        plane.server.publish(put(cluster("blue")))
        calls = await open_in_turn(plane, channel, ["silent", "next"])
        await read_delta(calls["silent"])
        assert len((await read_delta(calls["next"])).resources) == 1
        # The silent one is served on: it has lost its place and nothing else.
        plane.server.publish(put(cluster("green")))
        assert [found.name for found in (await read_delta(calls["silent"])).resources] == ["green"]


@pytest.mark.alone
async def test_x22_one_stalled_reader_of_fifty_delays_nobody() -> None:
    """X22: only the newest state is kept (coalesce), write timeout -> abort; 1 stalled of 50: others' push < 2x.

    Twice the same changes: first all fifty read them, then one does not.
    """
    timeout_s = 2.0
    # A connection of its own, whose window does not grow: what it buffers for the one who does not read is bounded.
    options = (("grpc.use_local_subchannel_pool", 1), ("grpc.http2.bdp_probe", 0))
    async with (
        running(write_timeout_s=timeout_s) as plane,
        plane.channel() as channel,
        grpc.aio.insecure_channel(plane.server.addresses[0], options=options) as stalled_channel,
    ):
        calls = [call_delta(channel) for _ in range(49)]
        stalled = call_delta(stalled_channel)
        for number, call in enumerate([stalled, *calls]):
            await call.write(delta(CLUSTER, node=f"n{number}"))
            await read_delta(call)
        before = await pushes(plane, [stalled, *calls])
        after = await pushes(plane, calls)
        # A machine that is shared may be slow for a while, but not for each of four whiles.
        assert min(median_of_each(after)) < 2 * max(median_of_each(before)), (before, after)
        # And none of them waited for the write that hangs.
        assert max(after) < timeout_s / 2, after
        left = await plane.until(lambda event: isinstance(event, Left))
        joined = {event.stream: event.node.id for event in plane.events if isinstance(event, Joined)}
        assert isinstance(left, Left)
        assert (joined[left.stream], "took nothing" in left.reason) == ("n0", True)
        versions = [dict(event.versions)["big"] for event in plane.events if isinstance(event, Sent) and event.versions]
        assert len(set(versions)) == 2 * _PUSHES
        # The one that was cut off had been written what gRPC buffers, and was owed no queue of versions.
        to_stalled = [event for event in plane.events if isinstance(event, Sent) and event.stream == left.stream]
        assert len(to_stalled) < 2 * _PUSHES
        assert not [event for event in plane.events if isinstance(event, Left) and event != left]
        stalled.cancel()


_PUSHES = 12


def median_of_each(took_s: list[float]) -> list[float]:
    """Give the median of each quarter."""
    size = _PUSHES // 4
    return [statistics.median(took_s[start : start + size]) for start in range(0, _PUSHES, size)]


async def pushes(plane: Running, calls: list[Call]) -> list[float]:
    """Publish more than gRPC buffers for who does not read; return how long each change takes to the slowest of all.

    All of them read at once, and a change is made when all have the one before.
    """
    took_s: list[float] = []
    for _ in range(_PUSHES):
        plane.server.publish(put(Resource.of_bytes(CLUSTER, "big", os.urandom(512 * 1024))))
        start = time.perf_counter()

        async def read(call: Call) -> None:
            await call.write(delta(CLUSTER, nonce=(await read_delta(call)).nonce))

        await asyncio.gather(*map(read, calls))
        took_s.append(time.perf_counter() - start)
    return took_s
