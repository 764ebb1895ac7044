"""A process of its own with a supervisor in it, to be killed: `python -m tests.proxy.supervised FOLDER PORT [keep]`.

Prints the pid of each Envoy that became ready, a line each.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.proxy.support import local_envoy
from xdsserver.proxy.states import Ready
from xdsserver.proxy.supervisor import Supervisor

if TYPE_CHECKING:
    from xdsserver.proxy.states import State


def say(state: State) -> None:
    if isinstance(state, Ready):
        print(state.pid, state.adopted, flush=True)  # noqa: T201 (the test reads it)


if __name__ == "__main__":
    folder, port, *words = sys.argv[1:]
    asyncio.run(Supervisor(local_envoy(Path(folder), int(port), keep="keep" in words), say).run())
