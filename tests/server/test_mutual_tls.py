"""Certificates decide who comes in and what they may read."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID
from envoy.service.discovery.v3 import discovery_pb2

from tests.server.secured import (
    AUTHORITY,
    DAY,
    DELTA,
    SOTW,
    STORE,
    TODAY,
    answer,
    behind,
    call,
    delta,
    ends_with,
    envoy_of,
    sotw,
)
from xdsserver.authority import KeyPair, MemoryStore, certificates, issue_client, issue_server, make_authority
from xdsserver.server import BindFailedError
from xdsserver.server.doors import ip_of
from xdsserver.server.mutual_tls import ServerCertificates, certificate_door
from xdsserver.xds.resource import CLUSTER, SECRET, Resource

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.server.secured import Secured
    from xdsserver.server.doors import Door

ANY = ("[::]:0",)
EDGE, OTHER = "a/edge", "b/other"


def _door(store: MemoryStore = STORE, **options: Any) -> Door:  # noqa: ANN401 (those of certificate_door)
    return certificate_door(ANY, ServerCertificates(store), **options)


def _secret(name: str) -> Resource:
    return Resource.of_bytes(SECRET, name, b"\x0a" + bytes([len(name)]) + name.encode())


def _served(fleet: str, *resources: Resource) -> dict[tuple[str, str, str], Resource | None]:
    return {(fleet, one.type_url, one.name): one for one in resources}


REFUSED: dict[str, Callable[[], KeyPair | None]] = {
    "none": lambda: None,
    "of a foreign authority": lambda: envoy_of(EDGE, make_authority(TODAY)),
    "expired": lambda: issue_client(AUTHORITY, EDGE, DAY / 2, TODAY - DAY),
    "not valid yet": lambda: issue_client(AUTHORITY, EDGE, DAY, TODAY + DAY),
    "of a server": lambda: issue_server(AUTHORITY, ("xdsserver",), TODAY),
    "signed by an envoy": lambda: _signed_by_an_envoy(),  # noqa: PLW0108 (defined below)
    "of the authority itself": lambda: AUTHORITY,
}


def _signed_by_an_envoy() -> KeyPair:
    envoy = envoy_of(EDGE)
    forged = issue_client(envoy, OTHER, DAY, TODAY)
    return KeyPair(forged.certificate + envoy.certificate, forged.key)


@pytest.mark.parametrize("kind", REFUSED)
async def test_s1_without_a_good_certificate_no_handler_is_entered(kind: str) -> None:
    """S1: no, a foreign or an expired certificate: the handshake is refused, all UNAVAILABLE, no handler entered."""
    async with behind(_door()) as plane, plane.channel(REFUSED[kind]()) as channel:
        for method in (DELTA, SOTW):
            code, _ = await ends_with(call(channel, method))
            assert code is grpc.StatusCode.UNAVAILABLE
        assert (plane.knocks, plane.events) == (0, [])


async def test_s1_plaintext_is_not_understood_where_certificates_are_asked_for() -> None:
    """S1: a client without a certificate is refused, also one that speaks no TLS at all."""
    async with behind(_door()) as plane, grpc.aio.insecure_channel(plane.server.addresses[0]) as channel:
        code, _ = await ends_with(call(channel))
        assert code is grpc.StatusCode.UNAVAILABLE
        assert plane.knocks == 0


async def test_a_taken_port_is_an_error_that_names_it() -> None:
    async with behind(_door()) as plane:
        (taken,) = plane.server.addresses
        with pytest.raises(BindFailedError, match=re.escape(taken)):
            async with behind(replace(_door(), addresses=("127.0.0.1:0", taken))):
                pass


async def test_a_good_certificate_opens_its_fleet() -> None:
    async with behind(_door()) as plane, plane.channel(envoy_of(EDGE)) as channel:
        stream = call(channel)
        await stream.write(delta(CLUSTER, cluster=EDGE))
        await answer(stream)
        assert plane.joined == [("n", EDGE)]


@pytest.mark.parametrize("claim", [OTHER, "a/edge2", "nobody/nothing"])
async def test_s2_a_certificate_does_not_open_another_fleet(claim: str) -> None:
    """S2: identity from the certificate's SAN, bound to what it may read; a claim of more is PERMISSION_DENIED."""
    async with behind(_door()) as plane, plane.channel(envoy_of(EDGE)) as channel:
        plane.server.publish(_served(claim, _secret("theirs")))
        for method, request in ((DELTA, delta), (SOTW, sotw)):
            stream = call(channel, method)
            await stream.write(request(SECRET, "theirs", cluster=claim))
            code, words = await ends_with(stream)
            assert code is grpc.StatusCode.PERMISSION_DENIED
            assert "spiffe://xdsserver/fleet/a/edge" in words
        assert (plane.knocks, plane.events) == (2, [])


async def test_s2_an_identity_that_is_no_fleet_opens_nothing() -> None:
    """S2: only a fleet's identity is bound to anything that may be read."""
    leaf = certificates._Leaf("spiffe://xdsserver/somebody", ExtendedKeyUsageOID.CLIENT_AUTH, DAY)
    stranger = certificates._issue(AUTHORITY, leaf, TODAY)
    async with behind(_door()) as plane, plane.channel(stranger) as channel:
        code, words = await ends_with(call(channel))
        assert code is grpc.StatusCode.PERMISSION_DENIED
        assert "spiffe://xdsserver/somebody" in words


async def test_s2_a_node_must_be_a_pod_of_its_fleet_where_it_connects_from() -> None:
    """S2: a valid client that claims to be another node is denied."""
    pods = {(EDGE, "here"): {"127.0.0.1", "::1"}, (EDGE, "elsewhere"): {"10.0.0.1"}}
    door = _door(pods=lambda fleet, pod: pods.get((fleet, pod)))
    async with behind(door) as plane, plane.channel(envoy_of(EDGE)) as channel:
        for node in ("elsewhere", "unknown"):
            stream = call(channel)
            await stream.write(delta(CLUSTER, cluster=EDGE, node=node))
            code, words = await ends_with(stream)
            assert (code, repr(node) in words) == (grpc.StatusCode.PERMISSION_DENIED, True)
        stream = call(channel)
        await stream.write(delta(CLUSTER, cluster=EDGE, node="here"))
        await answer(stream)
        assert plane.joined == [("here", EDGE)]


@pytest.mark.parametrize("names", [("theirs",), ("*",), ("*", "theirs"), ("ours", "theirs")], ids=",".join)
async def test_s2_secrets_of_another_fleet_are_never_sent_over_delta(names: tuple[str, ...]) -> None:
    """S2: SDS names outside of the set of a fleet are refused: they are told to be removed, now and later."""
    async with behind(_door()) as plane, plane.channel(envoy_of(EDGE)) as channel:
        plane.server.publish({**_served(EDGE, _secret("ours")), **_served(OTHER, _secret("theirs"))})
        stream = call(channel)
        await stream.write(delta(SECRET, *names, cluster=EDGE))
        first = discovery_pb2.DeltaDiscoveryResponse.FromString(await answer(stream))
        sent = {one.name for one in first.resources}
        assert sent == {"ours"} & ({"ours"} if "*" in names else set(names))
        assert list(first.removed_resources) == [name for name in names if name == "theirs"]
        # A change of theirs is no news here: the next that comes is of our own.
        plane.server.publish(_served(OTHER, _secret("theirs2"), _secret("theirs")))
        plane.server.publish(_served(EDGE, Resource.of_bytes(SECRET, "theirs", b""), _secret("more")))
        await stream.write(delta(SECRET, "more", nonce=first.nonce))
        while True:
            response = discovery_pb2.DeltaDiscoveryResponse.FromString(await answer(stream))
            # A name is of its fleet: what is called as theirs is here ours, with our content.
            assert b"theirs" not in b"".join(one.resource.value for one in response.resources)
            await stream.write(delta(SECRET, nonce=response.nonce))
            if any(one.name == "more" for one in response.resources):
                break


@pytest.mark.parametrize("names", [("theirs",), (), ("*",), ("ours", "theirs")], ids=",".join)
async def test_s2_secrets_of_another_fleet_are_never_sent_as_state_of_the_world(names: tuple[str, ...]) -> None:
    """S2: SDS names outside of the set of a fleet are refused: that dialect says nothing of what is not there."""
    async with behind(_door()) as plane, plane.channel(envoy_of(EDGE)) as channel:
        plane.server.publish({**_served(EDGE, _secret("ours")), **_served(OTHER, _secret("theirs"))})
        stream = call(channel, SOTW)
        await stream.write(sotw(SECRET, *names, cluster=EDGE))
        plane.server.publish(_served(OTHER, _secret("theirs2")))
        # Whatever was owed for the secrets stands before this in the stream.
        await stream.write(sotw(CLUSTER))
        content = b""
        while True:
            response = discovery_pb2.DiscoveryResponse.FromString(await answer(stream))
            if response.type_url == CLUSTER:
                break
            content += b"".join(one.value for one in response.resources)
        assert b"theirs" not in content
        assert (b"ours" in content) == ("ours" in names or names == ("*",))


async def test_s3_authority_and_certificates_change_while_streams_go_on() -> None:
    """S3: CA, server and client rotate without a restart: what is shown is read at each handshake, CAs overlap."""
    old, new = (make_authority(TODAY - days * DAY) for days in (400, 95))
    store = MemoryStore(old)
    clock = TODAY - 10 * DAY
    door = certificate_door(ANY, ServerCertificates(store, clock=lambda: clock))
    async with behind(door) as plane, plane.channel(envoy_of(EDGE, old), old.certificate) as channel:
        stream = call(channel)
        await stream.write(delta(CLUSTER, cluster=EDGE))
        await answer(stream)

        # Introduced: Envoys of the new authority come in, and the old one still signs what the server shows.
        store.write((old, new))
        await _comes_in(plane, envoy_of(EDGE, new), old.certificate)
        # In force: the new one signs, and those of the old one still come in.
        clock = TODAY
        await _comes_in(plane, envoy_of(EDGE, old), new.certificate)
        # Dropped: those of the old one do not.
        store.write((new,))
        await _comes_in(plane, envoy_of(EDGE, new), new.certificate)
        async with plane.channel(envoy_of(EDGE, old), new.certificate) as refused:
            assert (await ends_with(call(refused)))[0] is grpc.StatusCode.UNAVAILABLE

        plane.server.publish(_served(EDGE, Resource.of_bytes(CLUSTER, "late", b"")))
        response = discovery_pb2.DeltaDiscoveryResponse.FromString(await answer(stream))
        assert [one.name for one in response.resources] == ["late"], "the first stream has lived through all of it"


async def _comes_in(plane: Secured, shown: KeyPair, trusted: bytes) -> None:
    async with plane.channel(shown, trusted) as channel:
        stream = call(channel)
        await stream.write(delta(CLUSTER, cluster=EDGE))
        await answer(stream)


async def test_s3_a_stream_ends_with_the_certificate_that_opened_it() -> None:
    """S3: who was not given a new certificate is out when the old one ends, however long the stream has been open."""
    shown = issue_client(AUTHORITY, EDGE, DAY, TODAY)
    almost = shown.parsed.not_valid_after_utc - timedelta(milliseconds=100)
    async with behind(_door(clock=lambda: almost)) as plane, plane.channel(shown) as channel:
        stream = call(channel)
        await stream.write(delta(CLUSTER, cluster=EDGE))
        await answer(stream)
        code, words = await ends_with(stream)
        assert (code, "expired" in words) == (grpc.StatusCode.UNAUTHENTICATED, True)


async def test_s1_a_session_that_is_resumed_after_the_certificate_ended_opens_nothing() -> None:
    """S1: an expired certificate is refused, also where TLS does not look at it again."""
    shown = envoy_of(EDGE)
    async with behind(_door(clock=lambda: TODAY + 365 * DAY)) as plane, plane.channel(shown) as channel:
        code, words = await ends_with(call(channel))
        assert (code, "issue a new one" in words) == (grpc.StatusCode.UNAUTHENTICATED, True)
        assert plane.events == []


def test_s3_the_server_renews_its_own_certificate_in_time() -> None:
    """S3: the server's certificate changes without a restart."""
    clock = TODAY
    mine = ServerCertificates(STORE, clock=lambda: clock)
    first = mine.current()
    assert mine.current() is first
    clock = TODAY + 14 * DAY
    assert mine.current() is first
    clock = TODAY + 15 * DAY
    assert mine.current() is not first


def test_s3_an_authority_that_cannot_be_read_leaves_the_last_one_in_force() -> None:
    """S3: a fault of the store ends no service; it is told once."""
    store = MemoryStore(AUTHORITY)
    told: list[str] = []
    mine = ServerCertificates(store, on_problem=told.append)
    first = mine.current()
    store.write(())
    assert [mine.current() is first for _ in range(3)] == [True] * 3
    assert len(told) == 1
    store.write((AUTHORITY,))
    assert mine.current() is first
    store.write(())
    mine.current()
    assert len(told) == 2, "told again when it comes again"


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("ipv4:10.0.0.1:4711", "10.0.0.1"),
        ("ipv6:%5B::1%5D:4711", "::1"),
        ("ipv6:[fd00:0::0001]:4711", "fd00::1"),
        ("ipv6:%5B::ffff:10.0.0.1%5D:4711", "10.0.0.1"),
        ("ipv6:%5Bfe80::1%25eth0%5D:4711", "fe80::1"),
        ("unix:", None),
        ("unix:/run/x.sock", None),
    ],
)
def test_the_address_of_a_peer_is_in_canonical_form(peer: str, address: str | None) -> None:
    assert ip_of(peer) == address
