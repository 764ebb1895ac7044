"""A test's port is its own: whatever other tests, and other runs of them, are given at the same time."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from tests.ports import free_port

ASKED = 5
EACH = 40
SCRIPT = f"""
import sys
from tests.ports import free_port
print(*(free_port() for _ in range({EACH})), flush=True)
sys.stdin.read()  # Held until all have been told.
"""


def test_processes_that_run_together_are_given_no_port_twice() -> None:
    own = [str(free_port()) for _ in range(EACH)]
    command = (sys.executable, "-c", SCRIPT)
    pipe = subprocess.PIPE
    asked = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(ASKED)]
    try:
        told = [port for one in asked if one.stdout for port in one.stdout.readline().split()]
    finally:
        with ThreadPoolExecutor() as pool:
            list(pool.map(subprocess.Popen.communicate, asked))
    assert len({*told, *own}) == (ASKED + 1) * EACH
    assert all(20_000 < int(port) < 24_768 for port in told), "below those that the kernel gives, 8000 higher too"
