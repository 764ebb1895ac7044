"""Root credentials: a Secret before variables before RustFS' own, checked, and never copied into objects of ours.

A Secret that is named and cannot be used stops what would start with it: never do servers fall back to the credentials
that everybody knows.
"""

from __future__ import annotations

from hashlib import scrypt
from typing import TYPE_CHECKING, Final, assert_never

from xdsserver.tenant.reasons import Finding, Reason
from xdsserver.tenant.secret_values import Flaw, holds_any, is_blank, text_length

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xdsserver.objects.secret import Secret
    from xdsserver.objects.tenant import TenantSpec
    from xdsserver.objects.tenantsecrets import CredentialsSecret
    from xdsserver.tenant.observed import Secrets

CONDITION: Final = "CredentialsReady"
RPC_CONDITION: Final = "RpcAuthReady"

VARIABLES: Final = {"RUSTFS_ACCESS_KEY": "accesskey", "RUSTFS_SECRET_KEY": "secretkey"}
"""The variables, and the keys of the Secret that they come from."""

MIN_CHARACTERS: Final = 8

_REASONS: Final = {
    Flaw.MISSING: Reason.CREDENTIAL_SECRET_MISSING_KEY,
    Flaw.ENCODING: Reason.CREDENTIAL_SECRET_INVALID_ENCODING,
}


def secret_of(spec: TenantSpec) -> CredentialsSecret | None:
    """Give the Secret that is named, by either name of the field; None where no name is given."""
    found = spec.creds_secret or spec.configuration
    return found if found is not None and found.name else None


def check(spec: TenantSpec, secrets: Secrets) -> Finding:
    """Say how the credentials are."""
    named = secret_of(spec)
    if named is None:
        return _without_secret(spec)
    secret = secrets.get(named.name)
    if secret is None:
        words = f"credential secret '{named.name}' not found; create it, with keys accesskey and secretkey"
        return Finding(CONDITION, Reason.CREDENTIAL_SECRET_NOT_FOUND, words)
    if flawed := next(_flaws(named.name, secret), None):
        return flawed
    if rivals := sorted(one.name for one in spec.env if one.name in VARIABLES):
        words = f"spec.env: {' and '.join(rivals)} not used, since spec.credsSecret comes first; remove them"
        return Finding(CONDITION, Reason.CREDENTIALS_CONFLICT, words)
    return Finding(CONDITION, Reason.CREDENTIALS_VALID, f"credential secret '{named.name}' has both keys")


def _without_secret(spec: TenantSpec) -> Finding:
    if {one.name for one in spec.env} >= VARIABLES.keys():
        return Finding(CONDITION, Reason.CREDENTIALS_VALID, "the credentials come from spec.env")
    words = "RustFS starts with the credentials that everybody knows; name a Secret in spec.credsSecret"
    return Finding(CONDITION, Reason.DEFAULT_CREDENTIALS, words)


def _flaws(name: str, secret: Secret) -> Iterator[Finding]:
    for key in VARIABLES.values():
        match text_length(secret, key):
            case Flaw() as flaw:
                words = f"credential secret '{name}': key '{key}' {flaw.value}"
                yield Finding(CONDITION, _REASONS[flaw], words)
            case length if length < MIN_CHARACTERS:
                words = (
                    f"credential secret '{name}': key '{key}' has {length} characters, "
                    f"expected at least {MIN_CHARACTERS}"
                )
                yield Finding(CONDITION, Reason.CREDENTIAL_SECRET_TOO_SHORT, words)
            case int():
                pass
            case never:
                assert_never(never)


def check_rpc(spec: TenantSpec, secrets: Secrets) -> Finding | None:
    """Say how the Secret is by which servers know each other; None where none is named."""
    named = spec.rpc_secret
    if named is None:
        return None
    secret, where = secrets.get(named.name), f"RPC secret '{named.name}'"
    if secret is None:
        return Finding(RPC_CONDITION, Reason.RPC_SECRET_NOT_FOUND, f"{where} not found; create it")
    match text_length(secret, named.key):
        case Flaw.MISSING:
            return Finding(RPC_CONDITION, Reason.RPC_SECRET_MISSING_KEY, f"{where}: key '{named.key}' is missing")
        case Flaw.ENCODING:
            return Finding(RPC_CONDITION, Reason.RPC_SECRET_INVALID_VALUE, f"{where}: key '{named.key}' is not UTF-8")
        case _ if is_blank(secret, named.key) or holds_any(secret, named.key, (b"\0", b"rustfsadmin")):
            words = f"{where}: key '{named.key}' is blank, has a NUL, or is what everybody knows"
            return Finding(RPC_CONDITION, Reason.RPC_SECRET_INVALID_VALUE, words)
        case _:
            return Finding(RPC_CONDITION, Reason.RPC_SECRET_VALID, f"{where} has key '{named.key}'")


def mark(secret: Secret, salt: str) -> str:
    """Give a mark that is another one for other credentials, and from which these cannot be guessed in useful time.

    It stands in pod templates, which more people may read than Secrets; 30 ms and 16 MiB for each guess.
    """
    found = [secret.data.get(key) for key in VARIABLES.values()]
    content = b"\0".join(b"" if one is None else one.reveal() for one in found)
    return scrypt(content, salt=salt.encode() or b"-", n=2**14, r=8, p=1, dklen=16).hex()
