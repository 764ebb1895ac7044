"""The Secrets of fleets: made by the leader alone, mended, renewed in time, and nobody else's touched."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.kube.hands import NOON, Hands
from tests.kube.scripted import Fixed, refuses, scripted
from tests.kube.shelf import Shelf
from xdsserver.authority import MemoryStore, make_authority, renewed
from xdsserver.authority.envoy_files import read_envoy_files
from xdsserver.authority.holders import CLIENT_LIFE
from xdsserver.kube.authority import Rights
from xdsserver.kube.client import KubeClient
from xdsserver.kube.fleet_certificates import FleetCertificates, FleetSecret
from xdsserver.kube.secrets import Secrets
from xdsserver.objects.meta import Name
from xdsserver.xds.identity import fleet_uri

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from cryptography.x509 import Certificate

    from tests.kube.scripted import Reply, Request

DAY_S = 86400.0
OWNER = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "name": "web", "uid": "g1"}
PUBLIC = FleetSecret("edge/public", Name("edge", "public-xds"), {"app": "public"})
OWNED = FleetSecret("shop/web", Name("shop", "web-xds"), {"app": "web"}, OWNER)


def path(one: FleetSecret) -> str:
    return f"/api/v1/namespaces/{one.name.namespace}/secrets/{one.name.name}"


@dataclass
class Leader:
    """One that keeps the certificates of fleets, and what it runs on."""

    shelf: Shelf
    secrets: Secrets
    hands: Hands = field(default_factory=Hands)
    store: MemoryStore = field(default_factory=lambda: MemoryStore(make_authority(NOON)))
    leads: bool = True
    told: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        rights = Rights(lambda: self.leads, lambda what, words: self.told.append((what, words)), self.hands.clock)
        self.certificates = FleetCertificates(self.secrets, self.store, rights)

    async def want(self, *wanted: FleetSecret) -> None:
        await self.hands.asleep()
        self.certificates.want(wanted)
        await self.hands.stirred()

    def held(self, one: FleetSecret) -> tuple[Certificate, bytes]:
        files = {name: self.shelf.value(path(one), name) for name in self.shelf.secrets[path(one)]["data"]}
        found = read_envoy_files(files)
        assert found is not None
        return found[0].parsed, found[1]


@asynccontextmanager
async def leading(shelf: Shelf | None = None) -> AsyncIterator[Leader]:
    shelf = shelf or Shelf()
    async with scripted(shelf) as server, KubeClient(Fixed(server.access)) as client, asyncio.TaskGroup() as group:
        one = Leader(shelf, Secrets(client))
        running = group.create_task(one.certificates.run())
        yield one
        running.cancel()


async def test_each_fleet_gets_one_of_its_own_as_files_for_its_envoys() -> None:
    async with leading() as one:
        await one.want(PUBLIC, OWNED)
        assert one.shelf.writes == [f"POST {path(PUBLIC)}", f"POST {path(OWNED)}"]
        for wanted in (PUBLIC, OWNED):
            certificate, authorities = one.held(wanted)
            assert fleet_uri(wanted.fleet) in str(certificate.extensions[-2].value)
            assert authorities == one.store.read()[0].certificate
        stored = one.shelf.secrets[path(OWNED)]
        assert stored["type"] == "gateway.xdsserver.io/fleet-certificate"
        assert stored["metadata"]["labels"] == {"app": "web"}
        # It goes with whom it was made for, and there is nothing for us to delete.
        assert stored["metadata"]["ownerReferences"] == [OWNER]
        assert "ownerReferences" not in one.shelf.secrets[path(PUBLIC)]["metadata"]
        await one.hands.turn(600)
        assert len(one.shelf.writes) == 2


async def test_s3_it_is_renewed_at_half_of_its_life_and_follows_the_authorities() -> None:
    """S3: rotation of client certificates and of the authority without restart; old and new ones are both trusted."""
    async with leading() as one:
        await one.want(PUBLIC)
        first, _ = one.held(PUBLIC)
        one.hands.now_s += (CLIENT_LIFE / 2 - timedelta(minutes=10)).total_seconds()
        await one.hands.turn(0)
        assert one.held(PUBLIC)[0] == first
        await one.hands.turn(1200)
        second, authorities = one.held(PUBLIC)
        assert second.not_valid_before_utc > first.not_valid_before_utc
        assert second.issuer == first.issuer

        one.hands.now_s += 470 * DAY_S
        one.store.write(renewed(one.store.read(), one.hands.today))
        await one.hands.turn(60)
        third, both = one.held(PUBLIC)
        assert both == b"".join(pair.certificate for pair in one.store.read())
        assert both.startswith(authorities)
        assert both != authorities
        assert third.issuer == first.issuer, "the new one is only introduced"


async def test_who_does_not_lead_writes_nothing_and_who_leads_then_finds_it_good() -> None:
    shelf = Shelf()
    async with leading(shelf) as one:
        one.leads = False
        await one.want(PUBLIC)
        await one.hands.turn(300)
        assert shelf.writes == []
        one.leads = True
        await one.hands.turn(2)
        assert shelf.writes == [f"POST {path(PUBLIC)}"]
        authority = one.store
    async with leading(shelf) as next_one:
        next_one.store.write(authority.read())
        await next_one.want(PUBLIC)
        await next_one.hands.turn(300)
        assert len(shelf.writes) == 1, "a change of leaders renews nothing"


async def test_k18_who_loses_the_lease_while_it_reads_writes_nothing() -> None:
    """K18: whether we lead is asked before every write, not before every turn."""
    async with leading() as one:

        async def lose(request: Request, reply: Reply) -> None:
            one.leads = False
            await one.shelf.answer(request, reply)

        one.shelf.fault = lose
        await one.want(PUBLIC)
        assert one.shelf.writes == []


async def test_what_is_deleted_or_changed_by_hand_is_mended() -> None:
    async with leading() as one:
        await one.want(PUBLIC)
        del one.shelf.secrets[path(PUBLIC)]
        await one.hands.turn(61)
        one.held(PUBLIC)
        one.shelf.secrets[path(PUBLIC)]["data"] |= {"certificate.json": "e30=", "more": "e30="}
        await one.hands.turn(61)
        assert set(one.shelf.secrets[path(PUBLIC)]["data"]) == {"certificate.json", "authorities.json"}
        one.held(PUBLIC)


async def test_k13_the_secret_of_an_owner_that_was_made_anew_gets_the_new_owner() -> None:
    """K13: after delete and create under one name the Secret would be collected with the old one."""
    async with leading() as one:
        await one.want(OWNED)
        again = FleetSecret(OWNED.fleet, OWNED.name, OWNED.labels, OWNER | {"uid": "g2"})
        await one.want(again)
        (owner,) = one.shelf.secrets[path(OWNED)]["metadata"]["ownerReferences"]
        assert owner["uid"] == "g2"


async def test_a_secret_of_somebody_else_is_told_of_and_left_alone() -> None:
    theirs = {"metadata": {"name": "x", "resourceVersion": "1", "uid": "u"}, "type": "Opaque", "data": {"a": "Yg=="}}
    shelf = Shelf({path(PUBLIC): theirs})
    async with leading(shelf) as one:
        await one.want(PUBLIC, OWNED)
        await one.hands.turn(300)
        assert one.told == [
            ("Secret edge/public-xds", "there is a Secret edge/public-xds that is not ours; it is left alone")
        ]
        assert shelf.writes == [f"POST {path(OWNED)}"]


async def test_one_that_is_refused_is_tried_ever_more_rarely_and_holds_up_no_other() -> None:
    async with leading() as one:
        shelf, asked = one.shelf, 0

        async def shop_is_away(request: Request, reply: Reply) -> None:
            nonlocal asked
            asked += "/shop/" in request.path
            refused = refuses(403, "Forbidden", json.dumps(shelf.secrets))
            await (refused if "/shop/" in request.path else shelf.answer)(request, reply)

        shelf.fault = shop_is_away
        await one.want(OWNED, PUBLIC)
        await one.hands.turn(600)
        assert shelf.writes == [f"POST {path(PUBLIC)}"]
        assert one.told == [("Secret shop/web-xds", "403 Forbidden: the Secret was refused")]
        assert 600 / 60 < asked < 20
        shelf.fault = None
        await one.hands.turn(61)
        assert one.told[-1] == ("Secret shop/web-xds", "")


async def test_without_an_authority_nothing_is_made() -> None:
    async with leading() as one:
        pairs = one.store.read()
        one.store.write(())
        await one.want(PUBLIC)
        assert one.shelf.writes == []
        assert one.told
        one.store.write(pairs)
        await one.hands.turn(61)
        assert one.shelf.writes == [f"POST {path(PUBLIC)}"]


@pytest.mark.parametrize("bad", ["nobody", "a/B", ""])
async def test_a_fleet_whose_name_is_none_costs_no_other(bad: str) -> None:
    async with leading() as one:
        await one.want(FleetSecret(bad, Name("a", "b"), {}), PUBLIC)
        assert one.shelf.writes == [f"POST {path(PUBLIC)}"]
