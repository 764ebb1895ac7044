"""The gRPC shell: the same sessions through real sockets, and how streams end."""

from __future__ import annotations

import asyncio
import logging

import grpc
import pytest
from envoy.service.discovery.v3 import discovery_pb2

from tests.server.clients import WITHIN_S, call_delta, call_sotw, cluster, delta, ends_with, put, read_delta, running
from xdsserver.server import BindFailedError, BindRefusedError
from xdsserver.xds.ledger import Acked, Joined, Left
from xdsserver.xds.resource import CLUSTER, ROUTE, Resource


async def test_a_delta_stream_carries_resources_with_names_and_versions() -> None:
    async with running() as plane, plane.channel() as channel:
        plane.server.publish(put(blue := cluster("blue")))
        call = call_delta(channel)
        await call.write(delta(CLUSTER, node="n"))
        response = await read_delta(call)
        assert [(found.name, found.version, found.resource.value) for found in response.resources] == [
            ("blue", blue.version, blue.body)
        ]
        assert response.type_url == response.resources[0].resource.type_url == CLUSTER
        await call.write(delta(CLUSTER, nonce=response.nonce))
        await plane.until(lambda event: isinstance(event, Acked))
        plane.server.publish({("edge", CLUSTER, "blue"): None})
        assert list((await read_delta(call)).removed_resources) == ["blue"]


async def test_a_state_of_the_world_stream_carries_whole_lists() -> None:
    async with running() as plane, plane.channel() as channel:
        plane.server.publish(put(cluster("blue"), cluster("green")))
        call = call_sotw(channel)
        request = discovery_pb2.DiscoveryRequest(type_url=CLUSTER)
        request.node.id, request.node.cluster = "n", "edge"
        await call.write(request.SerializeToString())
        content = await asyncio.wait_for(call.read(), WITHIN_S)
        assert isinstance(content, bytes)
        response = discovery_pb2.DiscoveryResponse.FromString(content)
        assert (response.type_url, len(response.resources), bool(response.version_info)) == (CLUSTER, 2, True)


async def test_x1_a_stream_without_a_node_ends_with_invalid_argument() -> None:
    """X1: empty node.id -> INVALID_ARGUMENT."""
    async with running() as plane, plane.channel() as channel:
        call = call_delta(channel)
        await call.write(delta(CLUSTER))
        assert await ends_with(call) is grpc.StatusCode.INVALID_ARGUMENT


async def test_x10_streams_are_held_until_the_server_is_ready() -> None:
    """X10: hold the stream, do not send empty."""
    async with running(ready=False) as plane, plane.channel() as channel:
        call = call_delta(channel)
        await call.write(delta(CLUSTER, node="n"))
        await plane.until(lambda event: isinstance(event, Joined))
        plane.server.publish(put(cluster("blue")))
        # An empty answer would be the first thing that is read.
        plane.server.ready()
        assert [found.name for found in (await read_delta(call)).resources] == ["blue"]


async def test_x10_a_saved_state_is_answered_to_whoever_holds_nothing_and_nobody_else() -> None:
    """X10: while nothing has listed, persisted last-good may be served; who holds something is held, not emptied."""
    async with running(ready=False) as plane, plane.channel() as channel:
        plane.server.publish(put(blue := cluster("blue")))
        new, old = call_delta(channel), call_delta(channel)
        await new.write(delta(CLUSTER, node="new"))
        announcing = discovery_pb2.DeltaDiscoveryRequest.FromString(delta(CLUSTER, node="old"))
        announcing.initial_resource_versions["gone-since"] = "1"
        announcing.initial_resource_versions["blue"] = blue.version
        await old.write(announcing.SerializeToString())
        for _ in range(2):
            await plane.until(lambda event: isinstance(event, Joined))
        plane.server.fall_back()
        assert [found.name for found in (await read_delta(new)).resources] == ["blue"]
        # What was saved is replaced by what is listed; the first thing that the other one reads is a difference.
        plane.server.publish(put(cluster("green")))
        assert [found.name for found in (await read_delta(new)).resources] == ["green"]
        plane.server.ready()
        assert [found.name for found in (await read_delta(old)).resources] == ["green"]
        # There is no way back.
        plane.server.fall_back()
        plane.server.publish(put(cluster("red")))
        assert [found.name for found in (await read_delta(old)).resources] == ["red"]


async def test_x20_bytes_that_are_no_request_end_their_stream_only() -> None:
    """X20: stream of others unharmed."""
    async with running() as plane, plane.channel() as channel:
        good, bad = call_delta(channel), call_delta(channel)
        await good.write(delta(CLUSTER, node="good"))
        await read_delta(good)
        await bad.write(b"\xff\xff\xff")
        assert await ends_with(bad) is grpc.StatusCode.INVALID_ARGUMENT
        plane.server.publish(put(cluster("blue")))
        assert len((await read_delta(good)).resources) == 1


async def test_x23_two_streams_of_one_node_are_both_served() -> None:
    """X23: both served."""
    async with running() as plane, plane.channel() as channel:
        calls = [call_delta(channel), call_delta(channel)]
        for call in calls:
            await call.write(delta(CLUSTER, node="n"))
            await read_delta(call)
        plane.server.publish(put(cluster("blue")))
        for call in calls:
            assert len((await read_delta(call)).resources) == 1
        assert len({event.stream for event in plane.events if isinstance(event, Joined)}) == 2


async def test_x24_a_stop_ends_open_streams_at_once_and_quietly(caplog: pytest.LogCaptureFixture) -> None:
    """X24: stop accepting; streams end UNAVAILABLE; exit < grace+1 s, no traceback in log."""
    caplog.set_level(logging.DEBUG)
    async with running() as plane, plane.channel() as channel:
        calls = [call_delta(channel) for _ in range(10)]
        for call in calls:
            await call.write(delta(CLUSTER, node="n"))
            await read_delta(call)
        # Open streams do not use up the grace.
        async with asyncio.timeout(2.5):
            await plane.server.stop(grace_s=300)
        assert [await ends_with(call) for call in calls] == [grpc.StatusCode.UNAVAILABLE] * 10
        assert len([event for event in plane.events if isinstance(event, Left)]) == 10
    assert [record for record in caplog.records if record.exc_info or record.levelno >= logging.WARNING] == []


async def test_a_client_that_takes_nothing_is_cut_off_and_delays_nobody() -> None:
    async with running(write_timeout_s=0.3) as plane, plane.channel() as stuck_channel, plane.channel() as channel:
        stuck, good = call_delta(stuck_channel), call_delta(channel)
        await stuck.write(delta(CLUSTER, node="stuck"))
        await good.write(delta(CLUSTER, node="good"))
        await read_delta(good)
        # More than gRPC buffers for a reader that does not read (3.9 MiB were measured), in pieces that its own limit
        # for messages lets through.
        big = b"x" * (2 * 1024 * 1024)
        for number in range(12):
            plane.server.publish(put(Resource.of_bytes(CLUSTER, f"big{number}", big)))
            response = await read_delta(good)
            assert [found.name for found in response.resources] == [f"big{number}"]
        left = await plane.until(lambda event: isinstance(event, Left))
        assert isinstance(left, Left)
        assert "took nothing" in left.reason
        joined = {event.node.id: event.stream for event in plane.events if isinstance(event, Joined)}
        assert left.stream == joined["stuck"]
        plane.server.publish(put(cluster("after")))
        assert [found.name for found in (await read_delta(good)).resources] == ["after"]
        stuck.cancel()


async def test_a_client_that_vanishes_leaves_nothing_behind() -> None:
    async with running() as plane:
        async with plane.channel() as channel:
            call = call_delta(channel)
            await call.write(delta(CLUSTER, node="n"))
            await read_delta(call)
            call.cancel()
        await plane.until(lambda event: isinstance(event, Left))
        assert plane.server._streams == set()


async def test_a_client_that_closes_its_side_is_answered_first() -> None:
    async with running() as plane, plane.channel() as channel:
        plane.server.publish(put(Resource.of_bytes(ROUTE, "r", b"")))
        call = call_delta(channel)
        await call.write(delta(ROUTE, "r", node="n"))
        await call.done_writing()
        assert [found.name for found in (await read_delta(call)).resources] == ["r"]
        assert await ends_with(call) is grpc.StatusCode.OK


@pytest.mark.parametrize(
    "address", ["0.0.0.0:18000", "[::]:18000", "192.0.2.1:18000", "example.org:1", "18000", "unix:"]
)
async def test_plaintext_is_served_on_this_machine_only(address: str) -> None:
    with pytest.raises(BindRefusedError, match="unix:"):
        async with running(address=address):
            pass


@pytest.mark.parametrize("address", ["127.0.0.1:0", "localhost:0", "127.8.8.8:0"])
async def test_loopback_is_accepted(address: str) -> None:
    async with running(address=address) as plane:
        host, _, port = plane.server.addresses[0].rpartition(":")
        assert (host, int(port) > 0) == (address.rpartition(":")[0], True)


async def test_a_taken_port_is_an_error_that_names_it() -> None:
    async with running() as plane:
        with pytest.raises(BindFailedError, match=plane.server.addresses[0]):
            async with running(address=plane.server.addresses[0]):
                pass
