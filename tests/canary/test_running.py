"""S8: a run with a key in its folder: what it says, keeps and answers holds no piece of the key."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from envoy.service.status.v3 import csds_pb2

from tests.canary.canary import GATEWAY, bad, good, make
from tests.live.product import admin, home, standalone
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.live.product import Home

pytestmark = pytest.mark.live

CANARY = make()
FETCH = "/envoy.service.status.v3.ClientStatusDiscoveryService/FetchClientStatus"


async def test_s8_a_run_does_not_show_it() -> None:
    """S8: notices, files of the state, what Envoy and our own tools tell of the configuration: not a piece of the key,
    while its certificate is served, and while the documents of the Secret are broken in one way and another."""
    async with home() as found:
        write(found, good(CANARY))
        (found.folder / "gateway.yaml").write_text(GATEWAY.replace("8443", str(free_port())))
        state = found.root / "saved"
        async with standalone(found, "--save-state", str(state)) as run:
            served = await run.notice("listener https is served at")
            port = int(served["url"].rpartition(":")[2])
            assert await shown(port) == ssl.PEM_cert_to_DER_cert(CANARY.chain)
            async with admin(found) as envoy:
                assert not CANARY.seen_in(await envoy.get("/config_dump?include_eds"))
            told = await asked(found)
            assert b"canary" in told, "the name of the certificate, or nothing was asked"
            assert not CANARY.seen_in(told)
            for name, words in (("key in one line", "serves on"), ("a tag", "secret.yaml:")):
                write(found, dict(bad(CANARY))[name])
                await run.notice(words)
            assert await shown(port) == ssl.PEM_cert_to_DER_cert(CANARY.chain)
            assert await run.stop() == 0
            assert not CANARY.seen_in(str(run.notices))
        kept = list(files(found))
        assert state in kept
        for path in kept:
            assert not CANARY.seen_in(path.read_bytes()), path


def write(found: Home, text: str) -> None:
    path = found.folder / "secret.yaml"
    path.touch(mode=0o600)
    path.write_text(text)


async def shown(port: int) -> bytes | None:
    """Give the certificate that a listener shows; asked again while nobody listens."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    async with asyncio.timeout(30):
        while True:
            try:
                _, writer = await asyncio.open_connection(
                    "127.0.0.1", port, ssl=context, server_hostname="canary.example.com"
                )
                break
            except ConnectionError:
                await asyncio.sleep(0.02)
    try:
        certificate: bytes | None = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        return certificate
    finally:
        writer.close()


async def asked(found: Home) -> bytes:
    """Give what our own server says of the configuration of its clients."""
    async with grpc.aio.insecure_channel(f"unix:{found.runtime / 'xds.sock'}") as channel:
        make_call: Any = channel.unary_unary
        answer: bytes = await make_call(FETCH)(csds_pb2.ClientStatusRequest().SerializeToString())
        return answer


def files(found: Home) -> Iterator[Path]:
    """Give all files that the run made, its sockets apart."""
    return (path for path in found.root.rglob("*") if path.is_file() and found.folder not in path.parents)
