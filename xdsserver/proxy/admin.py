"""Envoy's admin interface, asked over its unix socket."""

from __future__ import annotations

import asyncio
import http
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class AdminError(Exception):
    """Envoy did not answer: no socket, nobody behind it, too late, or half an answer."""


@dataclass(frozen=True, slots=True)
class AdminClient:
    """Asks one Envoy, one connection per question: `status, text = await AdminClient(path).get("/ready")`.

    Attributes:
        socket: the unix socket of the bootstrap's `admin.address.pipe`.
        timeout_s: bound of one question, connecting included.
    """

    socket: Path
    timeout_s: float = 5.0

    async def get(self, target: str) -> tuple[int, str]:
        """Ask without changing anything, such as `/ready` or `/config_dump?resource=dynamic_listeners`.

        Raises:
            AdminError: there is no complete answer within `timeout_s`.
        """
        return await self._ask(http.HTTPMethod.GET, target)

    async def post(self, target: str) -> tuple[int, str]:
        """Ask for something to be done, such as `/drain_listeners?graceful`.

        Raises:
            AdminError: there is no complete answer within `timeout_s`.
        """
        return await self._ask(http.HTTPMethod.POST, target)

    async def is_ready(self) -> bool:
        """Whether Envoy has finished its start and is not draining.

        Raises:
            AdminError: there is no complete answer within `timeout_s`.
        """
        status, _ = await self.get("/ready")
        return status == http.HTTPStatus.OK

    async def _ask(self, method: http.HTTPMethod, target: str) -> tuple[int, str]:
        try:
            async with asyncio.timeout(self.timeout_s):
                raw = await self._exchange(f"{method} {target} HTTP/1.1\r\nhost: envoy\r\nconnection: close\r\n\r\n")
        except (OSError, TimeoutError) as error:
            message = f"{self.socket} does not answer {target}: {error!r}"
            raise AdminError(message) from error
        return _parse(raw, target)

    async def _exchange(self, request: str) -> bytes:
        reader, writer = await asyncio.open_unix_connection(self.socket)
        try:
            writer.write(request.encode("ascii"))
            return await reader.read()
        finally:
            writer.close()


def _parse(raw: bytes, target: str) -> tuple[int, str]:
    """Take status and text from a whole HTTP/1.1 answer that ended with the connection."""
    head, end_of_head, body = raw.partition(b"\r\n\r\n")
    status_line, *lines = head.decode("latin-1").split("\r\n")
    words = status_line.split(" ")
    if not end_of_head or len(words) < 2 or not words[1].isdecimal():  # noqa: PLR2004 (protocol and status)
        message = f"the answer to {target} is not HTTP: {raw[:80]!r}"
        raise AdminError(message)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if headers.get("transfer-encoding") == "chunked":
        body, whole = _dechunk(body)
    else:
        whole = len(body) == int(headers.get("content-length", len(body)))
    if not whole:
        message = f"the answer to {target} ended half way"
        raise AdminError(message)
    return int(words[1]), body.decode("utf-8", errors="replace")


def _dechunk(body: bytes) -> tuple[bytes, bool]:
    """Join the chunks; the second answer is whether the last one came."""
    parts: list[bytes] = []
    while True:
        line, _, body = body.partition(b"\r\n")
        try:
            size = int(line, 16)
        except ValueError:
            return b"".join(parts), False
        if size == 0:
            return b"".join(parts), True
        if len(body) < size:
            return b"".join(parts), False
        parts.append(body[:size])
        body = body[size + 2 :]
