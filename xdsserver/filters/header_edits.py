"""Edits of headers: what a header modifier sets, adds and removes, of requests and of responses alike."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from envoy.config.core.v3.base_pb2 import HeaderValueOption

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableSequence

    from google.protobuf.internal.containers import RepeatedCompositeFieldContainer

    from xdsserver.objects.httproute import HTTPHeader, HTTPHeaderFilter

_OF_ONE_CONNECTION = frozenset(
    {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "content-length"}
)
"""Where a message ends, and what holds from one hop to the next (RFC 9110, 7.6.1): Envoy's to say, on both sides.

An edit would make one of two ends of a connection find the end of a message where the other does not.
"""

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""A name of a header (RFC 9110, 5.1)."""

_ENDS = re.compile(r"[\r\n\0]")
"""What ends a line, or a text, and so would begin another header."""


@dataclass(frozen=True, slots=True)
class HeaderEdits:
    """Pairs of name and value to set and to add, names to remove."""

    set: tuple[tuple[str, str], ...]
    add: tuple[tuple[str, str], ...]
    remove: tuple[str, ...]

    @classmethod
    def of(cls, spec: HTTPHeaderFilter) -> HeaderEdits:
        """Take what the user wrote."""
        return cls(_pairs(spec.set), _pairs(spec.add), spec.remove)

    def refused(self) -> Iterator[str]:
        """Give the names that Envoy refuses to edit, of a request or a response: pseudo headers, and `host`."""
        for name in (*(name for name, _ in (*self.set, *self.add)), *self.remove):
            if name.startswith(":") or name.lower() == "host":
                yield name

    def unsound(self) -> str | None:
        """Say why nobody may make these edits, as the rest of a sentence that begins with the filter's name."""
        for name in (*(name for name, _ in (*self.set, *self.add)), *self.remove):
            if not _TOKEN.fullmatch(name):
                return f"names {name!r}, which is no name of a header; correct it"
            if name.lower() in _OF_ONE_CONNECTION:
                return (
                    f"cannot change {name}, which belongs to one connection and not to what is sent over it; remove it"
                )
        for name, value in (*self.set, *self.add):
            if _ENDS.search(value):
                return f"gives {name} a value with the end of a line or NUL in it; remove that"
        return None

    def apply(
        self, to_add: RepeatedCompositeFieldContainer[HeaderValueOption], to_remove: MutableSequence[str]
    ) -> None:
        """Add these edits after those that are there already.

        Envoy removes first, then sets, then adds, whatever the order: an earlier edit that this one undoes must go.
        """
        undone = {name.lower() for name in (*self.remove, *(name for name, _ in self.set))}
        kept = [option for option in to_add if option.header.key.lower() not in undone]
        del to_add[:]
        to_add.extend((*kept, *self._options()))
        to_remove.extend(self.remove)

    def _options(self) -> Iterator[HeaderValueOption]:
        """Give the edits in Envoy's terms; `%` begins a command in its format strings, so it is doubled."""
        overwrite = HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD
        append = HeaderValueOption.APPEND_IF_EXISTS_OR_ADD
        for action, pairs in ((overwrite, self.set), (append, self.add)):
            for name, value in pairs:
                option = HeaderValueOption(append_action=action, keep_empty_value=True)
                option.header.key = name
                option.header.value = value.replace("%", "%%")
                yield option


def _pairs(headers: tuple[HTTPHeader, ...]) -> tuple[tuple[str, str], ...]:
    """Keep the first of names that differ in case only (HTTPHeaderFilter.set)."""
    first: dict[str, tuple[str, str]] = {}
    for header in headers:
        first.setdefault(header.name.lower(), (header.name, header.value))
    return tuple(first.values())
