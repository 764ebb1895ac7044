"""What goes wrong around a release: who leads is killed without a word, and pods cannot reach the API server."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from e2e.cluster.release import WITHIN_S

if TYPE_CHECKING:
    from collections.abc import Iterator

    from e2e.cluster.release import Leader, Release


def on_the_rig() -> None:
    """Go on where the cluster is one that may be cut off, or lose its kinds: nobody's but ours."""
    if not os.environ.get("XDSSERVER_RIG"):
        pytest.skip("a cluster of somebody's is not cut off, and keeps its kinds: XDSSERVER_RIG is not set")


async def another_leads(release: Release, before: Leader) -> None:
    async with asyncio.timeout(WITHIN_S):
        while (await release.leader()).identity in {before.identity, ""}:  # noqa: ASYNC110 (another process)
            await asyncio.sleep(0.3)


async def killed(release: Release, leader: Leader) -> None:
    """Kill a server as a node's kernel does, where its process is one of this machine; else delete its pod at once.

    The kubelet asks a process to end before it kills it, however short the time, and ours then gives its Lease back.
    """
    found = processes(f"POD_NAME={leader.pod}")
    if not found:
        await release.kubectl("delete", "pod", leader.pod, "--grace-period=0", "--force")
    for pid in found:
        os.kill(pid, signal.SIGKILL)


def processes(told: str) -> list[int]:
    """Give the processes of this machine whose environment has this."""
    found = (one for one in Path("/proc").iterdir() if one.name.isdecimal())
    return [int(one.name) for one in found if told.encode() in environment(one)]


def environment(process: Path) -> list[bytes]:
    try:
        return (process / "environ").read_bytes().split(b"\0")
    except OSError:
        return []


@contextmanager
def api_server_cut_off(release: Release) -> Iterator[None]:
    """Drop all that pods send to the API server of the rig, which is a process of this machine."""
    address = re.search(r"https://([0-9.]+):(\d+)", release.shell.run("kubectl config view --minify"))
    assert address is not None
    rule = ("INPUT", "-s", "10.244.0.0/24", "-i", "rig0", "-p", "tcp", "--dport", address[2], "-j", "DROP")
    subprocess.run(["iptables", "-I", *rule], check=True)
    try:
        yield
    finally:
        subprocess.run(["iptables", "-D", *rule], check=True)
