"""Which object a document is about, told before anything else of it is believed."""

from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum

from xdsserver.objects.explain import describe
from xdsserver.objects.kinds import BY_NAME
from xdsserver.objects.meta import GATEWAY_GROUP, ObjectKey
from xdsserver.objects.paths import FieldError, did_you_mean, quote
from xdsserver.objects.schema import known_versions
from xdsserver.objects.xbackend import XGATEWAY_GROUP

DEFAULT_NAMESPACE = "default"

NOT_YET = frozenset(
    {
        *((XGATEWAY_GROUP, kind) for kind in ("XBackendTrafficPolicy", "XMesh")),
        ("rustfs.com", "Tenant"),
    },
)
"""Kinds (group, kind) that are known to belong here and are not read yet."""


class Support(Enum):
    """What happens to objects of a kind."""

    READ = "read"
    NOT_YET = "not supported yet"
    FOREIGN = "not for a gateway"


@dataclass(frozen=True, slots=True)
class Identity:
    """Group, version and kind as written, and the object's place."""

    group: str
    version: str
    kind: str
    support: Support
    key: ObjectKey | None
    """None where the name is missing or no text."""

    @property
    def api_version(self) -> str:
        """`apiVersion` as a document writes it."""
        return f"{self.group}/{self.version}" if self.group else self.version


def identify(document: object) -> Identity | FieldError:
    """Tell which object a document is about, or what keeps it from being one.

    A namespaced object without a namespace is in `default`, as with kubectl. The key is as written, so it may be no
    valid name; `validate` says so.
    """
    if not isinstance(document, dict):
        return FieldError((), f"found {describe(document)}, expected an object with apiVersion, kind and metadata")
    for field in ("apiVersion", "kind"):
        value = document.get(field)
        if value is None:
            near = did_you_mean(
                field, [key for key in document if key not in {"apiVersion", "kind", "metadata", "spec"}]
            )
            return FieldError((field,), f"is required{near.replace('did you mean', 'is it')}")
        if not isinstance(value, str) or not value:
            return FieldError((field,), f"found {describe(value)}, expected text")
    group, _, version = document["apiVersion"].rpartition("/")
    kind: str = document["kind"]
    support = _support(group, kind)
    wrong = _misspelt(group, kind) if support is Support.FOREIGN else _wrong_version(group, version, kind)
    if wrong is not None:
        return wrong
    return Identity(group, version, kind, support, _key(document.get("metadata"), kind))


def _support(group: str, kind: str) -> Support:
    known = BY_NAME.get(kind)
    if known is not None and known.group == group:
        return Support.READ
    return Support.NOT_YET if (group, kind) in NOT_YET else Support.FOREIGN


def _misspelt(group: str, kind: str) -> FieldError | None:
    """Tell a misspelt kind from one that belongs to somebody else: ignoring it would delete what it was meant to be."""
    if group in {GATEWAY_GROUP, XGATEWAY_GROUP}:
        ours = [*(known.name for known in BY_NAME.values()), *(name for _, name in NOT_YET)]
        return FieldError(
            ("kind",), f"found {quote(kind)}, expected a kind of the Gateway API{did_you_mean(kind, ours)}"
        )
    known = BY_NAME.get(kind)
    if known is not None and known.group == GATEWAY_GROUP and group in {"", "networking.k8s.io"}:
        return FieldError(("apiVersion",), f"expected {GATEWAY_GROUP}/{known.versions[0]} for kind {kind}")
    same_group = [other.name for other in BY_NAME.values() if other.group == group]
    if near := get_close_matches(kind, same_group, n=1, cutoff=0.8):
        return FieldError(("kind",), f"found {quote(kind)}; did you mean {quote(near[0])}?")
    return None


def _wrong_version(group: str, version: str, kind: str) -> FieldError | None:
    known = BY_NAME.get(kind)
    versions = known.versions if known is not None and known.group == group else known_versions(group, kind)
    if not versions or version in versions:
        return None
    prefix = f"{group}/" if group else ""
    served = ", ".join(f"{prefix}{one}" for one in versions)
    return FieldError(("apiVersion",), f"found {quote(prefix + version)}, expected {served} for kind {kind}")


def _key(metadata: object, kind: str) -> ObjectKey | None:
    if not isinstance(metadata, dict) or not isinstance(metadata.get("name"), str):
        return None
    known = BY_NAME.get(kind)
    namespace = metadata.get("namespace")
    if known is not None and not known.namespaced:
        return ObjectKey(kind, "", metadata["name"])
    return ObjectKey(
        kind, namespace if isinstance(namespace, str) and namespace else DEFAULT_NAMESPACE, metadata["name"]
    )
