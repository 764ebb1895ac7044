"""Attacks on a listener, each bounded, run in a process of its own: `python -m tests.live.attacks NAME PORT [CORE]`.

In a process of its own, and on a core of its own where one is given, so that the work of attacking delays no client
that a test measures: what is asked is what the gateway makes of an attack. It says `{}` once it is there, and then
attacks for as many seconds as each line of its input says, and prints what came of it as a line of JSON.
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
from typing import TYPE_CHECKING, Literal

from tests.live.edge import CONNECTIONS, HOST, request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEADERS, RST_STREAM, SETTINGS, GOAWAY = 1, 3, 4, 7
FRAME_HEAD_BYTES = 9
END_STREAM_AND_HEADERS = 0x5
CANCEL = 8
RESETS = 10_000
"""How many streams a connection is to open and reset."""
CONNECTIONS_PER_S = 2
"""How often such a connection is made."""

SLOW = 40
"""How many requests are sent byte by byte."""


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """Write a frame of HTTP/2 (RFC 9113, section 4.1)."""
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def rapid_reset(port: int, until: float) -> Mapping[str, int]:
    """Open and reset streams as fast as a connection takes them, on two new connections a second.

    Says how many it opened, and by what each ended: `goaway`, or `closed` without one.
    """
    # Three names and values of HPACK's static table (GET, http, /), and the authority as a literal (RFC 7541, 6.2.2).
    block = bytes([0x82, 0x86, 0x84, 0x01, len(HOST)]) + HOST.encode()
    cancel = struct.pack(">I", CANCEL)
    streams = range(1, 2 * RESETS, 2)
    flood = b"".join(
        frame(HEADERS, END_STREAM_AND_HEADERS, one, block) + frame(RST_STREAM, 0, one, cancel) for one in streams
    )
    found = {"opened": 0, "closed": 0, "goaway": 0, "endless": 0}
    due = time.monotonic()
    while due < until:
        time.sleep(max(0.0, due - time.monotonic()))
        with socket.create_connection(("127.0.0.1", port)) as client:
            found["opened"] += 1
            found[_ending(client, PREFACE + frame(SETTINGS, 0, 0, b"") + flood)] += 1
        due += 1 / CONNECTIONS_PER_S
    return found


def _ending(client: socket.socket, data: bytes, within_s: float = 5.0) -> Literal["closed", "goaway", "endless"]:
    """Write and read until the other side says GOAWAY, or closes.

    Reading comes first each time: what was said before a connection was reset is there to be read until then.
    """
    client.settimeout(0)
    rest = memoryview(data)
    said = b""
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        readable, writable, _ = select.select([client], [client] if rest else [], [], 0.1)
        try:
            if readable:
                part = client.recv(65_536)
                said += part
                if GOAWAY in kinds(said):
                    return "goaway"
                if not part:
                    return "closed"
            elif writable:
                rest = rest[client.send(rest[:4096]) :]
        except BlockingIOError:
            continue
        except ConnectionError:
            return "closed"
    return "endless"


def kinds(said: bytes) -> Iterator[int]:
    """Yield the types of the frames that are whole."""
    at = 0
    while len(said) >= at + FRAME_HEAD_BYTES:
        end = at + FRAME_HEAD_BYTES + int.from_bytes(said[at : at + 3], "big")
        if len(said) >= end:
            yield said[at + 3]
        at = end


def slow_headers(port: int, until: float) -> Mapping[str, float]:
    """Send the headers of many requests byte by byte, and say after which time they were closed."""
    clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(SLOW)]
    begun = time.monotonic()
    ends: list[float] = []
    timed_out = 0
    for client in clients:
        client.sendall(f"GET / HTTP/1.1\r\nhost: {HOST}\r\nx-slow: ".encode())
    while clients and time.monotonic() < until:
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
    found = {"open": len(clients), "first": min(ends, default=0), "last": max(ends, default=0), "timed_out": timed_out}
    for client in clients:
        client.close()
    return found


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


def main(name: str, port: str, core: str = "") -> None:
    """Run one attack for as long as each line says."""
    # What is measured is how the gateway shares itself out, and not how the kernel shares out its processors: on a core
    # of its own it takes nobody's, and other work on the machine does not keep it from attacking.
    if core:
        os.sched_setaffinity(0, {int(core)})
    else:
        os.nice(19)
    _say({})
    for line in sys.stdin:
        _say(ATTACKS[name](int(port), time.monotonic() + float(line)))


def _say(outcome: Mapping[str, float]) -> None:
    sys.stdout.write(json.dumps(outcome) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
