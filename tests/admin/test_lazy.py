"""The port is open from the start, and what answers there is imported when somebody connects."""

from __future__ import annotations

import asyncio
import signal
import socket
import ssl
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from tests.admin.asking import TOKEN, Running
from tests.certificates import Certificate, rsa_key
from xdsserver.admin.errors import AdminError
from xdsserver.admin.lazy import AdminServer
from xdsserver.settings import AdminSettings, HostPort

if TYPE_CHECKING:
    from pathlib import Path

    from xdsserver.admin.guard import App

HEAVY = ("fastapi", "starlette", "pydantic", "uvicorn")


def settings(path: Path, tls: tuple[Path, Path] | None = None) -> AdminSettings:
    return AdminSettings(HostPort("127.0.0.1", 0), path / "token", tls=tls)


def unexpected(words: str) -> None:
    raise AssertionError(words)


async def get(address: str, *, tls: ssl.SSLContext | None = None) -> bytes:
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port), ssl=tls)
    request = (
        f"GET /api/v1/server HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\nConnection: close\r\n\r\n"
    )
    writer.write(request.encode())
    try:
        async with asyncio.timeout(30):
            return await reader.read()
    finally:
        writer.close()


@pytest.mark.parametrize("way", ["xdsserver.app", "xdsserver.app.cluster", "xdsserver.cli.main"])
def test_a_server_that_nobody_asks_imports_no_framework(way: str) -> None:
    """35 MiB and half a second, which a server of 5,000 routes has not to spare."""
    code = f"import sys, {way}; print([name for name in {HEAVY} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout.strip() == "[]"


async def test_the_first_connection_starts_it_and_waits_for_that(tmp_path: Path) -> None:
    built = 0

    def build() -> App:
        nonlocal built
        built += 1
        return Running().app

    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    server = AdminServer(settings(tmp_path), build, unexpected)
    async with server.listening():
        await asyncio.sleep(0)
        assert not server.asked
        assert not built
        answers = await asyncio.gather(*(get(server.address) for _ in range(5)))
        assert all(one.startswith(b"HTTP/1.1 200 ") and b'"release"' in one for one in answers)
        assert all(b"\r\nserver:" not in one.lower() for one in answers)
        assert (built, server.asked) == (1, True)
        assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == handlers
        address = server.address
    with pytest.raises(OSError):  # noqa: PT011 (refused, or reset where it was just closing)
        await get(address)


async def test_one_that_was_never_asked_ends_at_once(tmp_path: Path) -> None:
    server = AdminServer(settings(tmp_path), lambda: Running().app, unexpected)
    async with server.listening():
        assert server.address
    assert not server.address
    assert not server.asked


async def test_s7_over_tls(tmp_path: Path) -> None:
    """S7: where it may be reached from elsewhere it is TLS that is spoken, and nothing else is answered."""
    certificate = Certificate(rsa_key(), hostnames=("localhost",))
    files = tmp_path / "crt", tmp_path / "key"
    files[0].write_bytes(certificate.pem)
    files[1].write_bytes(certificate.key_pem)
    context = ssl.create_default_context()
    # Whose it is matters to nobody here.
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    server = AdminServer(settings(tmp_path, files), lambda: Running().app, unexpected)
    async with server.listening():
        assert (await get(server.address, tls=context)).startswith(b"HTTP/1.1 200 ")
        assert not (await get(server.address)).startswith(b"HTTP/1.1 200 ")


async def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = AdminServer(
            AdminSettings(HostPort("127.0.0.1", port), tmp_path / "token"), lambda: Running().app, unexpected
        )
        with pytest.raises(AdminError, match=f"127.0.0.1:{port} cannot be listened on: it is in use"):
            async with server.listening():
                pass


async def test_what_cannot_be_built_is_told_and_harms_nobody(tmp_path: Path) -> None:
    told: list[str] = []

    def build() -> App:
        message = "no such thing"
        raise ValueError(message)

    server = AdminServer(settings(tmp_path), build, told.append)
    async with server.listening():
        with suppress(ConnectionError):
            assert await get(server.address) == b""
        assert ["no such thing" in one for one in told] == [True]
