"""A real Envoy over mutual TLS: it proves its fleet, asks us to prove that we are the server, and all of it rotates."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from google.protobuf import json_format

from tests.live import config
from tests.live.envoy import running
from tests.live.relay import relay
from xdsserver.authority import FolderStore, certificates, issue_client, make_authority, standing
from xdsserver.authority.certificates import utc_now
from xdsserver.authority.envoy_files import write_envoy_files
from xdsserver.proxy.bootstrap import BootstrapOptions, TcpAddress, UnixSocket, build_bootstrap
from xdsserver.server import XdsOptions, XdsServer
from xdsserver.server.mutual_tls import ServerCertificates, certificate_door
from xdsserver.xds.cache import Cache
from xdsserver.xds.ledger import Acked, Joined, Left
from xdsserver.xds.rules import Rules

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from tests.live.envoy import Admin
    from xdsserver.authority import KeyPair
    from xdsserver.server.doors import Permit
    from xdsserver.server.stream import Context, Ending
    from xdsserver.xds.ledger import Event
    from xdsserver.xds.resource import Resource

pytestmark = pytest.mark.live

FLEET = "team-a/edge"
DAY = timedelta(days=1)
_UPDATES = "cluster.xdsserver.client_ssl_socket_factory.ssl_context_update_by_sds"


@dataclass
class Plane:
    """A server that asks for certificates, what it told, and the authorities of those who came in."""

    options: XdsOptions
    server: XdsServer = field(init=False)
    events: list[Event] = field(default_factory=list)
    issuers: list[str] = field(default_factory=list)
    _woken: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.server = XdsServer(Cache(ready=True), self.options, self.hear)

    def hear(self, event: Event) -> None:
        self.events.append(event)
        self._woken.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not condition():
                self._woken.clear()
                await self._woken.wait()

    def count(self, kind: type[Event]) -> int:
        return sum(isinstance(event, kind) for event in self.events)

    async def serves(self, resource: Resource) -> None:
        """Publish, and wait until Envoy has acknowledged it."""
        self.server.publish({(FLEET, resource.type_url, resource.name): resource})
        wanted = (resource.name, resource.version)
        await self.until(lambda: any(isinstance(one, Acked) and wanted in one.versions for one in self.events))


@asynccontextmanager
async def _plane(store: FolderStore) -> AsyncIterator[Plane]:
    door = certificate_door(("127.0.0.1:0",), ServerCertificates(store))

    async def authenticate(context: Context) -> Permit | Ending:
        shown = x509.load_pem_x509_certificate(next(iter(context.auth_context()["x509_pem_cert"])))
        found.issuers.append(shown.issuer.rfc4514_string())
        return await door.authenticate(context)

    rules = Rules(fleet_of=lambda _node: "nobody/nothing")
    found = Plane(XdsOptions((), rules, (replace(door, authenticate=authenticate),)))
    await found.server.start()
    try:
        yield found
    finally:
        await found.server.stop(1.0)


def _bootstrap(address: str, tls: Path) -> dict[str, Any]:
    host, _, port = address.rpartition(":")
    options = BootstrapOptions("envoy-1", FLEET, TcpAddress(host, int(port)), UnixSocket("unused"), str(tls))
    found: dict[str, Any] = json.loads(json_format.MessageToJson(build_bootstrap(options)))
    return found


def _issue(store: FolderStore, tls: Path) -> str:
    """Give the Envoy what stands now; return who signed it."""
    now = utc_now()
    stands = standing(store.read(), now)
    write_envoy_files(tls, issue_client(stands.signer, FLEET, DAY, now), stands.bundle)
    return _name(stands.signer)


async def _reaches(envoy: Admin, name: str, value: int) -> None:
    async with asyncio.timeout(30):
        while await envoy.stat(name) < value:  # noqa: ASYNC110 (another process, nothing to await)
            await asyncio.sleep(0.01)


def _name(authority: KeyPair) -> str:
    return authority.parsed.subject.rfc4514_string()


async def test_s3_an_envoy_lives_through_a_change_of_everything(tmp_path: Path) -> None:
    """S3: CA, server and client certificates rotate without a restart; CAs overlap."""
    today = utc_now()
    old, unheard, new = (make_authority(today - days * DAY) for days in (400, 10, 95))
    store, tls = FolderStore(tmp_path / "authority"), tmp_path / "tls"
    store.write((old,))
    first = _issue(store, tls)
    async with (
        _plane(store) as plane,
        relay(plane.server.addresses[0]) as network,
        running(_bootstrap(network.address, tls)) as envoy,
    ):

        async def renewed() -> str:
            before = await envoy.stat(_UPDATES)
            signer = _issue(store, tls)
            # Two files, two updates.
            await _reaches(envoy, _UPDATES, before + 2)
            return signer

        await plane.serves(config.cluster("a"))
        assert plane.issuers == [first] == [_name(old)]

        # A second authority is there and signs nothing yet: the Envoy is told of it, and its stream goes on.
        store.write((old, unheard))
        assert await renewed() == _name(old)
        # One that has been known for long enough signs now, on both sides.
        store.write((old, new))
        assert await renewed() == _name(new)
        await plane.serves(config.cluster("b"))
        assert (plane.count(Joined), plane.count(Left)) == (1, 0), "what was open before is open still"

        network.cut()
        await plane.until(lambda: plane.count(Joined) == 2)
        await plane.serves(config.cluster("c"))
        assert plane.issuers == [_name(old), _name(new)], "a new connection shows the new certificate"

        # The old one is gone from both sides: nothing but the new is shown and accepted.
        store.write((new,))
        assert await renewed() == _name(new)
        network.cut()
        await plane.until(lambda: plane.count(Joined) == 3)
        await plane.serves(config.cluster("d"))
        assert await envoy.stat("cluster.xdsserver.ssl.connection_error") == 0
        assert await envoy.names("dynamic_active_clusters") == ["a", "b", "c", "d"]


async def test_s3_an_envoy_sees_the_renewal_of_a_mounted_secret(tmp_path: Path) -> None:
    """S3: a client certificate rotates without a restart, also where a volume of Kubernetes is swapped as a whole."""
    store, mount = FolderStore(tmp_path / "authority"), tmp_path / "mount"
    store.write((make_authority(utc_now()),))
    for generation in ("..1", "..2"):
        _issue(store, mount / generation)
    (mount / "..data").symlink_to("..1")
    for file in (mount / "..1").iterdir():
        (mount / file.name).symlink_to(f"..data/{file.name}")
    async with running(_bootstrap("127.0.0.1:9", mount), wait=False) as envoy:
        await _reaches(envoy, _UPDATES, 2)
        (mount / "..next").symlink_to("..2")
        (mount / "..next").rename(mount / "..data")
        # What both generations have in common, the authorities, is no update.
        await _reaches(envoy, _UPDATES, 3)


async def test_s2_an_envoy_does_not_take_another_one_for_its_server(tmp_path: Path) -> None:
    """S2: who has a certificate of the same authority, but is no server, is believed nothing."""
    store, tls = FolderStore(tmp_path / "authority"), tmp_path / "tls"
    authority = make_authority(utc_now())
    store.write((authority,))
    _issue(store, tls)
    leaf = certificates._Leaf("spiffe://xdsserver/fleet/b/other", ExtendedKeyUsageOID.SERVER_AUTH, DAY, ("xdsserver",))
    impostor = certificates._issue(authority, leaf, utc_now())
    server = grpc.aio.server()
    credentials = grpc.ssl_server_credentials([(impostor.key, impostor.certificate)])
    port = server.add_secure_port("127.0.0.1:0", credentials)
    await server.start()
    try:
        async with running(_bootstrap(f"127.0.0.1:{port}", tls), wait=False) as envoy:
            await _reaches(envoy, "cluster.xdsserver.ssl.fail_verify_san", 1)
    finally:
        await server.stop(0)
