"""What was wrong with the operator before us is not wrong here; each test names what it was."""

from __future__ import annotations

from typing import Any

import pytest

from tests.kube.virtual import in_virtual_time
from tests.objects.documents import tenant
from tests.tenant.scene import SET, TENANT, a_pool, a_secret, a_tenant, defaulted, key, operating, world
from xdsserver.kube.answers import Missing, Refused

BROKEN: dict[str, dict[str, Any]] = {
    "credentials": {"credsSecret": {"name": "nowhere"}},
    "keys": {"encryption": {"enabled": True, "backend": "vault", "vault": {"endpoint": "https://vault"}}},
    "name of a pool": {"pools": [a_pool("p" * 60)]},
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_status_is_written_on_every_failure_path(name: str) -> None:
    """Was: nothing was written when a reconcile failed early, and the last status stood for ever."""

    async def story() -> None:
        cluster = world(a_secret(), a_tenant(**BROKEN[name]))
        async with operating(cluster) as scene:
            await scene.settle()
            assert scene.status["observedGeneration"] == cluster.objects[TENANT]["metadata"]["generation"]
            assert scene.status["currentState"] == "Blocked"
            assert scene.verdicts()["Ready"][0] == "False"
            assert scene.status["nextActions"]
            assert cluster.named("StatefulSet") == []

    in_virtual_time(story())


def test_a_name_that_cannot_be_one_of_services_is_told_and_makes_nothing() -> None:
    """Was: the API server refused objects one by one, for ever."""

    async def story() -> None:
        cluster = world(a_secret())
        cluster.put(defaulted(tenant("0-data", credsSecret={"name": "root"})))
        async with operating(cluster) as scene:
            await scene.settle()
            status = cluster.objects[key("Tenant", "0-data")]["status"]
            assert [one["reason"] for one in status["conditions"] if one["type"] == "SpecValid"] == [
                "InvalidTenantName"
            ]
            assert {one.kind for _, one in scene.writes()} == {"Tenant"}

    in_virtual_time(story())


def test_conditions_stay_and_turn_and_their_times_move_only_then() -> None:
    """Was: conditions vanished instead of turning False, and each pass gave all of them a new time."""

    async def story() -> None:
        cluster = world(a_secret(), a_tenant())
        async with operating(cluster) as scene:
            await scene.settle()
            types = [one["type"] for one in scene.status["conditions"]]
            assert types == [
                *("Ready", "Reconciling", "Degraded", "SpecValid"),
                *("CredentialsReady", "KmsReady", "PoolsReady", "WorkloadsReady"),
            ]
            before = {one["type"]: one["lastTransitionTime"] for one in scene.status["conditions"]}
            scene.change(pools=[a_pool(servers=4)])
            await scene.settle()
            assert [one["type"] for one in scene.status["conditions"]] == types
            after = {one["type"]: one["lastTransitionTime"] for one in scene.status["conditions"]}
            assert {type_ for type_ in types if before[type_] != after[type_]} == {"Ready", "Degraded", "PoolsReady"}

    in_virtual_time(story())


def test_a_secret_comes_before_variables() -> None:
    """Was: it was documented so, and spec.env beat the Secret."""

    async def story() -> None:
        env = [{"name": "RUSTFS_ACCESS_KEY", "value": "from-the-spec"}, {"name": "OTHER", "value": "1"}]
        cluster = world(a_secret(), a_tenant(env=env))
        async with operating(cluster) as scene:
            await scene.settle()
            assert scene.variables()["RUSTFS_ACCESS_KEY"]["secretKeyRef"]["name"] == "root"
            assert scene.variables()["OTHER"] == "1"
            assert scene.verdicts()["CredentialsReady"] == ("True", "CredentialsConflict")
            assert "CredentialsConflict" in scene.notes()

    in_virtual_time(story())


def test_the_pull_secret_reaches_the_pods() -> None:
    """Was: imagePullSecret was taken and ignored."""

    async def story() -> None:
        cluster = world(a_secret(), a_tenant(imagePullSecret={"name": "registry"}))
        async with operating(cluster) as scene:
            await scene.settle()
            spec = cluster.objects[SET]["spec"]["template"]["spec"]
            assert spec["imagePullSecrets"] == [{"name": "registry"}]

    in_virtual_time(story())


@pytest.mark.parametrize("mode", ["emptydir", "emptyDir"])
def test_logs_that_go_with_the_pod_are_spelled_either_way_and_told_to_rustfs(mode: str) -> None:
    """Was: documentation wrote emptyDir, which was refused; and RustFS was never told where to write."""

    async def story() -> None:
        cluster = world(a_secret(), a_tenant(logging={"mode": mode}))
        async with operating(cluster) as scene:
            await scene.settle()
            spec = cluster.objects[SET]["spec"]["template"]["spec"]
            assert {"name": "logs", "emptyDir": {}} in spec["volumes"]
            assert scene.variables()["RUSTFS_OBS_LOG_DIRECTORY"] == "/logs"

    in_virtual_time(story())


def test_the_mount_path_of_a_tenant_counts_and_that_of_a_pool_counts_more() -> None:
    """Was: spec.mountPath was taken, and did nothing."""

    async def story() -> None:
        pools = [a_pool(), a_pool("pool-1", persistence={"path": "/own/"})]
        cluster = world(a_secret(), a_tenant(mountPath="/srv", pools=pools))
        async with operating(cluster) as scene:
            await scene.settle()
            for name, path in (("data-pool-0", "/srv"), ("data-pool-1", "/own")):
                mounts = scene.container(key("StatefulSet", name))["volumeMounts"]
                assert [one["mountPath"] for one in mounts] == [f"{path}/rustfs0", f"{path}/rustfs1"]
            volumes = scene.variables()["RUSTFS_VOLUMES"]
            assert ":9000/srv/rustfs{0...1} " in volumes
            assert volumes.endswith(":9000/own/rustfs{0...1}")

    in_virtual_time(story())


def vault(**more: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"enabled": True, "backend": "vault", "vault": {"endpoint": "https://vault.example.com"}, **more}


KEYS: dict[str, tuple[dict[str, Any], dict[str, str] | None, str]] = {
    "no secret named": (vault(), None, "KmsConfigInvalid"),
    "no endpoint": (vault(vault={"endpoint": ""}, kmsSecret={"name": "kms"}), None, "KmsConfigInvalid"),
    "no secret": (vault(kmsSecret={"name": "kms"}), None, "KmsSecretNotFound"),
    "no token": (vault(kmsSecret={"name": "kms"}), {"other": "x"}, "KmsSecretMissingKey"),
    "no role": (
        vault(vault={"endpoint": "https://v", "authType": "approle"}, kmsSecret={"name": "kms"}),
        {"vault-approle-id": "x"},
        "KmsSecretMissingKey",
    ),
    "fine": (vault(kmsSecret={"name": "kms"}), {"vault-token": "x"}, "KmsConfigured"),
    "a relative folder": ({"enabled": True, "local": {"keyDirectory": "keys"}}, None, "KmsConfigInvalid"),
    "a folder on no volume": ({"enabled": True, "local": {"keyDirectory": "/keys"}}, None, "KmsConfigWarning"),
    "one for many": ({"enabled": True}, None, "KmsConfigWarning"),
}


@pytest.mark.parametrize("name", KEYS)
def test_encryption_is_checked_before_anything_starts(name: str) -> None:
    """Was: without kmsSecret nothing was checked at all, and servers started that could not log in."""
    asked, secret, reason = KEYS[name]

    async def story() -> None:
        secrets = [a_secret()] if secret is None else [a_secret(), a_secret("kms", **secret)]
        cluster = world(*secrets, a_tenant(encryption=asked))
        async with operating(cluster) as scene:
            await scene.settle()
            assert scene.verdicts()["KmsReady"][1] == reason
            starts = reason in {"KmsConfigured", "KmsConfigWarning"}
            assert bool(cluster.named("StatefulSet")) is starts
            assert ("KmsSecretValidationFailed" in scene.notes()) is not starts

    in_virtual_time(story())


def test_keys_of_rustfs_itself_are_on_a_volume() -> None:
    """Was: /data/kms-keys, which is on none: with the pod went what could read the data."""

    async def story() -> None:
        cluster = world(a_secret(), a_tenant(pools=[a_pool(servers=1, volumes=4)], encryption={"enabled": True}))
        async with operating(cluster) as scene:
            await scene.settle()
            assert scene.variables()["RUSTFS_KMS_LOCAL_KEY_DIR"] == "/data/rustfs0/.kms-keys"
            assert scene.verdicts()["KmsReady"] == ("True", "KmsConfigured")

    in_virtual_time(story())


def test_what_is_not_found_is_told_by_its_answer_not_by_its_words() -> None:
    """Was: the text of an error was searched for "not found", which other errors have in them too."""
    assert not isinstance(Refused("admission webhook: policy not found"), Missing)

    async def story() -> None:
        cluster = world(a_secret(), a_tenant())
        async with operating(cluster) as scene:
            cluster.refuse = lambda one: "webhook: not found" if one.kind == "Role" else ""
            await scene.settle()
            status, reason, message = scene.condition("WorkloadsReady")
            assert (status, reason) == ("False", "ObjectApplyFailed")
            assert "webhook: not found" in message

    in_virtual_time(story())


def test_pods_are_watched_by_probes() -> None:
    """Was: none, and a server that hung stayed in every Service."""

    async def story() -> None:
        cluster = world(a_secret(), a_tenant())
        async with operating(cluster) as scene:
            await scene.settle()
            container = scene.container()
            paths = {one: container[one]["httpGet"]["path"] for one in container if one.endswith("Probe")}
            assert paths == {
                "startupProbe": "/health",
                "livenessProbe": "/health",
                "readinessProbe": "/health/ready",
            }

    in_virtual_time(story())


@pytest.mark.parametrize(
    ("spec", "made"),
    [
        ({}, {"ServiceAccount": "data-sa", "Role": "data-role", "RoleBinding": "data-role-binding"}),
        ({"createServiceAccountRbac": True}, {"ServiceAccount": "data-sa", "Role": "data-role"}),
        (
            {"serviceAccountName": "mine", "createServiceAccountRbac": True},
            {"Role": "data-role", "RoleBinding": "data-role-binding"},
        ),
        ({"serviceAccountName": "mine"}, {}),
    ],
)
def test_no_pod_may_read_secrets_whatever_account_it_has(spec: dict[str, Any], made: dict[str, str]) -> None:
    """Was: a Role for each Tenant, by which every pod could read all Secrets of the namespace."""

    async def story() -> None:
        cluster = world(a_secret(), a_tenant(**spec))
        async with operating(cluster) as scene:
            await scene.settle()
            found = {
                one.kind: one.name for one in cluster.objects if one.kind in {"ServiceAccount", "Role", "RoleBinding"}
            }
            assert made.items() <= found.items()
            assert bool(found) is bool(made)
            for role in cluster.named("Role"):
                assert all("secrets" not in rule["resources"] and rule["resourceNames"] for rule in role["rules"])
            for binding in cluster.named("RoleBinding"):
                assert binding["subjects"][0]["name"] == spec.get("serviceAccountName", "data-sa")
            pod = cluster.objects[SET]["spec"]["template"]["spec"]
            assert pod["serviceAccountName"] == spec.get("serviceAccountName", "data-sa")
            assert pod.get("automountServiceAccountToken", True) is ("serviceAccountName" in spec)

    in_virtual_time(story())


def test_what_was_made_goes_when_an_account_is_named() -> None:
    async def story() -> None:
        cluster = world(a_secret(), a_tenant())
        async with operating(cluster) as scene:
            await scene.settle()
            scene.change(serviceAccountName="mine")
            await scene.settle()
            assert not [one for one in cluster.objects if one.kind in {"ServiceAccount", "Role", "RoleBinding"}]

    in_virtual_time(story())


def test_two_tenants_that_want_one_object_do_not_stop_each_other() -> None:
    """A name of one is made of two names: `a-b` with pool `c`, and `a` with pool `b-c`. The older one gets it."""

    async def story() -> None:
        cluster = world(a_secret())
        for name, pool in (("a-b", "c"), ("a", "b-c")):
            cluster.put(defaulted(tenant(name, credsSecret={"name": "root"}, pools=[a_pool(pool)])))
        async with operating(cluster) as scene:
            await scene.settle()
            states = {one["metadata"]["name"]: one["status"]["currentState"] for one in cluster.named("Tenant")}
            assert states == {"a": "Ready", "a-b": "Blocked"}
            younger = cluster.objects[key("Tenant", "a-b")]["status"]
            (told,) = [one for one in younger["conditions"] if one["type"] == "WorkloadsReady"]
            assert (told["status"], told["reason"]) == ("False", "NameTaken")
            assert "StatefulSet a-b-c is that of Tenant a," in told["message"]
            assert "renamePool" in younger["nextActions"]
            assert len(cluster.named("StatefulSet")) == 1
            # All else is done for both.
            assert len(cluster.named("Service")) == 6
            assert scene.writes()
            # With the older one gone its name is free.
            cluster.remove(key("Tenant", "a"))
            await scene.settle()
            assert cluster.objects[key("Tenant", "a-b")]["status"]["currentState"] == "Ready"

    in_virtual_time(story())


def test_how_tenants_are_can_be_scraped() -> None:
    """Was: no metrics at all, so that nobody was woken by a Tenant that was broken."""

    async def story() -> None:
        cluster = world(a_secret(), a_tenant())
        cluster.put(defaulted(tenant("broken", credsSecret={"name": "nowhere"})))
        async with operating(cluster) as scene:
            await scene.settle()
            found = scene.scraped()
            assert found["xdsserver_tenants"] == {"Ready": 1, "Blocked": 1}
            assert found["xdsserver_tenant_leader"] == {"": 1}
            assert found["xdsserver_tenant_reconciles_total"].keys() == {"Updating", "Ready", "Blocked"}

    in_virtual_time(story())
