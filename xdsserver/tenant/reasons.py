"""Why a condition is as it is: one table of reasons, with what each means for the whole and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


class Impact(Enum):
    """What a reason means for the Tenant."""

    FINE = "nothing is wrong"
    WAITING = "it goes on by itself"
    UNHEALTHY = "what runs is not as it should be"
    BLOCKED = "somebody has to change something"


class Reason(Enum):
    """The reasons, as conditions and Events show them."""

    RECONCILE_SUCCEEDED = "ReconcileSucceeded"
    ALL_PODS_READY = "AllPodsReady"
    SPEC_VALID = "SpecValid"
    FEW_VOLUMES = "FewVolumes"
    DEPRECATED_FIELD = "DeprecatedField"
    CREDENTIALS_VALID = "CredentialsValid"
    CREDENTIALS_CONFLICT = "CredentialsConflict"
    DEFAULT_CREDENTIALS = "DefaultCredentials"
    RPC_SECRET_VALID = "RpcSecretValid"  # noqa: S105
    KMS_DISABLED = "KmsDisabled"
    KMS_CONFIGURED = "KmsConfigured"
    KMS_CONFIG_WARNING = "KmsConfigWarning"

    ROLLOUT_IN_PROGRESS = "RolloutInProgress"
    ROLLOUT_HELD = "RolloutHeld"
    VOLUMES_GROWING = "VolumesGrowing"
    OBJECTS_PENDING = "ObjectsPending"

    POOL_DEGRADED = "PoolDegraded"
    PODS_NOT_READY = "PodsNotReady"

    INVALID_TENANT_NAME = "InvalidTenantName"
    INVALID_POOL_SPEC = "InvalidPoolSpec"
    IMMUTABLE_FIELD_MODIFIED = "ImmutableFieldModified"
    POOL_DELETE_BLOCKED = "PoolDeleteBlocked"
    VOLUME_EXPANSION_NOT_ALLOWED = "VolumeExpansionNotAllowed"
    CREDENTIAL_SECRET_NOT_FOUND = "CredentialSecretNotFound"  # noqa: S105  (no secret, but a reason)
    CREDENTIAL_SECRET_MISSING_KEY = "CredentialSecretMissingKey"  # noqa: S105
    CREDENTIAL_SECRET_INVALID_ENCODING = "CredentialSecretInvalidEncoding"  # noqa: S105
    CREDENTIAL_SECRET_TOO_SHORT = "CredentialSecretTooShort"  # noqa: S105
    RPC_SECRET_NOT_FOUND = "RpcSecretNotFound"  # noqa: S105
    RPC_SECRET_MISSING_KEY = "RpcSecretMissingKey"  # noqa: S105
    RPC_SECRET_INVALID_VALUE = "RpcSecretInvalidValue"  # noqa: S105
    KMS_SECRET_NOT_FOUND = "KmsSecretNotFound"  # noqa: S105
    KMS_SECRET_MISSING_KEY = "KmsSecretMissingKey"  # noqa: S105
    KMS_CONFIG_INVALID = "KmsConfigInvalid"
    STATEFUL_SET_APPLY_FAILED = "StatefulSetApplyFailed"
    OBJECT_APPLY_FAILED = "ObjectApplyFailed"
    CONFLICTED = "Conflicted"
    NAME_TAKEN = "NameTaken"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a reason means, and what to do next: stable names, for machines."""

    impact: Impact
    next_actions: tuple[str, ...] = ()


_F, _W, _U, _B = Impact.FINE, Impact.WAITING, Impact.UNHEALTHY, Impact.BLOCKED

MEANINGS: Final[Mapping[Reason, Meaning]] = {
    Reason.RECONCILE_SUCCEEDED: Meaning(_F),
    Reason.ALL_PODS_READY: Meaning(_F),
    Reason.SPEC_VALID: Meaning(_F),
    Reason.FEW_VOLUMES: Meaning(_F, ("fixPoolSpec",)),
    Reason.DEPRECATED_FIELD: Meaning(_F, ("renameField",)),
    Reason.CREDENTIALS_VALID: Meaning(_F),
    Reason.CREDENTIALS_CONFLICT: Meaning(_F, ("removeCredentialVariables",)),
    Reason.DEFAULT_CREDENTIALS: Meaning(_F, ("createCredentialSecret",)),
    Reason.RPC_SECRET_VALID: Meaning(_F),
    Reason.KMS_DISABLED: Meaning(_F),
    Reason.KMS_CONFIGURED: Meaning(_F),
    Reason.KMS_CONFIG_WARNING: Meaning(_F, ("fixKmsConfig",)),
    Reason.ROLLOUT_IN_PROGRESS: Meaning(_W, ("waitForRollout",)),
    Reason.ROLLOUT_HELD: Meaning(_W, ("waitForRollout",)),
    Reason.VOLUMES_GROWING: Meaning(_W, ("waitForVolumes",)),
    Reason.OBJECTS_PENDING: Meaning(_W, ("waitForReconcile",)),
    Reason.POOL_DEGRADED: Meaning(_U, ("inspectPods", "inspectEvents")),
    Reason.PODS_NOT_READY: Meaning(_U, ("inspectPods", "inspectEvents")),
    Reason.INVALID_TENANT_NAME: Meaning(_B, ("renameTenant",)),
    Reason.INVALID_POOL_SPEC: Meaning(_B, ("fixPoolSpec",)),
    Reason.IMMUTABLE_FIELD_MODIFIED: Meaning(_B, ("restoreImmutableField",)),
    Reason.POOL_DELETE_BLOCKED: Meaning(_B, ("restorePoolSpec",)),
    Reason.VOLUME_EXPANSION_NOT_ALLOWED: Meaning(_B, ("allowVolumeExpansion", "restorePoolSpec")),
    Reason.CREDENTIAL_SECRET_NOT_FOUND: Meaning(_B, ("createCredentialSecret",)),
    Reason.CREDENTIAL_SECRET_MISSING_KEY: Meaning(_B, ("addRequiredSecretKey",)),
    Reason.CREDENTIAL_SECRET_INVALID_ENCODING: Meaning(_B, ("replaceSecretValueWithUtf8",)),
    Reason.CREDENTIAL_SECRET_TOO_SHORT: Meaning(_B, ("rotateCredentialSecret",)),
    Reason.RPC_SECRET_NOT_FOUND: Meaning(_B, ("createRpcSecret",)),
    Reason.RPC_SECRET_MISSING_KEY: Meaning(_B, ("addRequiredSecretKey",)),
    Reason.RPC_SECRET_INVALID_VALUE: Meaning(_B, ("rotateRpcSecret",)),
    Reason.KMS_SECRET_NOT_FOUND: Meaning(_B, ("createKmsSecret",)),
    Reason.KMS_SECRET_MISSING_KEY: Meaning(_B, ("addRequiredSecretKey",)),
    Reason.KMS_CONFIG_INVALID: Meaning(_B, ("fixKmsConfig",)),
    Reason.STATEFUL_SET_APPLY_FAILED: Meaning(_B, ("retry",)),
    Reason.OBJECT_APPLY_FAILED: Meaning(_B, ("retry",)),
    Reason.CONFLICTED: Meaning(_B, ("findOtherWriter",)),
    Reason.NAME_TAKEN: Meaning(_B, ("renamePool",)),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about one aspect (a type of condition); `message` names the object, the field and the remedy."""

    condition: str
    reason: Reason
    message: str

    @property
    def impact(self) -> Impact:
        """What it means for the Tenant."""
        return MEANINGS[self.reason].impact
