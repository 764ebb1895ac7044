"""The rules of `metadata`, the same for every kind: names, labels, annotations."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from xdsserver.objects.explain import describe
from xdsserver.objects.names import is_label, is_label_value, is_qualified_name, is_subdomain
from xdsserver.objects.paths import FieldError, did_you_mean, quote

KIB = 1024
MAX_ANNOTATIONS_BYTES = 256 * KIB
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"

LABEL_KINDS = frozenset({"Namespace", "Service"})
"""Kinds whose names are a single DNS label, since they become part of a DNS name."""

SIGNED_KINDS = frozenset({"ClusterTrustBundle"})
"""Kinds whose names may begin with that of a signer and a colon, `example.com:servers:all`."""

READ = frozenset({"name", "namespace", "labels", "annotations", "creationTimestamp"})
IGNORED = frozenset(
    {
        "deletionGracePeriodSeconds",
        "deletionTimestamp",
        "finalizers",
        "generateName",
        "generation",
        "managedFields",
        "ownerReferences",
        "resourceVersion",
        "selfLink",
        "uid",
    },
)
"""What an API server keeps about an object. It comes along when an object is copied out of a cluster, and means nothing
outside it."""

TIME = re.compile(r"\d{4}-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-6]\dZ", re.ASCII)
EXPECTED_LABEL = "lower-case letters, digits and '-', at most 63, with a letter or digit at both ends"
EXPECTED_SUBDOMAIN = "lower-case letters, digits, '-' and '.', at most 253, with a letter or digit at both ends"

EXPECTED_SIGNED = f"{EXPECTED_SUBDOMAIN}, after the name of its signer and ':' where it has one"


def check_metadata(metadata: dict[str, Any], *, kind: str, namespaced: bool) -> Iterator[FieldError]:
    """Say everything that is wrong with `metadata`, unknown fields apart."""
    name_ok, expected = (is_label, EXPECTED_LABEL) if kind in LABEL_KINDS else (is_subdomain, EXPECTED_SUBDOMAIN)
    if kind in SIGNED_KINDS:
        name_ok, expected = _is_signed_name, EXPECTED_SIGNED
    if metadata.get("name") is None:
        extra = "; generateName needs an API server" if metadata.get("generateName") else ""
        yield FieldError(("metadata", "name"), f"is required{extra}")
    else:
        yield from _text(metadata, "name", name_ok, expected)
    if namespaced:
        yield from _text(metadata, "namespace", is_label, EXPECTED_LABEL)
    expected_time = "a time in UTC such as 2026-11-21T08:00:00Z"
    yield from _text(metadata, "creationTimestamp", lambda text: bool(TIME.fullmatch(text)), expected_time)
    yield from _map(metadata, "labels")
    yield from _map(metadata, "annotations")
    labels, annotations = metadata.get("labels"), metadata.get("annotations")
    for key, value in labels.items() if isinstance(labels, dict) else ():
        if isinstance(value, str) and not is_label_value(value):
            wanted = "letters, digits, '-', '_' and '.', at most 63, with a letter or digit at both ends"
            yield FieldError(("metadata", "labels", key), f"found {quote(value)}, expected {wanted}")
    if isinstance(annotations, dict):
        size = sum(
            len(key.encode()) + len(value.encode()) for key, value in annotations.items() if isinstance(value, str)
        )
        if size > MAX_ANNOTATIONS_BYTES:
            limit = f"expected at most {MAX_ANNOTATIONS_BYTES // KIB} KiB"
            yield FieldError(("metadata", "annotations"), f"hold {size // KIB} KiB together, {limit}")


def unknown_metadata(metadata: dict[str, Any], *, namespaced: bool) -> Iterator[FieldError]:
    """Name the fields of `metadata` that mean nothing."""
    for field in metadata.keys() - READ - IGNORED:
        yield FieldError(("metadata", field), f"unknown field, ignored{did_you_mean(field, READ)}")
    if not namespaced and metadata.get("namespace") is not None:
        yield FieldError(("metadata", "namespace"), "ignored: objects of this kind belong to no namespace")


def keep_metadata(metadata: dict[str, Any], *, namespaced: bool) -> dict[str, Any]:
    """Return what is kept of checked `metadata`."""
    kept = {field: metadata[field] for field in READ if metadata.get(field) is not None}
    if not namespaced:
        kept.pop("namespace", None)
    if LAST_APPLIED in kept.get("annotations", ()):
        kept["annotations"] = {key: value for key, value in kept["annotations"].items() if key != LAST_APPLIED}
    return kept


def _is_signed_name(text: str) -> bool:
    return all(map(is_subdomain, text.split(":")))


def _text(
    metadata: dict[str, Any],
    field: str,
    fits: Callable[[str], bool],
    expected: str,
) -> Iterator[FieldError]:
    value = metadata.get(field)
    if value is None:
        return
    if not isinstance(value, str):
        yield FieldError(("metadata", field), f"found {describe(value)}, expected text; put it in quotes")
    elif not fits(value):
        yield FieldError(("metadata", field), f"found {quote(value)}, expected {expected}")


def _map(metadata: dict[str, Any], field: str) -> Iterator[FieldError]:
    values = metadata.get(field)
    if values is None:
        return
    if not isinstance(values, dict):
        yield FieldError(("metadata", field), f"found {describe(values)}, expected a mapping of text to text")
        return
    for key, value in values.items():
        if not is_qualified_name(key if field == "labels" else key.lower()):
            yield FieldError(("metadata", field, key), "expected a key such as example.com/name")
        if not isinstance(value, str):
            hint = "; put it in quotes" if isinstance(value, bool | int | float) else ""
            yield FieldError(("metadata", field, key), f"found {describe(value)}, expected text{hint}")
