"""The status of a Tenant's way out: its S3 API and its console are judged as routes are, and told in few words."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from xdsserver.gatewayapi.conditions import (
    ACCEPTED,
    PROGRAMMED,
    REJECTED,
    RESOLVED_REFS,
    Condition,
    Status,
    clip,
)
from xdsserver.gatewayapi.statuses import TenantGatewayStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from xdsserver.gatewayapi.statuses import RouteParentStatus

_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Way:
    """A listener by which clients get to a side of a Tenant, and how far Envoys are with serving it there.

    `hosts` are names and addresses that clients can ask for, the best one first; `port` is that of the listener.
    `programmed` is status, reason and words; `judged` the generation of the Tenant of which they are true.
    """

    hosts: tuple[str, ...]
    port: int
    secure: bool
    programmed: tuple[Status, str, str]
    judged: int

    def url(self, host: str) -> str:
        """Give what clients are to dial."""
        scheme = "https" if self.secure else "http"
        shown = "" if self.port == _DEFAULT_PORTS[scheme] else f":{self.port}"
        return f"{scheme}://[{host}]{shown}" if ":" in host else f"{scheme}://{host}{shown}"


@dataclass(frozen=True, slots=True)
class Side:
    """The S3 API or the console: the field and the hostnames that ask for it, and which verdicts and ways it got."""

    field: str
    hostnames: tuple[str, ...]
    parents: tuple[RouteParentStatus, ...]
    ways: tuple[Way, ...]

    @property
    def url(self) -> str:
        """That of the first hostname that a way has; of the first way where no hostname was asked for; or empty."""
        asked = (way.url(host) for host in self.hostnames for way in self.ways if host in way.hosts)
        return next(chain(asked, (way.url(way.hosts[0]) for way in self.ways if way.hosts)), "")


def tenant_gateway_status(api: Side, console: Side | None, generation: int) -> TenantGatewayStatus:
    """Say under which URLs a Tenant is found, and whether Envoys serve them as this generation asks for it."""
    sides = (api,) if console is None else (api, console)
    accepted, rejected = _accepted(sides, generation), _rejected(sides, generation)
    return TenantGatewayStatus(
        endpoint=api.url,
        console="" if console is None else console.url,
        conditions=(
            accepted,
            _resolved(sides, generation),
            _programmed(sides, (accepted, *rejected), generation),
            *rejected,
        ),
    )


def _accepted(sides: Iterable[Side], generation: int) -> Condition:
    """A side is accepted when one of its parents takes it, and the whole when all sides are."""
    doubts = []
    for side in sides:
        found = [_of_type(parent, ACCEPTED) for parent in side.parents]
        refused = [one for one in found if one is not None and one.status is not Status.TRUE]
        if len(refused) == len(found):
            words = "; ".join(dict.fromkeys(one.message for one in refused)) or "no parentRef has its port"
            reason = refused[0].reason if refused else "NoMatchingParent"
            return Condition(ACCEPTED, Status.FALSE, reason, clip(f"{side.field}: {words}"), generation)
        doubts += [f"{side.field}: {one.message}" for one in refused]
        doubts += [f"{side.field}: {words}" for parent in side.parents for words in parent.doubts]
    served = "; ".join(dict.fromkeys(("listeners take it", *doubts)))
    return Condition(ACCEPTED, Status.TRUE, "Accepted", clip(served), generation)


def _resolved(sides: Iterable[Side], generation: int) -> Condition:
    found = [one for one in _all_of_type(sides, RESOLVED_REFS) if one.status is not Status.TRUE]
    if found:
        words = "; ".join(dict.fromkeys(one.message for one in found))
        return Condition(RESOLVED_REFS, Status.FALSE, found[0].reason, clip(words), generation)
    return Condition(RESOLVED_REFS, Status.TRUE, "ResolvedRefs", "its Services are there", generation)


def _programmed(sides: Iterable[Side], said: Iterable[Condition], generation: int) -> Condition:
    """It is programmed where all of its ways are; the worst of them tells why not, if it is not already `said`."""
    for one in said:
        if (one.type == REJECTED) is (one.status is Status.TRUE):
            return Condition(PROGRAMMED, Status.FALSE, "Invalid", one.message, generation)
    ways = [way for side in sides for way in side.ways]
    for wanted in (Status.FALSE, Status.UNKNOWN):
        for way in ways:
            status, reason, words = way.programmed
            if status is wanted:
                return Condition(PROGRAMMED, status, reason, clip(words), generation)
    judged = min((way.judged for way in ways), default=generation)
    return Condition(PROGRAMMED, Status.TRUE, "Programmed", "Envoys serve it", min(judged, generation))


def _rejected(sides: Iterable[Side], generation: int) -> tuple[Condition, ...]:
    found = list(_all_of_type(sides, REJECTED))
    if not found:
        return ()
    words = "; ".join(dict.fromkeys(one.message for one in found))
    return (Condition(REJECTED, Status.TRUE, found[0].reason, clip(words), generation),)


def _all_of_type(sides: Iterable[Side], type_: str) -> Iterator[Condition]:
    for side in sides:
        for parent in side.parents:
            found = _of_type(parent, type_)
            if found is not None:
                yield found


def _of_type(parent: RouteParentStatus, type_: str) -> Condition | None:
    return next((one for one in parent.conditions if one.type == type_), None)
