"""Credentials: checked before anything starts with them, never copied, and never those that everybody knows."""

from __future__ import annotations

import base64
from typing import Any

import msgspec
import pytest

from tests.kube.virtual import in_virtual_time
from tests.tenant.scene import a_secret, a_tenant, key, operating, world

BAD: dict[str, tuple[dict[str, Any] | None, str, str]] = {
    "missing": (None, "CredentialSecretNotFound", "credential secret 'root' not found"),
    "no key": (a_secret(accesskey="operator-key"), "CredentialSecretMissingKey", "key 'secretkey' is missing"),
    "short": (
        a_secret(accesskey="short", secretkey="operator-secret"),
        "CredentialSecretTooShort",
        "key 'accesskey' has 5 characters, expected at least 8",
    ),
    "no text": (
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "root", "namespace": "storage"},
            "data": {
                "accesskey": base64.b64encode(b"\xff" * 9).decode(),
                "secretkey": base64.b64encode(b"operator-secret").decode(),
            },
        },
        "CredentialSecretInvalidEncoding",
        "key 'accesskey' is not UTF-8 text",
    ),
    "no data": (
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "root", "namespace": "storage"}},
        "CredentialSecretMissingKey",
        "key 'accesskey' is missing",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_t9_without_good_credentials_nothing_starts(name: str) -> None:
    """T9: a condition, and no server with default credentials, ever; once the Secret is good, all goes on at once."""
    secret, reason, words = BAD[name]

    async def story() -> None:
        cluster = world(a_tenant(), *([secret] if secret is not None else []))
        async with operating(cluster) as scene:
            await scene.settle()
            assert cluster.named("StatefulSet") == []
            assert scene.condition("CredentialsReady")[:2] == ("False", reason)
            assert words in scene.condition("CredentialsReady")[2]
            assert scene.verdicts()["Ready"] == ("False", reason)
            assert scene.status["currentState"] == "Blocked"
            assert "CredentialValidationFailed" in scene.notes()
            # What does not need them is there already.
            assert len(cluster.named("Service")) == 3
            cluster.put(a_secret())
            await scene.settle(1)
            assert scene.verdicts()["CredentialsReady"] == ("True", "CredentialsValid")
            assert len(cluster.named("StatefulSet")) == 1

    in_virtual_time(story())


def test_t9_servers_that_run_are_left_alone_while_their_secret_is_bad() -> None:
    """T9: a Secret that goes bad takes nothing away from what serves."""

    async def story() -> None:
        cluster = world(a_secret(), a_tenant())
        async with operating(cluster) as scene:
            await scene.settle()
            scene.forget_writes()
            cluster.remove(key("Secret", "root"))
            scene.change(image="rustfs/rustfs:next")
            await scene.settle()
            assert scene.writes("StatefulSet") == []
            assert not cluster.restarted
            assert scene.status["availableReplicas"] == 2

    in_virtual_time(story())


def test_t9_other_credentials_replace_pods_one_by_one_where_that_is_asked_for() -> None:
    """T9: rotation rolls one pod at a time, by the StatefulSet's own rollout; without asking no pod is touched."""

    async def story() -> None:
        follows = a_tenant(credsSecret={"name": "root", "restartOnChange": True})
        for document, restarts in ((a_tenant(), {}), (follows, {"data-pool-0-0": 1, "data-pool-0-1": 1})):
            cluster = world(a_secret(), document)
            async with operating(cluster) as scene:
                await scene.settle()
                cluster.put(a_secret(accesskey="operator-key", secretkey="another-secret"))
                await scene.settle()
                assert cluster.restarted == restarts
                strategy = cluster.objects[key("StatefulSet", "data-pool-0")]["spec"]["updateStrategy"]
                assert strategy["type"] == "RollingUpdate"

    in_virtual_time(story())


def test_t9_values_of_secrets_are_in_no_object_of_ours() -> None:
    """T9: pods read them from the Secret; neither objects nor statuses nor Events hold them."""

    async def story() -> None:
        cluster = world(a_secret(), a_tenant(credsSecret={"name": "root", "restartOnChange": True}))
        async with operating(cluster) as scene:
            await scene.settle()
            written = [one for key, one in cluster.objects.items() if key.kind != "Secret"]
            told = msgspec.json.encode([written, [repr(one) for one in scene.happened]]).decode()
            for value in ("operator-key", "operator-secret"):
                assert value not in told
                assert base64.b64encode(value.encode()).decode() not in told
            reference = {"secretKeyRef": {"name": "root", "key": "accesskey", "optional": False}}
            assert scene.variables()["RUSTFS_ACCESS_KEY"] == reference

    in_virtual_time(story())


def test_without_a_secret_that_is_told() -> None:
    async def story() -> None:
        cluster = world(a_tenant(credsSecret=None))
        async with operating(cluster) as scene:
            await scene.settle()
            assert scene.condition("CredentialsReady")[:2] == ("True", "DefaultCredentials")
            assert "DefaultCredentials" in scene.notes()
            assert "RUSTFS_ACCESS_KEY" not in scene.variables()

    in_virtual_time(story())


def test_the_former_name_of_the_field_works_and_is_told() -> None:
    async def story() -> None:
        cluster = world(a_secret(), a_tenant(credsSecret=None, configuration={"name": "root"}))
        async with operating(cluster) as scene:
            await scene.settle()
            assert "RUSTFS_ACCESS_KEY" in scene.variables()
            assert scene.condition("SpecValid")[:2] == ("True", "DeprecatedField")
            assert "DeprecatedField" in scene.notes()

    in_virtual_time(story())


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"key": "a-secret-of-servers"}, "RpcSecretValid"),
        ({"other": "x"}, "RpcSecretMissingKey"),
        ({"key": "  "}, "RpcSecretInvalidValue"),
        ({"key": "rustfsadmin"}, "RpcSecretInvalidValue"),
    ],
)
def test_what_servers_know_each_other_by_is_checked(values: dict[str, str], reason: str) -> None:
    async def story() -> None:
        spec = {"rpcSecret": {"name": "rpc", "key": "key"}}
        cluster = world(a_secret(), a_secret("rpc", **values), a_tenant(**spec))
        async with operating(cluster) as scene:
            await scene.settle()
            assert scene.verdicts()["RpcAuthReady"][1] == reason
            assert bool(cluster.named("StatefulSet")) is (reason == "RpcSecretValid")

    in_virtual_time(story())
