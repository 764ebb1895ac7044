"""What people's tools may ask: is it healthy, what does it speak, and what has each Envoy made of its configuration."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, TypeVar

import grpc
import pytest
from envoy.admin.v3.config_dump_shared_pb2 import ACKED, NACKED, REQUESTED
from envoy.extensions.transport_sockets.tls.v3 import secret_pb2
from envoy.service.discovery.v3 import discovery_pb2
from envoy.service.status.v3 import csds_pb2
from envoy.service.status.v3.csds_pb2 import ERROR, NOT_SENT, STALE, SYNCED
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from tests.server import secured
from tests.server.clients import call_delta, cluster, delta, put, read_delta, running
from xdsserver.server.mutual_tls import ServerCertificates, certificate_door
from xdsserver.xds.ledger import Acked, Rejected
from xdsserver.xds.resource import CLUSTER, SECRET, Resource

if TYPE_CHECKING:
    from collections.abc import Sequence

    from google.protobuf.message import Message

ADS = "envoy.service.discovery.v3.AggregatedDiscoveryService"
CSDS = "envoy.service.status.v3.ClientStatusDiscoveryService"
FETCH = f"/{CSDS}/FetchClientStatus"

_Answer = TypeVar("_Answer", bound="Message")
_Health = health_pb2.HealthCheckResponse


async def ask(channel: grpc.aio.Channel, method: str, request: Message, answer: type[_Answer]) -> _Answer:
    make: Any = channel.unary_unary
    found: _Answer = answer.FromString(await make(method)(request.SerializeToString()))
    return found


async def clients(channel: grpc.aio.Channel, request: csds_pb2.ClientStatusRequest) -> list[csds_pb2.ClientConfig]:
    return list((await ask(channel, FETCH, request, csds_pb2.ClientStatusResponse)).config)


def matching(**how: str) -> csds_pb2.ClientStatusRequest:
    request = csds_pb2.ClientStatusRequest()
    matcher = request.node_matchers.add().node_id
    for field, value in how.items():
        setattr(matcher, field, value)
    return request


# --------------------------------------------------------------------------------------------------------- health
async def test_health_is_serving_when_every_source_has_listed_and_until_the_stop() -> None:
    async with running(ready=False) as plane, plane.channel() as channel:
        make: Any = channel.unary_stream
        request = health_pb2.HealthCheckRequest(service=ADS)
        watch = make("/grpc.health.v1.Health/Watch")(request.SerializeToString())
        assert _Health.FromString(await watch.read()).status == _Health.NOT_SERVING
        plane.server.ready()
        assert _Health.FromString(await watch.read()).status == _Health.SERVING
        for service in ("", ADS):
            asked = health_pb2.HealthCheckRequest(service=service)
            assert (await ask(channel, "/grpc.health.v1.Health/Check", asked, _Health)).status == _Health.SERVING
        # A watch that stayed open would use up the grace.
        async with asyncio.timeout(2.5):
            await plane.server.stop(300)
        assert _Health.FromString(await watch.read()).status == _Health.NOT_SERVING


async def test_health_knows_the_services_that_there_are() -> None:
    async with running() as plane, plane.channel() as channel:
        asked = health_pb2.HealthCheckRequest(service="nobody")
        with pytest.raises(grpc.aio.AioRpcError, match="nobody") as refused:
            await ask(channel, "/grpc.health.v1.Health/Check", asked, _Health)
        assert refused.value.code() is grpc.StatusCode.NOT_FOUND


# ----------------------------------------------------------------------------------------------------- reflection
@pytest.mark.parametrize("version", ["v1", "v1alpha"])
async def test_a_tool_without_protos_learns_the_services_and_their_messages(version: str) -> None:
    requests = [
        reflection_pb2.ServerReflectionRequest(list_services="*"),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol=CSDS),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol="envoy.config.listener.v3.Listener"),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol="no.such.Thing"),
    ]
    async with running() as plane, plane.channel() as channel:
        make: Any = channel.stream_stream
        call = make(f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo")()
        answers = []
        for request in requests:
            await call.write(request.SerializeToString())
            answers.append(reflection_pb2.ServerReflectionResponse.FromString(await call.read()))
        await call.done_writing()
    listed, described, resource, unknown = answers
    names = {service.name for service in listed.list_services_response.service}
    assert names >= {ADS, CSDS, "grpc.health.v1.Health"}
    assert "envoy/service/status/v3/csds.proto" in _files(described)
    assert "envoy/config/listener/v3/listener.proto" in _files(resource)
    assert unknown.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]


def _files(answer: reflection_pb2.ServerReflectionResponse) -> Sequence[str]:
    return [FileDescriptorProto.FromString(raw).name for raw in answer.file_descriptor_response.file_descriptor_proto]


# ----------------------------------------------------------------------------------------------- status of clients
async def test_the_status_of_clients_says_what_each_made_of_each_resource() -> None:
    """Accepted, sent and open, rejected with words, and not yet sent: of two Envoys, each its own."""
    begun_s = time.time() - 1
    async with running() as plane, plane.channel() as channel:
        blue = Resource.of_bytes(CLUSTER, "blue", b"\x0a\x04blue")
        plane.server.publish(put(blue))
        one, two = call_delta(channel), call_delta(channel)
        for node, call in (("one", one), ("two", two)):
            await call.write(delta(CLUSTER, node=node))
            response = await read_delta(call)
            if node == "one":
                await call.write(delta(CLUSTER, nonce=response.nonce))
                await plane.until(lambda event: isinstance(event, Acked))
        first, second = await clients(channel, csds_pb2.ClientStatusRequest())
        assert [(found.node.id, found.node.cluster) for found in (first, second)] == [("one", "edge"), ("two", "edge")]
        accepted, open_ = first.generic_xds_configs[0], second.generic_xds_configs[0]
        assert (accepted.config_status, accepted.client_status) == (SYNCED, ACKED)
        assert (accepted.name, accepted.type_url, accepted.version_info) == ("blue", CLUSTER, blue.version)
        assert accepted.xds_config.value == blue.body
        assert (open_.config_status, open_.client_status, open_.version_info) == (STALE, REQUESTED, "")
        assert begun_s <= open_.last_updated.ToSeconds() <= time.time() + 1
        bad = Resource.of_bytes(CLUSTER, "blue", b"\x0a\x03bad")
        plane.server.publish(put(bad))
        await one.write(rejection((await read_delta(one)).nonce, "a name too short"))
        await plane.until(lambda event: isinstance(event, Rejected))
        (found,) = (await clients(channel, matching(exact="one")))[0].generic_xds_configs
        assert (found.config_status, found.client_status) == (ERROR, NACKED)
        assert (found.version_info, found.error_state.version_info) == (blue.version, bad.version)
        assert found.error_state.details == "a name too short"
        assert begun_s <= found.error_state.last_update_attempt.ToSeconds() <= time.time() + 1
        # What is rejected is out of the cache again: what the client uses is what it shall have.
        assert found.xds_config.value == blue.body


async def test_a_resource_that_waits_for_an_answer_to_its_predecessor_is_not_sent() -> None:
    async with running() as plane, plane.channel() as channel:
        call = call_delta(channel)
        await call.write(delta(CLUSTER, node="one"))
        await read_delta(call)
        # Straight into the cache: nobody has told the stream yet.
        plane.cache.apply(put(cluster("later")))
        (found,) = (await clients(channel, csds_pb2.ClientStatusRequest()))[0].generic_xds_configs
        assert (found.name, found.config_status, found.version_info) == ("later", NOT_SENT, "")


async def test_what_a_client_announces_when_it_reconnects_it_has() -> None:
    async with running() as plane, plane.channel() as channel:
        plane.server.publish(put(blue := cluster("blue"), cluster("green")))
        versions = {"blue": blue.version, "green": "older"}
        request = discovery_pb2.DeltaDiscoveryRequest(type_url=CLUSTER, initial_resource_versions=versions)
        request.node.id, request.node.cluster = "one", "edge"
        call = call_delta(channel)
        await call.write(request.SerializeToString())
        await read_delta(call)
        (found,) = await clients(channel, csds_pb2.ClientStatusRequest())
        statuses = {one.name: (one.config_status, one.version_info) for one in found.generic_xds_configs}
        assert statuses == {"blue": (SYNCED, blue.version), "green": (STALE, "older")}


async def test_secrets_are_never_shown() -> None:
    secret = secret_pb2.Secret(name="web")
    secret.tls_certificate.private_key.inline_bytes = b"canary"
    resource = Resource.of(secret, "web")
    async with running() as plane, plane.channel() as channel:
        plane.server.publish(put(resource))
        for node in ("accepts", "rejects"):
            call = call_delta(channel)
            await call.write(delta(SECRET, "web", node=node))
            nonce = (await read_delta(call)).nonce
            if node == "accepts":
                await call.write(delta(SECRET, nonce=nonce))
                await plane.until(lambda event: isinstance(event, Acked))
            else:
                await call.write(rejection(nonce, "bad", SECRET))
                await plane.until(lambda event: isinstance(event, Rejected))
        answer = await ask(channel, FETCH, csds_pb2.ClientStatusRequest(), csds_pb2.ClientStatusResponse)
        accepted, rejected = (client.generic_xds_configs[0] for client in answer.config)
        for found, content in (
            (accepted, accepted.xds_config),
            (rejected, rejected.error_state.failed_configuration),
        ):
            assert (found.type_url, found.name) == (SECRET, "web")
            assert secret_pb2.Secret.FromString(content.value).name == "web"
        assert b"canary" in resource.body
        assert b"canary" not in answer.SerializeToString()


async def test_contents_can_be_left_out_and_clients_chosen() -> None:
    async with running() as plane, plane.channel() as channel:
        plane.server.publish(put(Resource.of_bytes(CLUSTER, "blue", b"\x0a\x04blue")))
        for node in ("edge-1", "edge-2", "other"):
            call = call_delta(channel)
            await call.write(delta(CLUSTER, node=node))
            await call.write(delta(CLUSTER, nonce=(await read_delta(call)).nonce))
            await plane.until(lambda event: isinstance(event, Acked))
        for how, expected in (
            ({"prefix": "edge-"}, ["edge-1", "edge-2"]),
            ({"suffix": "-2"}, ["edge-2"]),
            ({"contains": "the"}, ["other"]),
            ({"exact": "edge"}, []),
        ):
            assert [found.node.id for found in await clients(channel, matching(**how))] == expected
        request = matching(exact="edge-1")
        request.node_matchers[0].node_id.ignore_case = True
        request.exclude_resource_contents = True
        (found,) = await clients(channel, request)
        assert not any(one.HasField("xds_config") for one in found.generic_xds_configs)
        request.node_matchers[0].node_id.safe_regex.regex = "edge-[0-9"
        with pytest.raises(grpc.aio.AioRpcError, match="RE2") as refused:
            await clients(channel, request)
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        request.node_matchers[0].node_metadatas.add()
        with pytest.raises(grpc.aio.AioRpcError, match="metadata"):
            await clients(channel, request)


async def test_s2_the_status_of_clients_of_another_fleet_is_not_shown() -> None:
    """S2: identity from the certificate, bound to what it may read: also where people's tools ask."""
    edge, other = secured.envoy_of("a/edge"), secured.envoy_of("b/other")
    door = certificate_door(("127.0.0.1:0",), ServerCertificates(secured.STORE))
    async with secured.behind(door) as plane, plane.channel(edge) as one, plane.channel(other) as two:
        for channel, fleet in ((one, "a/edge"), (two, "b/other")):
            call = secured.call(channel)
            await call.write(secured.delta(CLUSTER, cluster=fleet, node=fleet[-4:]))
            await read_delta(call)
        for channel, fleet in ((one, "a/edge"), (two, "b/other")):
            (found,) = await clients(channel, csds_pb2.ClientStatusRequest())
            assert found.node.cluster == fleet


async def test_a_stream_of_questions_is_answered_one_by_one() -> None:
    async with running() as plane, plane.channel() as channel:
        make: Any = channel.stream_stream
        call = make(f"/{CSDS}/StreamClientStatus")()
        for joined in (0, 1):
            await call.write(csds_pb2.ClientStatusRequest().SerializeToString())
            answer = csds_pb2.ClientStatusResponse.FromString(await call.read())
            assert len(answer.config) == joined
            envoy = call_delta(channel)
            await envoy.write(delta(CLUSTER, node="one"))
            await read_delta(envoy)
        await call.done_writing()


def rejection(nonce: str, words: str, type_url: str = CLUSTER) -> bytes:
    request = discovery_pb2.DeltaDiscoveryRequest(type_url=type_url, response_nonce=nonce)
    request.error_detail.message = words
    return request.SerializeToString()
