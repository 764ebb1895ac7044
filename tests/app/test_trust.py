"""Identity in a cluster, against an API server that does as it is told: who gets in, and who leads."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from tests.kube.scripted import Fixed, scripted
from tests.kube.shelf import Shelf
from tests.ports import free_port
from tests.server.secured import DELTA, call, delta, ends_with
from xdsserver.app import ControlPlane, Hooks
from xdsserver.app.trust import Trust, Us
from xdsserver.authority.envoy_files import read_envoy_files
from xdsserver.kube.client import KubeClient
from xdsserver.narrator import Narrator
from xdsserver.reconciler import FLEET, Reconciler
from xdsserver.server import ServerError, XdsOptions
from xdsserver.settings import HostPort, TrustSettings
from xdsserver.xds.resource import LISTENER
from xdsserver.xds.rules import Rules

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.kube.scripted import Json, Reply, Request
    from xdsserver.observe.notices import Notice

OURS = "xdsserver-system"
SECRETS = f"/api/v1/namespaces/{OURS}/secrets"
TOKENS = {"good": f"system:serviceaccount:{OURS}:fleet-default", "other": f"system:serviceaccount:{OURS}:default"}


def pod(name: str, ip: str, **labels: str) -> Json:
    status = {"phase": "Running", "podIPs": [{"ip": ip}], "conditions": [{"type": "Ready", "status": "True"}]}
    names = {"metadata": {"name": name, "namespace": OURS, "uid": name, "resourceVersion": "1", "labels": labels}}
    return names | {"status": status}


EDGE = {"gateway.xdsserver.io/fleet": "fleet-default"}
PODS = {
    "gateway.xdsserver.io/fleet": [
        pod("edge-1", "127.0.0.1", **EDGE),
        pod("edge-2", "10.0.0.2", **EDGE),
        pod("other-1", "127.0.0.1", **{"gateway.xdsserver.io/fleet": "fleet-other"}),
    ],
    "app.kubernetes.io/name=xdsserver": [pod("one", "127.0.0.1"), pod("two", "127.0.0.2")],
}


class Api(Shelf):
    """Secrets that are kept, pods that there are, and tokens that are good."""

    async def answer(self, request: Request, reply: Reply) -> None:
        match request.path:
            case "/api/v1":
                await reply.json({"resources": [{"name": "pods", "kind": "Pod"}]})
            case path if path.endswith("/pods") and request.watches:
                await reply.stream()
                await reply.hang()
            case path if path.endswith("/pods"):
                found = PODS[request.query["labelSelector"]]
                await reply.json({"metadata": {"resourceVersion": "5"}, "items": found})
            case path if path.endswith("/tokenreviews"):
                name = TOKENS.get(request.json()["spec"]["token"])
                status = {
                    "authenticated": name is not None,
                    "audiences": ["xdsserver"],
                    "user": {"username": name or ""},
                }
                await reply.json({"status": status})
            case _:
                await super().answer(request, reply)


@dataclass
class Replica:
    """One server of a cluster."""

    plane: ControlPlane
    trust: Trust
    notices: list[Notice]
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait for what the loop brings about."""
        async with asyncio.timeout(20):
            while not condition():  # noqa: ASYNC110 (no one event tells of all of it)
                await asyncio.sleep(0.01)

    def told(self, words: str) -> bool:
        return any(words in one.text for one in self.notices)

    @property
    def streams(self) -> int:
        found: Any = self.plane.condition().detail["streams"]
        return int(found)


@asynccontextmanager
async def replica(api: Api, name: str = "one", **settings: Any) -> AsyncIterator[Replica]:  # noqa: ANN401 (fields)
    """Run a server for the length of a block; it may write."""
    notices: list[Notice] = []
    hooks = Hooks(keep=lambda _written: None, place=lambda _key: None)
    options = XdsOptions(("127.0.0.1:0",), Rules(fleet_of=lambda _node: FLEET))
    among = name if "reports" in settings else ""
    plane = ControlPlane(Reconciler(), options, Narrator(notices.append, Path()), hooks, among)
    async with scripted(api) as server, KubeClient(Fixed(server.access)) as client, plane.serving():
        us = Us(f"{name}_1_aa", lambda: True, client)
        trust = Trust(TrustSettings(OURS, **settings), us, notices.append)
        plane.server.ready()
        async with trust.running():
            serving = asyncio.create_task(trust.serve(plane))
            try:
                yield Replica(plane, trust, notices)
            finally:
                serving.cancel()
                with suppress(asyncio.CancelledError):
                    await serving


@asynccontextmanager
async def envoy(api: Api, address: str, *, shows: bool = True) -> AsyncIterator[Any]:
    """Connect with what the Secret of the default fleet holds."""
    files = {
        name: api.value(f"{SECRETS}/fleet-default-certificate", name)
        for name in ("certificate.json", "authorities.json")
    }
    found = read_envoy_files(files)
    assert found is not None
    pair, authorities = found
    key, certificate = (pair.key, pair.certificate) if shows else (None, None)
    credentials = grpc.ssl_channel_credentials(authorities, key, certificate)
    options = [("grpc.ssl_target_name_override", "xdsserver"), ("grpc.use_local_subchannel_pool", 1)]
    async with grpc.aio.secure_channel(address, credentials, options=options) as channel:
        yield channel


@pytest.mark.parametrize(
    ("node", "cluster", "settings", "words"),
    [
        ("edge-1", FLEET, {}, ""),
        ("edge-2", FLEET, {}, "is not at 127.0.0.1"),
        ("other-1", FLEET, {}, "has no pod 'other-1'"),
        ("nobody", FLEET, {}, "has no pod 'nobody'"),
        ("nobody", FLEET, {"anywhere": True}, ""),
        ("edge-1", f"{OURS}/other", {}, "may not read the fleet"),
    ],
)
async def test_s2_a_certificate_opens_its_fleet_to_pods_of_it_at_their_addresses(
    node: str, cluster: str, settings: dict[str, Any], words: str
) -> None:
    """S2: identity from the certificate, bound to its fleet; what a node says of itself must agree with its pod."""
    api = Api()
    async with replica(api, certificates=("127.0.0.1:0",), **settings) as one:
        await one.until(lambda: len(one.plane.server.addresses) == 2)
        await one.until(lambda: f"{SECRETS}/fleet-default-certificate" in api.secrets)
        assert f"{SECRETS}/xdsserver-authority" in api.secrets
        async with envoy(api, one.plane.server.addresses[1]) as channel:
            stream = call(channel, DELTA)
            await stream.write(delta(LISTENER, "*", cluster=cluster, node=node))
            if words:
                code, said = await ends_with(stream)
                assert code is grpc.StatusCode.PERMISSION_DENIED
                assert words in said
                assert one.streams == 0
            else:
                await one.until(lambda: one.streams == 1)


async def test_s2_a_token_of_the_account_of_a_fleet_opens_that_fleet() -> None:
    """S2: a service account is bound to what it may read; without a good token nobody comes in."""
    api = Api()
    async with replica(api, tokens=("127.0.0.1:0",)) as one:
        await one.until(lambda: len(one.plane.server.addresses) == 2)
        await one.until(lambda: f"{SECRETS}/fleet-default-certificate" in api.secrets)
        async with envoy(api, one.plane.server.addresses[1], shows=False) as channel:
            for token, code in (("bad", "UNAUTHENTICATED"), ("other", "PERMISSION_DENIED")):
                refused = call(channel, DELTA, (("authorization", f"Bearer {token}"),))
                await refused.write(delta(LISTENER, "*", cluster=FLEET, node="edge-1"))
                assert (await ends_with(refused))[0].name == code
            stream = call(channel, DELTA, (("authorization", "Bearer good"),))
            await stream.write(delta(LISTENER, "*", cluster=FLEET, node="edge-1"))
            await one.until(lambda: one.streams == 1)


async def test_two_replicas_agree_on_one_authority_and_report_to_whoever_holds_the_lease() -> None:
    api, port = Api(), free_port()
    async with AsyncExitStack() as stack:
        one, two = [
            await stack.enter_async_context(replica(api, name, reports=HostPort(ip, port)))
            for name, ip in (("one", "127.0.0.1"), ("two", "127.0.0.2"))
        ]
        for both in (one, two):
            both.trust.leadership.held_by("one_1_aa")
        await one.until(lambda: one.told("this server leads"))
        await two.until(lambda: two.told("one leads and hears of our Envoys"))
        assert (one.plane.answers.leads, two.plane.answers.leads) == (True, False)
        for both in (one, two):
            both.trust.leadership.held_by("two_1_aa")
        await two.until(lambda: two.told("this server leads"))
        await one.until(lambda: one.told("two leads and hears of our Envoys"))
        assert (one.plane.answers.leads, two.plane.answers.leads) == (False, True)
        assert sorted(api.writes) == [
            f"POST {SECRETS}/fleet-default-certificate",
            f"POST {SECRETS}/xdsserver-authority",
        ]


async def test_an_address_that_cannot_be_had_ends_it_with_words() -> None:
    api = Api()
    async with replica(api) as one:
        taken = one.plane.server.addresses[0]
        async with replica(api, certificates=(taken,)) as other:
            with pytest.raises(ServerError, match="cannot be listened on"):
                await other.trust.serve(other.plane)
