"""A server in a process of its own: `python -m tests.server.lone RESOURCES`.

It prints its address, and for each line that it reads the KiB of anonymous memory that it has.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from pathlib import Path

from tests.server.clients import RULES, put
from xdsserver.server import XdsOptions, XdsServer
from xdsserver.xds.cache import Cache
from xdsserver.xds.ledger import Ledger
from xdsserver.xds.resource import ENDPOINTS, Resource


def name(number: int) -> str:
    return f"endpoints-of-a-namespace-and-a-service-{number}"


def _anonymous_kib() -> int:
    gc.collect()
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(fields["RssAnon"].split()[0])


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def main() -> None:
    """Serve until stdin ends."""
    names = map(name, range(int(sys.argv[1])))
    server = XdsServer(Cache(ready=True), XdsOptions(("127.0.0.1:0",), RULES), (ledger := Ledger()).fold, ledger)
    server.publish(put(*(Resource.of_bytes(ENDPOINTS, one, one.encode() * 2) for one in names)))
    await server.start()
    commands = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    _say(server.addresses[0])
    while await commands.readline():
        _say(str(_anonymous_kib()))


if __name__ == "__main__":
    asyncio.run(main())
