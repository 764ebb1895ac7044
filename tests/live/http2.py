"""HTTP/2 as small as one request needs it: a head without a body, and the status of the answer (RFC 9113, RFC 7541)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.live.attacks import HEADERS, PREFACE, SETTINGS, frame

if TYPE_CHECKING:
    from tests.live.tls_clients import Tls

_END_STREAM_AND_HEADERS = 0x5
_STATUSES = (200, 204, 206, 304, 400, 404, 500)
"""Of HPACK's static table, from index 8 on."""
_DIGITS = ("00000", "00001", "00010", "011001", "011010", "011011", "011100", "011101", "011110", "011111")
"""Huffman codes of HPACK."""


async def status(port: int, tls: Tls, host: str, path: str = "/", *, within_s: float = 30.0) -> int:
    """Ask once on a connection of its own, and give the status."""
    async with asyncio.timeout(within_s):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls.context, server_hostname=tls.sni)
        assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == "h2"
        # GET and https of the static table; path and authority as literals.
        block = b"\x82\x87" + _literal(4, path) + _literal(1, host)
        writer.write(PREFACE + frame(SETTINGS, 0, 0, b"") + frame(HEADERS, _END_STREAM_AND_HEADERS, 1, block))
        try:
            while True:
                head = await reader.readexactly(9)
                payload = await reader.readexactly(int.from_bytes(head[:3], "big"))
                if head[3] == HEADERS:
                    return _status(payload)
        finally:
            writer.transport.abort()


def _literal(name: int, value: str) -> bytes:
    return bytes([name, len(value)]) + value.encode()


def _status(block: bytes) -> int:
    """Read the first field of a head, which is the status: by index, or with the name of index 8 and its value."""
    while block[0] & 0xE0 == 0x20:
        # The size of the dynamic table, in one byte or more.
        end = 1 if block[0] & 0x1F != 0x1F else next(at for at in range(1, 9) if not block[at] & 0x80) + 1
        block = block[end:]
    if block[0] & 0x80:
        return _STATUSES[(block[0] & 0x7F) - 8]
    assert block[0] in (0x48, 0x08, 0x18), block
    value = block[2 : 2 + (block[1] & 0x7F)]
    if not block[1] & 0x80:
        return int(value)
    bits = "".join(f"{byte:08b}" for byte in value)
    digits = ""
    while len(digits) < 3:  # a status has three
        digit = next(number for number, code in enumerate(_DIGITS) if bits.startswith(code))
        digits, bits = f"{digits}{digit}", bits[len(_DIGITS[digit]) :]
    return int(digits)
