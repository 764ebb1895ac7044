"""What earlier runs decided, read back from the statuses where it is written down."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from xdsserver.infrastructure.allocation import Written

if TYPE_CHECKING:
    from collections.abc import Mapping


class _Address(msgspec.Struct):
    value: str = ""


class _Condition(msgspec.Struct, rename="camel"):
    type: str = ""
    status: str = ""
    observed_generation: int = 0


class _Listener(msgspec.Struct):
    name: str = ""
    conditions: list[_Condition] | None = None


class _Status(msgspec.Struct):
    addresses: list[_Address] | None = None
    listeners: list[_Listener] | None = None


def _read(status: bytes) -> _Status:
    try:
        return msgspec.json.decode(status, type=_Status) if status else _Status()
    except msgspec.MsgspecError:
        # Somebody else's, of another form; ours is written over it.
        return _Status()


def written_in_status(uid: str, status: bytes) -> Written | None:
    """Give the address that a Gateway's status (JSON, or empty) says it has; None where it says none."""
    addresses = _read(status).addresses or []
    return Written(uid, addresses[0].value) if addresses and addresses[0].value else None


def programmed_in_status(status: bytes) -> Mapping[str, int]:
    """Give the listeners that a status says are programmed, each with the generation that it says so of."""
    return {
        listener.name: one.observed_generation
        for listener in _read(status).listeners or ()
        for one in listener.conditions or ()
        if one.type == "Programmed" and one.status == "True"
    }
