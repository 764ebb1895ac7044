"""The checks of an API server, for objects that have not met one.

In the order of an API server: defaults, unknown fields, shapes and values, keys of lists, and then, for objects that
are sound so far, the rules in CEL. All errors are returned, not the first. What no API server has accepted must pass
here; a rule that cannot be decided refuses the object.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from xdsserver.objects.cel import CelError
from xdsserver.objects.explain import describe, explain
from xdsserver.objects.identity import identify
from xdsserver.objects.meta import Untyped
from xdsserver.objects.metadata import check_metadata, keep_metadata, unknown_metadata
from xdsserver.objects.paths import FieldError, Path, by_path, did_you_mean, quote
from xdsserver.objects.schema import Json, KindSchema, Node, complete, schema_of

MIB = 1024 * 1024
MAX_OBJECT_BYTES = MIB
"""Of an object as JSON; an API server refuses what does not fit into its store (1.5 MiB with all it adds)."""
ENVELOPE = frozenset({"apiVersion", "kind", "metadata", "status"})


@dataclass(frozen=True, slots=True)
class Checked:
    """Verdict on one document. `document` has its defaults and is ready to decode; None if there are errors."""

    document: Untyped | None
    errors: tuple[FieldError, ...] = ()
    unknown: tuple[FieldError, ...] = ()
    """Fields that mean nothing here and were left out: warnings."""


def validate(document: Json) -> Checked:
    """Check one document of a kind that has a schema; the document itself is not changed. Never raises."""
    identity = identify(document)
    if isinstance(identity, FieldError):
        return Checked(None, (identity,))
    if too_big := _too_big(document):
        return Checked(None, (too_big,))
    try:
        schema = schema_of(identity.group, identity.version, identity.kind)
    except KeyError:
        return Checked(
            None, (FieldError(("kind",), f"no schema for {quote(identity.kind)} of {quote(identity.api_version)}"),)
        )
    metadata = document.get("metadata")
    if not isinstance(metadata, dict):
        found = "is required" if metadata is None else f"found {describe(metadata)}, expected a mapping"
        return Checked(None, (FieldError(("metadata",), found),))
    unknown: list[Path] = []
    body = complete({name: part for name, part in document.items() if name not in ENVELOPE}, schema.root, (), unknown)
    warnings = (
        *unknown_metadata(metadata, namespaced=schema.namespaced),
        *(_unknown(path, schema.root) for path in unknown),
    )
    errors = [
        *check_metadata(metadata, kind=schema.kind, namespaced=schema.namespaced),
        *_schema_errors(body, schema),
        *_repeated(body, schema.root, ()),
    ]
    errors = errors or [*_broken_rules(body, schema.root, ())]
    if errors:
        return Checked(None, tuple(sorted(dict.fromkeys(errors), key=by_path)), warnings)
    envelope = {"apiVersion": document["apiVersion"], "kind": document["kind"]}
    return Checked(
        {**envelope, "metadata": keep_metadata(metadata, namespaced=schema.namespaced), **body}, (), warnings
    )


def _too_big(document: Json) -> FieldError | None:
    try:
        size = len(msgspec.json.encode(document))
    except (UnicodeEncodeError, ValueError, OverflowError, RecursionError):
        return FieldError((), "holds a value that JSON cannot hold, such as half a character or endless nesting")
    if size <= MAX_OBJECT_BYTES:
        return None
    return FieldError((), f"has {size // 1024} KiB, expected at most {MAX_OBJECT_BYTES // 1024} KiB for one object")


def _schema_errors(body: Untyped, schema: KindSchema) -> Iterator[FieldError]:
    if schema.validator.is_valid(body):
        return
    for error in schema.validator.iter_errors(body):
        yield from explain(error, secret=schema.kind == "Secret")


def _unknown(path: Path, root: Node) -> FieldError:
    node: Node | None = root
    for part in path[:-1]:
        if node is not None:
            node = node.items if isinstance(part, int) else node.properties.get(part, node.values)
    near = did_you_mean(str(path[-1]), node.properties if node else ())
    return FieldError(path, f"unknown field, ignored{near}")


def _repeated(value: Json, node: Node, path: Path) -> Iterator[FieldError]:
    """Find entries of sets and of lists with keys that repeat an earlier entry."""
    for part, member, child in _members(value, node):
        yield from _repeated(member, child, (*path, part))
    if not isinstance(value, list) or node.list_type == "atomic":
        return
    seen: dict[str, int] = {}
    for index, member in enumerate(value):
        if node.list_type == "map" and not isinstance(member, dict):
            continue
        identity = member if node.list_type == "set" else [member.get(key) for key in node.list_keys]
        first = seen.setdefault(repr(identity), index)
        if first != index:
            what = " and ".join(node.list_keys) if node.list_type == "map" else "value"
            yield FieldError((*path, index), f"repeats the {what} of entry {first}, expected each to be unique")


def _broken_rules(value: Json, node: Node, path: Path) -> Iterator[FieldError]:
    for part, member, child in _members(value, node):
        yield from _broken_rules(member, child, (*path, part))
    for checked in node.rules:
        try:
            if not checked.rule.holds(value):
                yield FieldError(path, checked.message)
        except CelError:
            # The words of the engine would name its own types; what matters to the user is which rule it was.
            yield FieldError(path, f"could not be checked for this rule: {checked.message}")


def _members(value: Json, node: Node) -> Iterator[tuple[str | int, Any, Node]]:
    """Go through the members of a value that have a schema of their own."""
    if isinstance(value, dict):
        for name, member in value.items():
            child = node.properties.get(name) or node.values
            if child is not None:
                yield name, member, child
    elif isinstance(value, list) and node.items is not None:
        for index, member in enumerate(value):
            yield index, member, node.items
