"""The authority in a Secret: made once, read by all, followed and kept up without a restart."""

from __future__ import annotations

import asyncio
import base64
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from tests.kube.hands import NOON, Hands
from tests.kube.scripted import Fixed, hangs, refuses, scripted
from tests.kube.shelf import Shelf
from xdsserver.authority import make_authority, standing
from xdsserver.authority.pem import from_pem, to_pem
from xdsserver.kube.authority import ClusterAuthority, Rights
from xdsserver.kube.client import KubeClient
from xdsserver.kube.secrets import Secrets
from xdsserver.objects.meta import Name

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

NAME = Name("xdsserver-system", "xdsserver-authority")
PATH = "/api/v1/namespaces/xdsserver-system/secrets/xdsserver-authority"
DAY_S = 86400.0


@dataclass
class Replica:
    """One replica's view of the authority."""

    secrets: Secrets
    hands: Hands
    leads: bool
    told: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        rights = Rights(lambda: self.leads, lambda what, words: self.told.append((what, words)), self.hands.clock)
        self.authority = ClusterAuthority(self.secrets, NAME, rights)


@dataclass
class Cluster:
    """Replicas and the API server that they share."""

    shelf: Shelf
    hands: Hands
    replicas: list[Replica] = field(default_factory=list)

    async def turn(self, seconds: float) -> None:
        await self.hands.turn(seconds, len(self.replicas))

    @property
    def kept(self) -> tuple[bytes, ...]:
        return tuple(pair.certificate for pair in from_pem(self.shelf.value(PATH, "authority.pem"), "it"))


@asynccontextmanager
async def cluster(*, leaders: int = 0, followers: int = 0, shelf: Shelf | None = None) -> AsyncIterator[Cluster]:
    """Run replicas, of which some lead."""
    one = Cluster(shelf or Shelf(), Hands())
    async with scripted(one.shelf) as server, KubeClient(Fixed(server.access)) as client, asyncio.TaskGroup() as group:
        for number in range(leaders + followers):
            replica = Replica(Secrets(client), one.hands, number < leaders)
            one.replicas.append(replica)
        running = [group.create_task(replica.authority.run()) for replica in one.replicas if replica.leads]
        await one.hands.asleep(leaders)
        running += [group.create_task(replica.authority.run()) for replica in one.replicas if not replica.leads]
        await one.hands.asleep(leaders + followers)
        yield one
        for task in running:
            task.cancel()


async def test_the_leader_makes_it_and_the_others_wait_for_it_and_read_it() -> None:
    async with cluster(followers=2) as one:
        assert one.shelf.writes == []
        assert one.replicas[0].authority.read() == ()
        assert one.replicas[0].told == [
            (f"Secret {NAME}", f"there is no Secret {NAME} yet: the replica that leads makes it")
        ]
        one.replicas[1].leads = True
        await one.turn(2)
        first, second = one.replicas
        assert first.authority.read() == second.authority.read() != ()
        assert one.shelf.writes == [f"POST {PATH}"]
        assert first.told[-1] == (f"Secret {NAME}", "")
        async with asyncio.timeout(1):
            await first.authority.known()


async def test_two_that_believe_to_lead_never_make_two() -> None:
    """Both have read that there is none before either writes; it is created only where it is absent."""
    both = asyncio.Barrier(2)
    shelf = Shelf()

    async def meet(_request: object) -> None:
        if not shelf.writes:
            await both.wait()

    shelf.between = meet
    async with cluster(leaders=2, shelf=shelf) as one:
        await one.turn(2)
        assert one.shelf.writes == [f"POST {PATH}"]
        (first,), (second,) = (replica.authority.read() for replica in one.replicas)
        assert first == second
        assert [replica.told for replica in one.replicas] == [[], []]


async def test_s3_a_successor_reaches_every_replica_without_a_restart_and_both_are_trusted() -> None:
    """S3: rotation of the authority without restart, with an overlap of the old and the new one."""
    async with cluster(leaders=1, followers=1) as one:
        leader, follower = one.replicas
        (old,) = leader.authority.read()
        # A successor is introduced nine months before the end of two years.
        one.hands.now_s += 470 * DAY_S
        await one.turn(31)
        assert one.shelf.writes == [f"POST {PATH}", f"PATCH {PATH}"]
        await one.turn(31)
        assert leader.authority.read() == follower.authority.read()
        stands = standing(follower.authority.read(), one.hands.today)
        assert stands.signer == old, "whoever is new signs when all have heard of it"
        assert len(stands.trusted) == 2


async def test_two_that_believe_to_lead_never_make_two_successors() -> None:
    both = asyncio.Barrier(2)
    async with cluster(leaders=2) as one:
        first = one.kept
        shelf = one.shelf
        writes = len(shelf.writes)

        async def meet(_request: object) -> None:
            if len(shelf.writes) == writes:
                await both.wait()

        shelf.between = meet
        one.hands.now_s += 470 * DAY_S
        await one.turn(31)
        await one.turn(31)
        assert len(shelf.writes) == writes + 1
        assert len(one.kept) == 2
        assert one.kept[0] == first[0]
        assert one.replicas[0].authority.read() == one.replicas[1].authority.read()


async def test_one_that_is_deleted_is_put_back() -> None:
    """Everybody shows certificates that it has signed: another one would shut all of them out."""
    async with cluster(leaders=1, followers=1) as one:
        before = one.kept
        del one.shelf.secrets[PATH]
        await one.turn(31)
        assert one.kept == before
        assert one.replicas[1].authority.read() == one.replicas[0].authority.read()


async def test_one_that_somebody_replaced_is_taken() -> None:
    async with cluster(leaders=1, followers=1) as one:
        other = make_authority(NOON)
        one.shelf.secrets[PATH]["data"]["authority.pem"] = _base64(to_pem([other]))
        await one.turn(31)
        assert [replica.authority.read() for replica in one.replicas] == [(other,), (other,)]


@pytest.mark.parametrize("content", [b"nonsense", make_authority(NOON).certificate])
async def test_what_cannot_be_understood_is_told_and_stays_and_the_last_is_in_force(content: bytes) -> None:
    async with cluster(leaders=1, followers=1) as one:
        before = one.replicas[1].authority.read()
        one.shelf.secrets[PATH]["data"]["authority.pem"] = _base64(content)
        await one.turn(31)
        for replica in one.replicas:
            assert replica.authority.read() == before
            ((_, words),) = replica.told
            assert "is not an authority that was made here" in words
        assert one.shelf.value(PATH, "authority.pem") == content


async def test_k4_k5_an_api_server_that_is_away_takes_nothing_from_a_handshake() -> None:
    """K4, K5: refusals and hangs have an end, what is known stays in force, and all goes on when it is back."""
    async with cluster(leaders=1, followers=1) as one:
        before = one.replicas[0].authority.read()
        one.shelf.fault = refuses(503, "ServiceUnavailable", "not now")
        await one.turn(31)
        assert one.replicas[1].told == [(f"Secret {NAME}", "503 ServiceUnavailable: the Secret was refused")]
        assert one.replicas[0].authority.read() == before
        one.shelf.fault = None
        await one.turn(2)
        assert one.replicas[1].told[-1] == (f"Secret {NAME}", "")


async def test_a_request_that_hangs_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xdsserver.kube.secrets.WRITE_S", 0.05)
    async with cluster(leaders=1, shelf=Shelf(fault=hangs)) as one:
        assert one.replicas[0].told == [(f"Secret {NAME}", "no answer in 0.05 s")]


async def test_s8_no_words_show_what_a_secret_holds() -> None:
    """S8: an API server may repeat what it refuses; nothing that is told or shown has a key in it."""
    async with cluster(leaders=1) as one:
        one.hands.now_s += 470 * DAY_S
        stored = one.shelf.secrets[PATH]

        async def rival(_request: object) -> None:
            stored["metadata"]["resourceVersion"] += "9"

        one.shelf.between = rival
        await one.turn(31)
        one.shelf.between = None
        one.shelf.fault = refuses(422, "Invalid", "data: Invalid value: " + stored["data"]["authority.pem"])
        await one.turn(31)
        (replica,) = one.replicas
        shown = repr((replica.told, replica.authority.read(), vars(replica.authority)))
        assert "422 Invalid" in shown
        assert "PRIVATE KEY" not in shown
        assert stored["data"]["authority.pem"][:40] not in shown


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
