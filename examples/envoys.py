"""Ask a control plane which Envoys are connected and what they made of their configuration.

`python examples/envoys.py [HOST:PORT]` prints a line per Envoy, and one for each resource that an Envoy rejected. The
question is Envoy's client status discovery service, so tools that know it can ask the same.
"""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING

import grpc
from envoy.service.status.v3 import csds_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator

METHOD = "/envoy.service.status.v3.ClientStatusDiscoveryService/FetchClientStatus"


def main(address: str = "127.0.0.1:18000") -> None:
    """Ask once and print."""
    request = csds_pb2.ClientStatusRequest(exclude_resource_contents=True)
    with grpc.insecure_channel(address) as channel:
        fetch = channel.unary_unary(
            METHOD,
            request_serializer=csds_pb2.ClientStatusRequest.SerializeToString,
            response_deserializer=csds_pb2.ClientStatusResponse.FromString,
        )
        answer: csds_pb2.ClientStatusResponse = fetch(request, timeout=5)
    for client in answer.config:
        for line in lines(client):
            print(line)


def lines(client: csds_pb2.ClientConfig) -> Iterator[str]:
    """Say of one Envoy how many resources of each type are in which state, and what it rejected in which words."""
    counts = Counter(
        (one.type_url.rpartition(".")[2], csds_pb2.ConfigStatus.Name(one.config_status))
        for one in client.generic_xds_configs
    )
    states = [f"{count} {kind} {status}" for (kind, status), count in counts.items()]
    yield f"{client.node.id}: {', '.join(states)}"
    for one in client.generic_xds_configs:
        if one.config_status == csds_pb2.ERROR:
            yield f"  {one.name}: {one.error_state.details}"


if __name__ == "__main__":
    main(*sys.argv[1:])
