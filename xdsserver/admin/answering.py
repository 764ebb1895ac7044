"""Questions that servers ask each other, so that each of them answers alike: of all Envoys, and as the leader knows it.

What objects come to follows from the objects, and is the same everywhere. What Envoys hold is known to the server that
they are connected to; what all of them together reject, and what happened when, is asked of the leader.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, assert_never

import msgspec

from xdsserver.admin.turns import gather_in_turns
from xdsserver.admin.waits import Progress, TooManyError, together
from xdsserver.inspection import fleet, problems
from xdsserver.inspection.paging import MOST
from xdsserver.inspection.world import key_of
from xdsserver.replicas.questions import AskError

if TYPE_CHECKING:
    from xdsserver.admin.waits import Waits
    from xdsserver.inspection.history import Entry
    from xdsserver.inspection.paging import Scan
    from xdsserver.inspection.world import World
    from xdsserver.replicas.questions import Peers

LONGEST_WAIT_S: Final = 60.0
"""How long one question may wait for its answer."""


_ANSWER_S: Final = 5.0
"""How long another server may take for what it need not wait for."""


_AGAIN_S: Final = 0.25
"""How long until servers are asked again that know of no Envoy, or not of the object, yet."""


class Question(msgspec.Struct, frozen=True):
    """What a server is asked: a part of a list, or to wait for an object.

    Attributes:
        view: which of them.
        after: the name behind which the part begins.
        limit: how many items it has at most.
        fleet: whose Envoys; "" for all.
        node: which Envoy, where its resources are asked for.
        object: kind, namespace and name of what is waited for.
        generation: the least that is waited for.
        timeout_s: for how long.
        lone: whether to wait also while no Envoy is connected there.
    """

    view: Literal["fleet", "held", "problems", "history", "wait"]
    after: str = ""
    limit: int = MOST
    fleet: str = ""
    node: str = ""
    object: tuple[str, str, str] = ("", "", "")
    generation: int = 0
    timeout_s: float = 0.0
    lone: bool = False


Document: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Gathered:
    """What was found of several servers.

    Attributes:
        document: the page, or the progress.
        partial: whether a server was not heard that could have more to say.
        missing: which, and why.
    """

    document: Document
    partial: bool = False
    missing: tuple[str, ...] = field(default_factory=tuple)


class Answerer:
    """Answers questions from what is known here, and gathers what is known by all."""

    def __init__(self, world: World, waits: Waits, peers: Peers | None) -> None:
        self._world = world
        self._waits = waits
        self._peers = peers

    # ------------------------------------------------------------------------------------------ what is known here
    async def answer(self, question: bytes) -> bytes:
        """Answer another server; what cannot be understood is answered with the words about it.

        Raises:
            AskError: it is no question.
        """
        try:
            asked = msgspec.json.decode(question, type=Question)
        except msgspec.MsgspecError as error:
            raise AskError(str(error)) from error
        return msgspec.json.encode(await self._here(asked))

    async def _here(self, asked: Question) -> Document:
        limit = max(1, min(asked.limit, MOST))
        scan: Scan[Any]
        match asked.view:
            case "fleet":
                scan = fleet.scan(self._world, asked.after, asked.fleet)
            case "held":
                scan = fleet.scan_held(self._world, asked.node, asked.after)
            case "problems":
                scan = problems.scan(self._world, datetime.now(UTC), asked.after)
            case "history":
                scan = self._history(asked.after)
            case "wait":
                timeout_s = max(0.0, min(asked.timeout_s, LONGEST_WAIT_S))
                key = key_of(*asked.object)
                try:
                    return _plain(await self._waits.wait(key, asked.generation, timeout_s, lone=asked.lone))
                except TooManyError:
                    return _plain(Progress("waiting", words="too many are waiting"))
            case _:
                assert_never(asked.view)
        return _plain(await gather_in_turns(((name, (name, one) if one else None) for name, one in scan), limit))

    def _history(self, after: str) -> Scan[Entry]:
        """Walk changes, the last one first; `after` is the number of the one before them in this order."""
        before = int(after) if after.isascii() and after.isdecimal() else None
        for entry in self._world.history.newest_first():
            if before is None or entry.number < before:
                yield str(entry.number), entry

    # --------------------------------------------------------------------------------------- what is known by all
    async def of_leader(self, asked: Question) -> Gathered:
        """Give a page as the leader knows it; where it cannot be heard, as it is known here."""
        peers = self._peers
        if peers is None or peers.leader == self._world.replica:
            return Gathered(_page(await self._here(asked)))
        if peers.leader is None:
            return Gathered(_page(await self._here(asked)), partial=True, missing=("nobody leads",))
        try:
            return Gathered(_page(await self._ask(peers, peers.leader, asked)))
        except AskError as error:
            return Gathered(_page(await self._here(asked)), partial=True, missing=(f"{peers.leader}: {error}",))

    async def of_all(self, asked: Question) -> Gathered:
        """Give a page of what all servers know, in one order."""
        found, missing = await self._everywhere(asked)
        merged = sorted((tuple(named) for one in found.values() for named in one["items"]), key=lambda named: named[0])
        kept = merged[: asked.limit]
        more = len(merged) > len(kept) or any(one["next"] for one in found.values())
        page = {
            "items": [item for _, item in kept],
            "next": kept[-1][0] if more and kept else "",
            "examined": sum(one["examined"] for one in found.values()),
        }
        return Gathered(page, bool(missing), missing)

    async def wait(self, asked: Question) -> Gathered:
        """Wait until the Envoys of all servers have an object."""
        loop = asyncio.get_running_loop()
        end_s = loop.time() + asked.timeout_s
        while True:
            lone = self._peers is None or not self._peers.others
            left_s = max(0.0, end_s - loop.time())
            found, missing = await self._everywhere(msgspec.structs.replace(asked, timeout_s=left_s, lone=lone))
            whole = together({name: msgspec.convert(one, Progress) for name, one in found.items()})
            if whole.outcome in {"programmed", "unknown kind"} or loop.time() >= end_s:
                return Gathered(_plain(whole), bool(missing), missing)
            # Some server has said at once that it has nothing to wait for: it is asked again, until one has.
            await asyncio.sleep(min(_AGAIN_S, max(0.0, end_s - loop.time())))

    async def _everywhere(self, asked: Question) -> tuple[dict[str, Document], tuple[str, ...]]:
        """Ask all at once; give what each said by its name, and those who said nothing."""
        peers = self._peers
        names = () if peers is None else peers.others
        there = () if peers is None else (self._try(peers, name, asked) for name in names)
        here, *answers = await asyncio.gather(self._here(asked), *there)
        found = {self._world.replica: here}
        missing = []
        for name, one in zip(names, answers, strict=True):
            if isinstance(one, AskError):
                missing.append(f"{name}: {one}")
            else:
                found[name] = one
        return found, tuple(missing)

    async def _try(self, peers: Peers, name: str, asked: Question) -> Document | AskError:
        try:
            return await self._ask(peers, name, asked)
        except AskError as error:
            return error

    async def _ask(self, peers: Peers, name: str, asked: Question) -> Document:
        answer = await peers.ask(name, msgspec.json.encode(asked), asked.timeout_s + _ANSWER_S)
        try:
            document: Document = msgspec.json.decode(answer, type=dict)
        except msgspec.MsgspecError as error:
            message = f"its answer is not understood: {error}"
            raise AskError(message) from error
        return document


def _plain(answer: object) -> Document:
    """Give an answer as it is when it comes from another server."""
    document: Document = msgspec.json.decode(msgspec.json.encode(answer))
    return document


def _page(found: Document) -> Document:
    """Take the names off the items of a page, which matter to those who put several pages together."""
    return {**found, "items": [item for _, item in found["items"]]}
