"""Secrets and tokens of a real API server: what is made once, what is refused, and whose a token is."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from e2e.serving import NAMESPACE
from xdsserver.infrastructure.permissions import AUTHORITY
from xdsserver.kube.access import Kubeconfig
from xdsserver.kube.authority import ClusterAuthority, Rights
from xdsserver.kube.client import KubeClient
from xdsserver.kube.errors import Conflict, NotFound
from xdsserver.kube.secrets import Secrets, Wanted
from xdsserver.kube.token_reviews import TokenReviews
from xdsserver.objects.meta import Name
from xdsserver.objects.secret import SecretBytes
from xdsserver.xds.reviews import Review

if TYPE_CHECKING:
    from e2e.conftest import Cluster


async def test_a_secret_is_made_once_and_changed_over_one_version(cluster: Cluster) -> None:
    async with KubeClient(Kubeconfig(str(cluster.kubeconfig))) as client:
        secrets, name = Secrets(client), Name("default", "e2e-identity")
        cluster.run("-n", "default", "delete", "secret", name.name)
        wanted = Wanted(name, "gateway.xdsserver.io/test", {"labels": {"a": "b"}}, {"x": SecretBytes(b"1")})
        assert await secrets.read(name) is None
        made = await secrets.create(wanted)
        assert (made.type, made.data) == (wanted.type, wanted.data)
        with pytest.raises(Conflict):
            await secrets.create(wanted)
        other = Wanted(name, wanted.type, {}, {"y": SecretBytes(b"2")})
        changed = await secrets.change(other, made)
        assert changed.data == other.data
        with pytest.raises(Conflict):
            await secrets.change(wanted, made)
        assert await secrets.read(name) == changed
        cluster.run("-n", "default", "delete", "secret", name.name)
        again = await secrets.create(wanted)
        # K13: what was meant for the old one is refused by the new one.
        with pytest.raises(Conflict):
            await secrets.change(other, changed)
        assert await secrets.read(name) == again
        cluster.run("-n", "default", "delete", "secret", name.name)
        with pytest.raises(NotFound):
            await secrets.change(other, again)


async def test_of_four_that_start_at_once_all_have_one_authority(cluster: Cluster) -> None:
    cluster.run("create", "namespace", NAMESPACE)
    cluster.run("-n", NAMESPACE, "delete", "secret", AUTHORITY)
    async with KubeClient(Kubeconfig(str(cluster.kubeconfig))) as client:
        rights = Rights(lambda: True)
        all_four = [ClusterAuthority(Secrets(client), Name(NAMESPACE, AUTHORITY), rights) for _ in range(4)]
        running = [asyncio.create_task(one.run()) for one in all_four]
        async with asyncio.timeout(30):
            await asyncio.gather(*(one.known() for one in all_four))
        for task in running:
            task.cancel()
        await asyncio.wait(running)
        assert len({one.read() for one in all_four}) == 1
        assert len(all_four[0].read()) == 1


async def test_s2_a_token_is_reviewed_for_our_audience_and_says_whose_it_is(cluster: Cluster) -> None:
    """S2: TokenReview names the service account; a token for another audience opens nothing."""
    cluster.run("-n", "default", "create", "serviceaccount", "e2e-client")
    async with KubeClient(Kubeconfig(str(cluster.kubeconfig))) as client:
        reviews = TokenReviews(client)
        create = ("-n", "default", "create", "token", "e2e-client", "--audience")
        ours, others = (cluster.run(*create, audience).stdout.strip() for audience in ("xdsserver", "elsewhere"))
        review = await reviews.review(ours, "xdsserver")
        assert review == Review("default/e2e-client", frozenset({"xdsserver"}))
        assert await reviews.review(others, "xdsserver") is None
        assert await reviews.review("nonsense", "xdsserver") is None
    cluster.run("-n", "default", "delete", "serviceaccount", "e2e-client")
