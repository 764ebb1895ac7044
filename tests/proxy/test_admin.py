from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from xdsserver.proxy.admin import AdminClient, AdminError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@asynccontextmanager
async def answering(socket: Path, raw: bytes | None) -> AsyncIterator[AdminClient]:
    """A server of one fixed answer, which it ends with the connection; None never answers."""
    never = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if raw is None:
            await never.wait()
        else:
            writer.write(raw)
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_unix_server(answer, socket):
        yield AdminClient(socket, timeout_s=0.2 if raw is None else 5)
        never.set()


@pytest.mark.parametrize(
    ("raw", "answer"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nLIVE\n", (200, "LIVE\n")),
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\nPRE_INITIALIZING\n", (503, "PRE_INITIALIZING\n")),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na\r\n\r\n1\r\nb\r\n0\r\n\r\n", (200, "a\r\nb")),
    ],
)
async def test_status_and_text(raw: bytes, answer: tuple[int, str], tmp_path: Path) -> None:
    async with answering(tmp_path / "admin.sock", raw) as admin:
        assert await admin.get("/any") == answer


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        pytest.param(b"", "not HTTP", id="closed at once"),
        pytest.param(b"hello\r\n\r\n", "not HTTP", id="another protocol"),
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-le", "not HTTP", id="half a head"),
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf", "half way", id="half a body"),
        pytest.param(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nhalf", "half way", id="half a chunk"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nz\r\n", "half way", id="a size that is none"
        ),
        pytest.param(None, "Timeout", id="too late"),
    ],
)
async def test_half_an_answer_is_none(raw: bytes | None, words: str, tmp_path: Path) -> None:
    async with answering(tmp_path / "admin.sock", raw) as admin:
        with pytest.raises(AdminError, match=words):
            await admin.get("/any")


async def test_nobody_there(tmp_path: Path) -> None:
    with pytest.raises(AdminError, match=r"none\.sock"):
        await AdminClient(tmp_path / "none.sock").get("/ready")
