"""What commands that stay have in common: how they write what happens, and the signals that end them."""

import asyncio
import atexit
import gc
import signal
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from xdsserver.observe.notices import Notice, to_json, to_terminal
from xdsserver.observe.restraint import Restrained
from xdsserver.settings import DEFAULT_ADMIN, HostPort, host_port

DEFAULT_XDS = "127.0.0.1:18000"
"""Where xDS is served when no address is given: the port that `bootstrap` assumes."""

StateKeyFile = Annotated[
    Path | None,
    typer.Option(
        metavar="PATH",
        help="The key that seals secrets in a saved state: 32 random bytes. Without, secrets are left out.",
        envvar="XDSSERVER_STATE_KEY_FILE",
    ),
]

XdsTls = Annotated[
    list[str] | None,
    typer.Option(
        metavar="HOST:PORT",
        help="Serve xDS here to Envoys with a certificate, on any machine. May be repeated.",
        envvar="XDSSERVER_XDS_TLS",
    ),
]

AuthorityDir = Annotated[
    Path | None,
    typer.Option(
        metavar="PATH",
        help="Where the key is kept that signs certificates; made when it is missing.",
        envvar="XDSSERVER_AUTHORITY_DIR",
    ),
]

Health = Annotated[
    str | None,
    typer.Option(
        metavar="HOST:PORT",
        help="Answer /healthz, /readyz and /metrics here, to whoever can reach it.",
        envvar="XDSSERVER_HEALTH",
    ),
]

Admin = Annotated[
    str | None,
    typer.Option(
        metavar="HOST:PORT|off",
        help=f"Serve the admin API here; {DEFAULT_ADMIN} without, as long as nobody else has that.",
        envvar="XDSSERVER_ADMIN",
    ),
]

AdminTokenFile = Annotated[
    Path | None,
    typer.Option(
        metavar="PATH",
        help="The token of the admin API, made when it is missing; without, admin-token in the state folder.",
        envvar="XDSSERVER_ADMIN_TOKEN_FILE",
    ),
]

AdminHost = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="A name by which the admin API may be asked, besides its address and localhost. May be repeated.",
        envvar="XDSSERVER_ADMIN_HOST",
    ),
]

AdminTlsCert = Annotated[
    Path | None,
    typer.Option(
        metavar="PATH",
        help="A certificate for the admin API; without, it is served on this machine only.",
        envvar="XDSSERVER_ADMIN_TLS_CERT",
    ),
]

AdminTlsKey = Annotated[
    Path | None,
    typer.Option(metavar="PATH", help="The key of --admin-tls-cert.", envvar="XDSSERVER_ADMIN_TLS_KEY"),
]

Concurrency = Annotated[
    int | None, typer.Option(metavar="N", min=1, help="Worker threads of the Envoy that is run; one per core without.")
]

DrainS = Annotated[
    float, typer.Option(metavar="SECONDS", min=0, help="How long its requests may take to finish at the end.")
]

RuntimeDir = Annotated[
    Path | None,
    typer.Option(
        metavar="PATH",
        help="Where its sockets are made, a short path; without, a folder of our own below /run/user or /tmp.",
        envvar="XDSSERVER_RUNTIME_DIR",
    ),
]


class LogFormat(Enum):
    """How notices are written."""

    TEXT = "text"
    JSON = "json"


def reporting(log_format: LogFormat) -> Callable[[Notice], None]:
    """Give what writes notices, with restraint; what it still holds back is told at the end of the process."""
    restrained = Restrained(to_json() if log_format is LogFormat.JSON else to_terminal())
    atexit.register(restrained.close)
    return restrained


def health_address(text: str | None) -> HostPort | None:
    """Parse where probes are answered.

    Raises:
        SettingsError: it is no address.
    """
    return host_port("--health", text) if text else None


async def until_signal(run: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    """Run with the event of the end: SIGINT or SIGTERM."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    # What was imported stays, and Python would look through it when somebody is already waiting.
    gc.freeze()
    await run(stop)


async def together(runs: Sequence[Callable[[asyncio.Event], Coroutine[None, None, None]]], stop: asyncio.Event) -> None:
    """Run all of them until `stop`; when one ends before, the others are asked to end too, and its fault is raised."""
    tasks = [asyncio.create_task(run(stop)) for run in runs]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    stop.set()
    await asyncio.wait(tasks)
    for task in tasks:
        task.result()
