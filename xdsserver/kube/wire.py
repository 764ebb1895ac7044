"""From the bytes of lists and watches to entries: an object, what was read of its status, and what is wrong with it.

Two looks at the same bytes: a short one at metadata and status, which is enough where the version is known already,
and one that decodes the object. What cannot be decoded costs that object and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import msgspec

from xdsserver.effects.objects import INTENT
from xdsserver.effects.status import Observed
from xdsserver.kube.errors import Garbled
from xdsserver.objects.decode import decode_json
from xdsserver.objects.meta import Name, Part
from xdsserver.objects.workloads import OwnerReference  # noqa: TC001  (read by msgspec)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from xdsserver.objects.kinds import Kind
    from xdsserver.objects.meta import KubeObject


@dataclass(frozen=True, slots=True)
class Entry:
    """One object as an API server has it."""

    name: Name
    observed: Observed
    object: KubeObject | None
    """None where it could not be decoded and never could before."""
    problem: str = ""
    """Why it cannot be decoded now; `object` is then its last good version."""


class _Annotations(Part):
    intent: str = msgspec.field(default="", name=INTENT)


class _Metadata(Part):
    name: str
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    annotations: _Annotations | None = None
    owner_references: tuple[OwnerReference, ...] | None = None


class _Header(Part):
    metadata: _Metadata
    status: msgspec.Raw = msgspec.Raw()


class _ListMetadata(Part):
    resource_version: str = ""
    next: str = msgspec.field(default="", name="continue")


class Page(Part):
    """Part of a list; `items` are bytes of the page, which lives as long as one of them."""

    metadata: _ListMetadata
    items: tuple[msgspec.Raw, ...] | None = None


class Event(Part):
    """A line of a watch."""

    type: str
    object: msgspec.Raw = msgspec.Raw()


class _Resource(Part):
    name: str
    kind: str


class _Resources(Part):
    resources: tuple[_Resource, ...] = ()


T = TypeVar("T")


def read_page(body: bytes) -> Page:
    """Read the outside of a list.

    Raises:
        Garbled: this is no list.
    """
    return _read(body, Page)


def read_event(line: bytes) -> Event:
    """Read the outside of an event.

    Raises:
        Garbled: this is no event.
    """
    return _read(line, Event)


def read_bookmark(event: Event) -> str:
    """Give the version that a bookmark tells.

    Raises:
        Garbled: it tells none.
    """
    return _read(event.object, Page).metadata.resource_version


def plural_of(kind: str, body: bytes) -> str | None:
    """Find the plural of a kind, as paths have it, in the list of resources of a group and version.

    Raises:
        Garbled: this is no list of resources.
    """
    # `httproutes/status` is of the same kind.
    found = (one.name for one in _read(body, _Resources).resources if one.kind == kind and "/" not in one.name)
    return next(found, None)


def read_header(data: msgspec.Raw, *, status: bool) -> tuple[Name, Observed]:
    """Read name and versions of an object, and its status where that is wanted.

    Raises:
        Garbled: it has no metadata, so nobody can tell which object it is.
    """
    header = _read(data, _Header)
    metadata = header.metadata
    # A copy, or a few bytes of status would keep alive the whole page that they came in.
    kept = bytes(header.status) if status else b""
    intent = metadata.annotations.intent if metadata.annotations is not None else ""
    owner = controller_of(metadata.owner_references or ())
    observed = Observed(metadata.uid, metadata.resource_version, metadata.generation, kept, intent, owner)
    return Name(metadata.namespace, metadata.name), observed


def controller_of(owners: Iterable[OwnerReference]) -> str:
    """Give the uid of the owner that manages an object, "" where there is none."""
    return next((one.uid for one in owners if one.controller), "")


def read_entry(kind: Kind, data: msgspec.Raw, header: tuple[Name, Observed], prior: Entry | None) -> Entry:
    """Decode an object whose header was read; `prior` is the entry of the same name, which may be of another object."""
    name, observed = header
    try:
        return Entry(name, observed, decode_json(kind, bytes(data)))
    except msgspec.DecodeError as error:
        same = prior is not None and prior.observed.uid == observed.uid
        return Entry(name, observed, prior.object if prior is not None and same else None, str(error))


def _read(data: bytes | msgspec.Raw, type_: type[T]) -> T:
    try:
        return msgspec.json.decode(data, type=type_)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        # Without its text, which may quote what a Secret holds.
        message = f"the API server sent what is no {type_.__name__.strip('_')} ({type(error).__name__})"
        raise Garbled(message) from None
