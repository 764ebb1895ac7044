"""Which fleet a peer may read."""

from __future__ import annotations

import pytest

from xdsserver.xds.identity import SERVER_URI, Peer, admit, fleet_of_uri, fleet_uri
from xdsserver.xds.messages import Node, RefusalCode, Refused

ENVOY = Peer("envoy", frozenset({"a/edge"}), address="10.0.0.7")


def _pods(fleet: str, pod: str) -> tuple[str, ...] | None:
    return {("a/edge", "edge-1"): ("10.0.0.7", "fd00::7"), ("a/edge", "edge-2"): ("10.0.0.8",)}.get((fleet, pod))


def _words(answer: str | Refused) -> str:
    assert isinstance(answer, Refused)
    assert answer.code is RefusalCode.PERMISSION_DENIED
    return answer.words


@pytest.mark.parametrize("fleet", ["a/b", "xdsserver-system/default", "a1/b.c-d.e", "a/gateway/b", "a/gateway"])
def test_a_fleet_has_one_identity_and_back(fleet: str) -> None:
    assert fleet_of_uri(fleet_uri(fleet)) == fleet


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "a/b",
        SERVER_URI,
        "spiffe://xdsserver/fleet/",
        "spiffe://xdsserver/fleet/a",
        "spiffe://xdsserver/fleet/a/b/c",
        "spiffe://xdsserver/fleet/a//b",
        "spiffe://xdsserver/fleet/a/gateway/",
        "spiffe://xdsserver/fleet/a/gateway/gateway/b",
        "spiffe://xdsserver/fleet/a/b/",
        "spiffe://xdsserver/fleet/a/b\n",
        "spiffe://xdsserver/fleet/a/%62",
        "spiffe://xdsserver/fleet/../server",
        "spiffe://xdsserver.example/fleet/a/b",
        "spiffe://other/fleet/a/b",
        "xspiffe://xdsserver/fleet/a/b",
        "spiffe://xdsserver/fleet/a/" + "b" * 64,
    ],
)
def test_no_other_uri_is_a_fleet(uri: str) -> None:
    assert fleet_of_uri(uri) is None


def test_a_peer_gets_its_own_fleet() -> None:
    assert admit(ENVOY, Node("any", "a/edge")) == "a/edge"


@pytest.mark.parametrize("cluster", ["", "b/edge", "a/edge2", "A/edge", "a/edge ", "a/edge/"])
def test_s2_a_claim_of_another_fleet_is_denied(cluster: str) -> None:
    """S2: the fleet follows from what is proven; a claim of another one is PERMISSION_DENIED."""
    assert repr(cluster) in _words(admit(ENVOY, Node("any", cluster)))


def test_s2_a_node_is_a_pod_of_the_fleet_at_the_address_of_the_peer() -> None:
    """S2: a valid client that claims to be another node is denied."""
    assert admit(ENVOY, Node("edge-1", "a/edge"), _pods) == "a/edge"
    assert "is not at 10.0.0.7" in _words(admit(ENVOY, Node("edge-2", "a/edge"), _pods))
    assert "has no pod 'edge-3'" in _words(admit(ENVOY, Node("edge-3", "a/edge"), _pods))
    # A pod is nowhere on a Unix socket.
    local = Peer("envoy", frozenset({"a/edge"}))
    assert "is not at" in _words(admit(local, Node("edge-1", "a/edge"), _pods))


def test_s2_a_token_that_is_bound_to_a_pod_is_no_other_node() -> None:
    """S2: the pod of a token is the node that it may be."""
    peer = Peer("account", frozenset({"a/edge", "b/edge"}), pod="edge-1")
    assert admit(peer, Node("edge-1", "b/edge")) == "b/edge"
    assert "'edge-2'" in _words(admit(peer, Node("edge-2", "b/edge")))
