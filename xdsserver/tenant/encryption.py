"""Encryption at rest: what RustFS is told of whoever keeps its keys, and what must be there for it.

RustFS renamed its variables once. Both sets are given, since neither knows the other's and an image may be of either
time; what the operator before us gave was the first set alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from xdsserver.tenant.reasons import Finding, Reason
from xdsserver.tenant.rendering import Rendering
from xdsserver.tenant.variables import from_secret, text
from xdsserver.tenant.volumes import base_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xdsserver.objects.tenant import Tenant, TenantSpec
    from xdsserver.objects.tenantpools import Pool
    from xdsserver.objects.tenantsecrets import Encryption, LocalKeys, Vault
    from xdsserver.tenant.observed import Secrets
    from xdsserver.tenant.variables import Variable

CONDITION: Final = "KmsReady"
CERTIFICATES_PATH: Final = "/etc/rustfs/kms/tls"
_VOLUME: Final = "kms-tls"
_LEGACY_KEYS: Final = "/data/kms-keys"
_FILES: Final = {"vault-ca-cert": "ca.crt", "vault-client-cert": "client.crt", "vault-client-key": "client.key"}


def enabled(spec: TenantSpec) -> Encryption | None:
    """Give what was asked for, where encryption is on."""
    return spec.encryption if spec.encryption is not None and spec.encryption.enabled else None


def check(tenant: Tenant, secrets: Secrets) -> Finding:
    """Say how the keys are; a keeper of keys that RustFS cannot reach would leave servers that do not start."""
    asked = enabled(tenant.spec)
    if asked is None:
        return Finding(CONDITION, Reason.KMS_DISABLED, "encryption is not enabled")
    found = _check_vault(asked, secrets) if asked.backend == "vault" else _check_local(tenant, asked, secrets)
    return found or Finding(CONDITION, Reason.KMS_CONFIGURED, f"backend {asked.backend} is configured")


def _check_vault(asked: Encryption, secrets: Secrets) -> Finding | None:
    if asked.vault is None or not asked.vault.endpoint:
        words = "spec.encryption.vault.endpoint: is required for backend vault"
        return Finding(CONDITION, Reason.KMS_CONFIG_INVALID, words)
    if asked.kms_secret is None or not asked.kms_secret.name:
        # It was not asked for once, and servers were started that could not log in.
        words = "spec.encryption.kmsSecret: is required for backend vault"
        return Finding(CONDITION, Reason.KMS_CONFIG_INVALID, words)
    name = asked.kms_secret.name
    secret = secrets.get(name)
    if secret is None:
        return Finding(CONDITION, Reason.KMS_SECRET_NOT_FOUND, f"KMS secret '{name}' not found; create it")
    missing = [key for key in _login_keys(asked.vault) if key not in secret.data]
    if missing:
        words = f"KMS secret '{name}': key '{missing[0]}' is missing"
        return Finding(CONDITION, Reason.KMS_SECRET_MISSING_KEY, words)
    return None


def _login_keys(vault: Vault) -> tuple[str, ...]:
    return ("vault-approle-id", "vault-approle-secret") if vault.auth_type == "approle" else ("vault-token",)


def _check_local(tenant: Tenant, asked: Encryption, secrets: Secrets) -> Finding | None:
    local = asked.local
    directory = local.key_directory if local is not None else None
    if directory is not None and not directory.startswith("/"):
        words = "spec.encryption.local.keyDirectory: must be an absolute path"
        return Finding(CONDITION, Reason.KMS_CONFIG_INVALID, words)
    if local is not None and local.master_key_secret_ref is not None:
        name, key = local.master_key_secret_ref.name, local.master_key_secret_ref.key
        secret = secrets.get(name)
        if secret is None:
            return Finding(CONDITION, Reason.KMS_SECRET_NOT_FOUND, f"master key secret '{name}' not found; create it")
        if key not in secret.data:
            words = f"master key secret '{name}': key '{key}' is missing"
            return Finding(CONDITION, Reason.KMS_SECRET_MISSING_KEY, words)
    return _local_warning(tenant, asked, directory)


def _local_warning(tenant: Tenant, asked: Encryption, directory: str | None) -> Finding | None:
    if directory is not None and not _on_a_volume(tenant, directory):
        words = f"spec.encryption.local.keyDirectory: {directory} is on no volume, and its keys go with the pod"
        return Finding(CONDITION, Reason.KMS_CONFIG_WARNING, words)
    if sum(pool.servers for pool in tenant.spec.pools) > 1:
        words = "spec.encryption.backend: local keys are not shared between servers; use vault for more than one"
        return Finding(CONDITION, Reason.KMS_CONFIG_WARNING, words)
    if asked.kms_secret is not None:
        words = "spec.encryption.kmsSecret: is not used by backend local"
        return Finding(CONDITION, Reason.KMS_CONFIG_WARNING, words)
    return None


def _on_a_volume(tenant: Tenant, directory: str) -> bool:
    return all(directory.startswith(f"{base_path(tenant, pool, Rendering.OURS)}/rustfs") for pool in tenant.spec.pools)


def variables(tenant: Tenant, pool: Pool, rendering: Rendering) -> Iterator[Variable]:
    """Give the variables of encryption, which come last of all."""
    asked = enabled(tenant.spec)
    if asked is None:
        return
    ours = rendering is Rendering.OURS
    yield text("RUSTFS_KMS_BACKEND", asked.backend)
    yield text("RUSTFS_KMS_AUTO_START", "true")
    if ours:
        yield text("RUSTFS_KMS_ENABLE", "true")
    if asked.backend == "vault":
        yield from _vault(asked, ours=ours)
    else:
        local_path = f"{base_path(tenant, pool, rendering)}/rustfs0/.kms-keys" if ours else _LEGACY_KEYS
        yield from _local(asked.local, local_path, ours=ours)
    if asked.ping_seconds is not None:
        yield text("RUSTFS_KMS_PING_SECONDS", str(asked.ping_seconds))
    if ours and asked.default_key_id:
        yield text("RUSTFS_KMS_DEFAULT_KEY_ID", asked.default_key_id)


def _vault(asked: Encryption, *, ours: bool) -> Iterator[Variable]:
    vault, secret = asked.vault, asked.kms_secret.name if asked.kms_secret is not None else ""
    if vault is None:
        return
    yield text("RUSTFS_KMS_VAULT_ENDPOINT", vault.endpoint)
    if ours:
        yield text("RUSTFS_KMS_VAULT_ADDRESS", vault.endpoint)
    named = {"ENGINE": vault.engine, "NAMESPACE": vault.namespace, "PREFIX": vault.prefix}
    yield from (text(f"RUSTFS_KMS_VAULT_{name}", value) for name, value in named.items() if value)
    if vault.tls_skip_verify:
        yield text("RUSTFS_KMS_VAULT_TLS_SKIP_VERIFY", "true")
    if vault.auth_type == "approle":
        yield from _app_role(vault, secret)
    elif secret:
        yield from_secret("RUSTFS_KMS_VAULT_TOKEN", secret, "vault-token")
    if vault.custom_certificates and secret:
        for name, file in (("CA", "ca.crt"), ("CERT", "client.crt"), ("KEY", "client.key")):
            yield text(f"RUSTFS_KMS_VAULT_TLS_{name}", f"{CERTIFICATES_PATH}/{file}")


def _app_role(vault: Vault, secret: str) -> Iterator[Variable]:
    yield text("RUSTFS_KMS_VAULT_AUTH_TYPE", "approle")
    role = vault.app_role
    if role is not None and role.engine:
        yield text("RUSTFS_KMS_VAULT_APPROLE_ENGINE", role.engine)
    if role is not None and role.retry_seconds is not None:
        yield text("RUSTFS_KMS_VAULT_APPROLE_RETRY_SECONDS", str(role.retry_seconds))
    if secret:
        yield from_secret("RUSTFS_KMS_VAULT_APPROLE_ID", secret, "vault-approle-id")
        yield from_secret("RUSTFS_KMS_VAULT_APPROLE_SECRET", secret, "vault-approle-secret")


def _local(local: LocalKeys | None, path: str, *, ours: bool) -> Iterator[Variable]:
    directory = (local.key_directory if local is not None else None) or path
    yield text("RUSTFS_KMS_LOCAL_KEY_DIR", directory)
    yield text("RUSTFS_KMS_LOCAL_MASTER_KEY_ID", (local and local.master_key_id) or "default-master-key")
    if not ours:
        return
    yield text("RUSTFS_KMS_KEY_DIR", directory)
    if local is not None and local.master_key_secret_ref is not None:
        reference = local.master_key_secret_ref
        yield from_secret("RUSTFS_KMS_LOCAL_MASTER_KEY", reference.name, reference.key)
    if local is not None and local.allow_insecure_dev_defaults:
        yield text("RUSTFS_KMS_ALLOW_INSECURE_DEV_DEFAULTS", "true")


def certificates(spec: TenantSpec) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Give the volume with the certificates for Vault, and where it is mounted; nothing where none are asked for."""
    asked = enabled(spec)
    if asked is None or asked.backend != "vault" or asked.vault is None or asked.kms_secret is None:
        return [], []
    if not asked.vault.custom_certificates:
        return [], []
    items = [{"key": key, "path": path} for key, path in _FILES.items()]
    volume = {"name": _VOLUME, "secret": {"secretName": asked.kms_secret.name, "items": items, "optional": True}}
    return [volume], [{"name": _VOLUME, "mountPath": CERTIFICATES_PATH, "readOnly": True}]
