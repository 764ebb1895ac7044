"""What of a Tenant lies in Secrets: credentials, and the keys with which RustFS encrypts."""

from typing import Annotated

from xdsserver.objects.meta import Part
from xdsserver.objects.structural import about

_SECRET = about("The name of a Secret in the namespace of the Tenant.", maxLength=253)


class CredentialsSecret(Part):
    """The Secret with the root credentials, in its keys accesskey and secretkey."""

    name: Annotated[str, _SECRET]
    restart_on_change: Annotated[
        bool,
        about(
            "Whether pods are replaced, one after the other, when the Secret has other credentials; "
            "without, they take them up when they are next restarted."
        ),
    ] = False


class SecretKey(Part):
    """One key of a Secret."""

    name: Annotated[str, about("The name of the Secret.", minLength=1, maxLength=253)]
    key: Annotated[str, about("The key in it.", minLength=1, maxLength=253)]


class SecretName(Part):
    """A Secret in the namespace of the Tenant."""

    name: Annotated[str, _SECRET]


class AppRole(Part):
    """Login at Vault by an AppRole, whose id and secret are in the KMS Secret."""

    engine: Annotated[str | None, about("Where the AppRole engine is mounted.", maxLength=512)] = None
    retry_seconds: Annotated[int | None, about("Seconds until a login that failed is tried again.", minimum=0)] = None


class Vault(Part):
    """Keys kept by HashiCorp Vault."""

    endpoint: Annotated[str, about("The URL of Vault.", maxLength=2048)]
    engine: Annotated[str | None, about("Where the engine with the keys is mounted.", maxLength=512)] = None
    namespace: Annotated[str | None, about("The namespace within Vault.", maxLength=512)] = None
    prefix: Annotated[str | None, about("The prefix of the keys.", maxLength=512)] = None
    auth_type: Annotated[str, about("How RustFS logs in.", enum=["token", "approle"])] = "token"
    app_role: Annotated[AppRole | None, about("For authType approle.")] = None
    tls_skip_verify: Annotated[bool, about("Whether Vault may show any certificate: for tests only.")] = False
    custom_certificates: Annotated[
        bool, about("Whether the KMS Secret has the authority of Vault, and a certificate to show to it.")
    ] = False


class LocalKeys(Part):
    """Keys kept in files by RustFS itself."""

    key_directory: Annotated[
        str | None, about("The folder of the keys; without, one on the first volume.", maxLength=1024)
    ] = None
    master_key_id: Annotated[str | None, about("The name of the master key.", maxLength=253)] = None
    master_key_secret_ref: Annotated[SecretKey | None, about("The Secret with the master key.")] = None
    allow_insecure_dev_defaults: Annotated[
        bool, about("Whether RustFS may start without a master key: for tests only.")
    ] = False


class Encryption(Part):
    """Encryption at rest, and who keeps the keys."""

    enabled: Annotated[bool, about("Whether RustFS encrypts.")] = False
    backend: Annotated[str, about("Who keeps the keys.", enum=["local", "vault"])] = "local"
    vault: Annotated[Vault | None, about("For backend vault.")] = None
    local: Annotated[LocalKeys | None, about("For backend local.")] = None
    kms_secret: Annotated[
        SecretName | None,
        about(
            "The Secret with vault-token, or with vault-approle-id and vault-approle-secret; and, for "
            "customCertificates, with vault-ca-cert, vault-client-cert and vault-client-key."
        ),
    ] = None
    ping_seconds: Annotated[int | None, about("Seconds between two looks at the keeper of the keys.", minimum=0)] = None
    default_key_id: Annotated[str | None, about("The key that is used where a request names none.", maxLength=253)] = (
        None
    )
