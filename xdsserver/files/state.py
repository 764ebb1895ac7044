"""What was allocated, written down in a file so that a restart moves nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from xdsserver.files.replace import replace_file
from xdsserver.infrastructure.allocation import Written
from xdsserver.objects.meta import Name

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class StateError(Exception):
    """A file of state, or its key, cannot be read or written; the message names it and the remedy."""


class _Port(msgspec.Struct, frozen=True):
    port: int
    transport: str
    bind: int


class _Gateway(msgspec.Struct, frozen=True):
    namespace: str
    name: str
    uid: str
    address: str
    ports: tuple[_Port, ...]


class _State(msgspec.Struct, frozen=True):
    gateways: tuple[_Gateway, ...]
    version: int = 1


def read_state(path: Path) -> dict[Name, Written]:
    """Read what was allocated; nothing where there is no file.

    Raises:
        StateError: it cannot be read, or is not what we wrote.
    """
    try:
        state = msgspec.json.decode(path.read_bytes(), type=_State)
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.DecodeError) as error:
        message = f"{path} cannot be read ({error}); addresses are given out afresh"
        raise StateError(message) from error
    return {
        Name(one.namespace, one.name): Written(
            one.uid, one.address, {(port.port, port.transport): port.bind for port in one.ports}
        )
        for one in state.gateways
    }


def write_state(path: Path, written: Mapping[Name, Written]) -> None:
    """Replace the file as a whole, so that a crash leaves the old or the new one.

    Raises:
        StateError: the disk does not take it.
    """
    gateways = tuple(
        _Gateway(
            *name,
            one.uid,
            one.address,
            tuple(_Port(port, transport, bind) for (port, transport), bind in sorted(one.ports.items())),
        )
        for name, one in sorted(written.items())
    )
    text = msgspec.json.format(msgspec.json.encode(_State(gateways)), indent=2)
    try:
        replace_file(path, text + b"\n")
    except OSError as error:
        message = f"{path} cannot be written ({error}); addresses are kept in memory and may change at the next start"
        raise StateError(message) from error
