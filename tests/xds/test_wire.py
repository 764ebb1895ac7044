"""Joined bytes are what protobuf would have made of the same message."""

from __future__ import annotations

from envoy.config.cluster.v3 import cluster_pb2
from envoy.service.discovery.v3 import discovery_pb2
from google.protobuf.wrappers_pb2 import UInt64Value
from hypothesis import given
from hypothesis import strategies as st

from xdsserver.xds import wire
from xdsserver.xds.messages import DeltaRequest, Node, Response, SotwRequest
from xdsserver.xds.names import shared
from xdsserver.xds.protobuf import varint
from xdsserver.xds.resource import CLUSTER, Resource

resources = st.builds(Resource.of_bytes, st.just(CLUSTER), st.text(min_size=1), st.binary(max_size=400))
responses = st.builds(
    Response, st.just(CLUSTER), st.text(), st.lists(resources).map(tuple), st.lists(st.text()).map(tuple), st.text()
)


@given(responses)
def test_a_joined_delta_response_reads_as_the_message(response: Response) -> None:
    message = discovery_pb2.DeltaDiscoveryResponse(
        type_url=response.type_url, nonce=response.nonce, removed_resources=response.removed
    )
    for resource in response.resources:
        entry = message.resources.add(name=resource.name, version=resource.version)
        entry.resource.type_url, entry.resource.value = resource.type_url, resource.body
    assert discovery_pb2.DeltaDiscoveryResponse.FromString(wire.write_delta(response)) == message


@given(responses)
def test_a_joined_list_reads_as_the_message(response: Response) -> None:
    message = discovery_pb2.DiscoveryResponse(
        type_url=response.type_url, nonce=response.nonce, version_info=response.version
    )
    for resource in response.resources:
        message.resources.add(type_url=resource.type_url, value=resource.body)
    assert discovery_pb2.DiscoveryResponse.FromString(wire.write_sotw(response)) == message


@given(st.integers(min_value=0, max_value=2**63 - 1))
def test_a_varint_is_what_protobuf_reads(number: int) -> None:
    assert UInt64Value.FromString(b"\x08" + varint(number)).value == number


def test_x11_equal_messages_are_equal_resources_and_others_are_not() -> None:
    """X11: version = hash of deterministic bytes; same input -> same version."""

    def make(order: tuple[str, str], name: str = "c") -> Resource:
        message = cluster_pb2.Cluster(name=name)
        for key in order:
            message.metadata.filter_metadata[key].fields[key].string_value = key
        return Resource.of(message, "c", endpoints="e")

    assert make(("a", "b")) == make(("b", "a"))
    assert make(("a", "b")).body == make(("b", "a")).body
    assert make(("a", "b")) != make(("a", "c"))
    assert make(("a", "b")).type_url == CLUSTER


def test_requests_are_read_whole() -> None:
    delta = discovery_pb2.DeltaDiscoveryRequest(
        type_url=CLUSTER,
        response_nonce="n",
        resource_names_subscribe=["a"],
        resource_names_unsubscribe=["b"],
        initial_resource_versions={"a": "1"},
    )
    delta.node.id, delta.node.cluster = "envoy", "edge"
    node = Node("envoy", "edge")
    expected = DeltaRequest(CLUSTER, node, "n", None, shared("a"), shared("b"), {"a": "1"})
    assert wire.read_delta(delta.SerializeToString()) == expected
    sotw = discovery_pb2.DiscoveryRequest(type_url=CLUSTER, response_nonce="n", resource_names=["a"], version_info="v")
    sotw.error_detail.SetInParent()
    assert wire.read_sotw(sotw.SerializeToString()) == SotwRequest(CLUSTER, None, "n", "", shared("a"), "v")
