"""One document of a file: what it defines, what is wrong with it, and which objects are spoilt by that."""

import base64
import binascii
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from xdsserver.files.jsontext import parse_json
from xdsserver.files.values import Limits
from xdsserver.files.yamltext import Json, YamlError, lines, parse
from xdsserver.objects.decode import decode
from xdsserver.objects.identity import DEFAULT_NAMESPACE, Identity, Support, identify
from xdsserver.objects.kinds import BY_NAME
from xdsserver.objects.meta import KubeObject, ObjectKey, Untyped
from xdsserver.objects.paths import FieldError, Path, render
from xdsserver.objects.schema import known_versions
from xdsserver.objects.validation import validate


@dataclass(frozen=True, slots=True)
class Draft:
    """An object that a document defines; identity (uid, generation) is given when it is accepted."""

    key: ObjectKey
    line: int
    """From 0, within the document."""
    object: KubeObject


@dataclass(frozen=True, slots=True)
class Note:
    """A problem of a document; `line` counts from 0 within it."""

    line: int
    key: ObjectKey | None
    field: str
    message: str
    severity: Literal["error", "warning"] = "error"


@dataclass(frozen=True, slots=True)
class Document:
    """Outcome of reading one document. It depends on the document's text alone, so it can be kept with it."""

    drafts: tuple[Draft, ...] = ()
    notes: tuple[Note, ...] = ()
    broken: frozenset[ObjectKey] = frozenset()
    """Objects that the document names and does not define, since something is wrong with them."""
    unknown: bool = False
    """Something is wrong and it is not known with which object."""
    ignored: tuple[tuple[str, str, Support], ...] = ()
    """Kinds (apiVersion, kind) that are not read."""


@dataclass(slots=True)
class _Reading:
    drafts: list[Draft]
    notes: list[Note]
    broken: set[ObjectKey]
    ignored: dict[tuple[str, str, Support], None]
    line_of: Callable[[Path], int]
    unknown: bool = False

    def refuse(self, at: Path, key: ObjectKey | None, errors: tuple[FieldError, ...]) -> None:
        """Note the errors of the object at that path."""
        for error in errors:
            line = self.line_of((*at, *error.path))
            self.notes.append(Note(line, key, render((*at, *error.path)), error.message))
        if key is None:
            self.unknown = True
        else:
            self.broken.add(key)


def read_document(text: str, limits: Limits, *, json: bool = False) -> Document:
    """Read one document, with everything that can be said about it. Never raises for what a document may hold."""
    try:
        content = parse_json(text) if json else parse(text, limits)
    except YamlError as error:
        return Document(notes=(Note(error.line, None, "", error.message),), unknown=True)
    reading = _Reading([], [], set(), {}, _Lines(text))
    for path, item in _objects(content):
        _read_object(item, path, reading)
    return Document(
        tuple(reading.drafts),
        tuple(reading.notes),
        frozenset(reading.broken),
        reading.unknown,
        tuple(reading.ignored),
    )


class _Lines:
    """Lines of a document's fields, looked up only when there is something to say about one."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._lines: dict[Path, int] | None = None

    def __call__(self, path: Path) -> int:
        """Return the line of the nearest value on the way to the path that is written out."""
        if self._lines is None:
            self._lines = lines(self._text)
        while path not in self._lines:
            path = path[:-1]
        return self._lines[path]


def _objects(content: Json) -> Iterator[tuple[Path, Json]]:
    """Yield the objects of a document with their paths: one, or those of a list as `kubectl get -o yaml` writes it."""
    if content is None:
        return
    if not isinstance(content, dict) or not isinstance(content.get("items"), list):
        yield (), content
        return
    kind = content.get("kind")
    if not isinstance(kind, str) or not kind.endswith("List"):
        yield (), content
        return
    implied = {} if kind == "List" else {"apiVersion": content.get("apiVersion"), "kind": kind.removesuffix("List")}
    for index, item in enumerate(content["items"]):
        yield ("items", index), {**implied, **item} if isinstance(item, dict) else item


def _read_object(content: Json, at: Path, reading: _Reading) -> None:
    identity = identify(content)
    if isinstance(identity, FieldError):
        reading.refuse(at, None, (identity,))
        return
    if identity.support is not Support.READ:
        reading.ignored[identity.api_version, identity.kind, identity.support] = None
        if identity.support is Support.NOT_YET and known_versions(identity.group, identity.kind):
            _warn(validate(content).errors, at, identity.key, reading)
        return
    checked = validate(content)
    _warn(checked.unknown, at, identity.key, reading)
    if checked.document is None:
        reading.refuse(at, identity.key, checked.errors)
        return
    _define(checked.document, identity, at, reading)


def _warn(findings: tuple[FieldError, ...], at: Path, key: ObjectKey | None, reading: _Reading) -> None:
    for finding in findings:
        path = (*at, *finding.path)
        reading.notes.append(Note(reading.line_of(path), key, render(path), finding.message, "warning"))


def _define(content: Untyped, identity: Identity, at: Path, reading: _Reading) -> None:
    """Turn a checked document into a draft."""
    kind = BY_NAME[identity.kind]
    if kind.name == "Secret" and (errors := tuple(_fold(content))):
        reading.refuse(at, identity.key, errors)
        return
    if kind.namespaced:
        content["metadata"].setdefault("namespace", DEFAULT_NAMESPACE)
    try:
        decoded = decode(kind, content)
    except msgspec.ValidationError as error:
        # The schema let something pass that the struct cannot hold: a bug here, which must cost one object at most.
        message = "cannot be decoded" if kind.name == "Secret" else f"cannot be decoded: {error}"
        reading.refuse(at, identity.key, (FieldError((), message),))
        return
    name = decoded.name
    reading.drafts.append(Draft(ObjectKey(kind.name, *name), reading.line_of(at) if at else 0, decoded))


def _fold(secret: dict[str, Any]) -> Iterator[FieldError]:
    """Put `stringData` of a Secret into `data`, as an API server does, and check what is there already."""
    data = secret.setdefault("data", {})
    for key, value in data.items():
        try:
            base64.b64decode(value.replace("\n", "").replace("\r", ""), validate=True)
        except (binascii.Error, ValueError):
            yield FieldError(("data", key), "is not base64; plain text belongs under stringData")
    for key, value in secret.pop("stringData", {}).items():
        data[key] = base64.b64encode(value.encode()).decode()
