"""A release of the chart in a cluster, as tests look at it: its pods, who leads, and its Gateway under load."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.live.http1 import Ask, ask
from tests.live.load import Traffic, load

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from e2e.cluster.shell import Shell
    from tests.live.http1 import Answer
    from tests.live.load import Tally

NAMESPACE = "xdsserver-system"
SERVERS = "app.kubernetes.io/name=xdsserver"
ENVOYS = "gateway.xdsserver.io/fleet=fleet-default"
WITHIN_S = 120
RATE = 100.0
"""Requests per second: enough that a gap of a tenth of a second meets one, and little for two shared cores."""


@dataclass(frozen=True)
class Leader:
    """Who holds the Lease; "" while nobody does. Another process in the same pod is another one."""

    identity: str

    @property
    def pod(self) -> str:
        """The pod that it runs in."""
        return self.identity.partition("_")[0]


@dataclass(frozen=True)
class Release:
    """A release that was installed; `installed_s` is how long it took from the first command to the first answer."""

    shell: Shell
    installed_s: float

    async def kubectl(self, *arguments: str, namespace: str = NAMESPACE, stdin: str = "") -> str:
        """Run kubectl, which must succeed; give what it said."""
        done = await asyncio.to_thread(self.shell.cluster.run, "--namespace", namespace, *arguments, stdin=stdin)
        assert done.returncode == 0, done.stderr
        return done.stdout

    async def get(self, *what: str, namespace: str = NAMESPACE) -> dict[str, Any]:
        """Read an object, or a list of them."""
        found: dict[str, Any] = json.loads(await self.kubectl("get", *what, "--output=json", namespace=namespace))
        return found

    async def apply(self, *objects: dict[str, Any], namespace: str = NAMESPACE) -> None:
        """Write objects."""
        document = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
        await self.kubectl("apply", "--server-side", "--filename=-", namespace=namespace, stdin=document)

    async def sh(self, script: str) -> str:
        """Run a script as a guide has it."""
        return await asyncio.to_thread(self.shell.run, script)

    async def pods(self, selector: str, namespace: str = NAMESPACE) -> dict[str, str]:
        """Give the pods that are not about to end, as names and uids."""
        items = (await self.get("pods", "--selector", selector, namespace=namespace))["items"]
        return {
            one["metadata"]["name"]: one["metadata"]["uid"]
            for one in items
            if "deletionTimestamp" not in one["metadata"]
        }

    async def leader(self) -> Leader:
        """Say who holds the Lease."""
        lease = await self.get("lease", "xdsserver")
        return Leader(str(lease["spec"].get("holderIdentity") or ""))

    async def rolled_out(self, what: str, namespace: str = NAMESPACE) -> None:
        """Wait until a workload is as it should be, and what it replaced has gone."""
        await self.kubectl("rollout", "status", what, f"--timeout={WITHIN_S}s", namespace=namespace)

    async def gone(self, *pods: str, namespace: str = NAMESPACE) -> None:
        """Wait until pods have ended."""
        names = [f"pod/{one}" for one in pods]
        await self.kubectl("wait", "--for=delete", f"--timeout={WITHIN_S}s", *names, namespace=namespace)

    async def address(self, gateway: str = "shop", namespace: str = "default") -> str:
        """Give the address of a Gateway."""
        await self.kubectl(
            "wait", "--for=condition=Programmed", f"gateway/{gateway}", f"--timeout={WITHIN_S}s", namespace=namespace
        )
        found = await self.get("gateway", gateway, namespace=namespace)
        return str(found["status"]["addresses"][0]["value"])

    async def first_answer(self, address: str) -> Answer:
        """Ask an address once, as soon as connections to it are not refused: nodes learn of a Service by themselves."""
        async with asyncio.timeout(10):
            while True:
                try:
                    return await ask(80, Ask("/"), address)
                except ConnectionRefusedError:
                    await asyncio.sleep(0.05)

    @asynccontextmanager
    async def under_load(self, what: str) -> AsyncIterator[Tally]:
        """Ask the Gateway of the guide all the time, over kept and new connections, and repeat nothing.

        At the end of the block, and no sooner than 200 requests, not one may have failed.
        """
        # A POST is not sent again by Envoy either, since the route has no retries.
        asks = (Ask("/", method="POST", body=b"?"),)
        traffic = Traffic(asks, 80, ip=await self.address(), kept=4, new=2, rate=RATE, timeout_s=10.0)
        async with load(traffic) as tally:
            await tally.reaches(100)
            yield tally
            await tally.reaches(tally.requests + 100)
        print(f"\n{what}: {tally}")
        assert not tally.failures, tally
