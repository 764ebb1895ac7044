"""A process that stands for election and says when it might write: one line each 20 ms while it might.

    python -m e2e.candidate KUBECONFIG NAMESPACE LEASE

SIGTERM ends it as a replica ends. Times are of the machine's monotonic clock, which all its processes share.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time

from xdsserver.kube.access import Kubeconfig
from xdsserver.kube.client import KubeClient
from xdsserver.kube.elector import Elector, KubeLease, process_identity
from xdsserver.kube.lease import Election

EVERY_S = 0.02


async def main(kubeconfig: str, namespace: str, name: str) -> None:
    """Take part until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with KubeClient(Kubeconfig(kubeconfig)) as client:
        elector = Elector(KubeLease(client, namespace, name), Election(process_identity()))
        async with elector.taking_part():
            say("ready")
            while not stop.is_set():
                if elector.may_write():
                    say(f"writes {time.monotonic()}")
                await asyncio.sleep(EVERY_S)
    say(f"released {time.monotonic()}")


def say(words: str) -> None:
    """Write a line at once."""
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
