"""Ports that a test may open: out of a block that its process alone holds, and that the kernel gives to nobody.

A port that the kernel gives for the asking is free for a moment only: before a test opens it, another process of the
tests may be given the same one, or any client on the machine may connect from it. So each process holds a block below
those ports, by its first one, which the kernel takes back when the process ends, however it ends.
"""

from __future__ import annotations

import itertools
import socket
from functools import cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_BLOCKS: Final = range(20_000, 24_768, 128)
"""Where blocks begin. What is 8000 above one of their ports is below the kernel's own (32768) and in no block."""


def free_port() -> int:
    """Return a loopback port that is free, and that no other test is given while this process lives and asks on."""
    for port in itertools.islice(_ports(), _BLOCKS.step):
        if (probe := _bound(port)) is not None:
            probe.close()
            return port
    message = f"no port is free in the block of {next(_ports())}"
    raise OSError(message)


@cache
def _ports() -> Iterator[int]:
    """Take a block, and yield its ports over and over: one that was just given is the last to be given again."""
    for first in _BLOCKS:
        if (guard := _bound(first)) is not None:
            return _over_and_over(first, guard)
    message = f"another process holds each block of ports in {_BLOCKS}"
    raise OSError(message)


def _over_and_over(first: int, guard: socket.socket) -> Iterator[int]:
    with guard:
        yield from itertools.cycle(range(first + 1, first + _BLOCKS.step))


def _bound(port: int) -> socket.socket | None:
    probe = socket.socket()
    try:
        probe.bind(("127.0.0.1", port))
    except OSError:
        probe.close()
        return None
    return probe
