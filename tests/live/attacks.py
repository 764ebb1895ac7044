"""Attacks on a listener, each bounded, run in a process of its own: `python -m tests.live.attacks NAME PORT SECONDS`.

In a process of its own, so that the work of attacking delays no client that a test measures. It prints what came of it,
as JSON.
"""

from __future__ import annotations

import json
import os
import select
import socket
import struct
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from tests.live.edge import CONNECTIONS, HOST, request

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEADERS, RST_STREAM, SETTINGS = 1, 3, 4
END_STREAM_AND_HEADERS = 0x5
CANCEL = 8
RESETS = 10_000
"""How many streams a connection is to open and reset."""


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """Write a frame of HTTP/2 (RFC 9113, section 4.1)."""
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def rapid_reset(port: int, until: float) -> Mapping[str, int]:
    """Open and reset streams as fast as a connection takes them, on three new connections a second.

    What a connection may do before it is cut off (250 streams, see the bootstrap) takes Envoy some milliseconds.
    """
    # Three names and values of HPACK's static table (GET, http, /), and the authority as a literal (RFC 7541, 6.2.2).
    block = bytes([0x82, 0x86, 0x84, 0x01, len(HOST)]) + HOST.encode()
    cancel = struct.pack(">I", CANCEL)
    streams = range(1, 2 * RESETS, 2)
    flood = b"".join(
        frame(HEADERS, END_STREAM_AND_HEADERS, one, block) + frame(RST_STREAM, 0, one, cancel) for one in streams
    )
    opened = closed = 0
    while time.monotonic() < until:
        with socket.create_connection(("127.0.0.1", port)) as client:
            opened += 1
            closed += _is_cut_off(client, PREFACE + frame(SETTINGS, 0, 0, b"") + flood)
        time.sleep(0.3)
    return {"opened": opened, "closed": closed}


def _is_cut_off(client: socket.socket, data: bytes, within_s: float = 5.0) -> bool:
    """Write and read until the other side closes, and tell whether it did."""
    client.settimeout(0)
    rest = memoryview(data)
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        readable, writable, _ = select.select([client], [client] if rest else [], [], 0.1)
        try:
            if readable and not client.recv(65_536):
                return True
            if writable:
                rest = rest[client.send(rest[:65_536]) :]
        except BlockingIOError:
            continue
        except ConnectionError:
            return True
    return False


def slow_headers(port: int, _until: float) -> Mapping[str, float]:
    """Send the headers of many requests byte by byte, and say after which time they were closed."""
    clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(40)]
    begun = time.monotonic()
    ends: list[float] = []
    timed_out = 0
    for client in clients:
        client.sendall(f"GET / HTTP/1.1\r\nhost: {HOST}\r\nx-slow: ".encode())
    while clients and time.monotonic() < begun + 20:
        time.sleep(0.1)
        for client in tuple(clients):
            with suppress(ConnectionError):
                client.sendall(b"a")
        for client in select.select(clients, [], [], 0)[0]:
            with suppress(ConnectionError):
                timed_out += b" 408 " in client.recv(4096)
            ends.append(time.monotonic() - begun)
            clients.remove(client)
            client.close()
    return {"open": len(clients), "first": min(ends, default=0), "last": max(ends, default=0), "timed_out": timed_out}


def _again_and_again(data: bytes, status: bytes) -> Callable[[int, float], Mapping[str, int]]:
    def attack(port: int, until: float) -> Mapping[str, int]:
        answers = others = 0
        while time.monotonic() < until:
            with socket.create_connection(("127.0.0.1", port)) as client, suppress(ConnectionError):
                client.sendall(data)
                said = client.recv(4096)
                answers += said.startswith(b"HTTP/1.1 " + status)
                others += not said.startswith(b"HTTP/1.1 " + status)
            time.sleep(0.004)
        return {"answers": answers, "others": others}

    return attack


def connections(port: int, until: float) -> Mapping[str, int]:
    """Open three times the connections that there may be, and keep those that stay."""
    clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(3 * CONNECTIONS)]
    time.sleep(max(0.0, until - time.monotonic()))
    gone = 0
    for client in select.select(clients, [], [], 0)[0]:
        with suppress(ConnectionError):
            gone += client.recv(1) == b""
    for client in clients:
        client.close()
    return {"opened": len(clients), "gone": gone}


HIDDEN = b"0\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: edge.test\r\n\r\n"

ATTACKS: Mapping[str, Callable[[int, float], Mapping[str, float]]] = {
    "rapid_reset": rapid_reset,
    "slow_headers": slow_headers,
    "large_headers": _again_and_again(request(f"x-big: {'a' * 70_000}"), b"431"),
    "smuggling": _again_and_again(
        request("content-length: 4", "transfer-encoding: chunked", method="POST", body=HIDDEN), b"400"
    ),
    "connections": connections,
}


def main(name: str, port: str, seconds: str) -> None:
    """Run one attack."""
    # What is measured is how the gateway shares itself out, and not how the kernel shares out two processors.
    os.nice(5)
    outcome = ATTACKS[name](int(port), time.monotonic() + float(seconds))
    sys.stdout.write(json.dumps(outcome) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
