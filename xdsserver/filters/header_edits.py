"""Edits of headers: what a header modifier sets, adds and removes, of requests and of responses alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from envoy.config.core.v3.base_pb2 import HeaderValueOption

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableSequence

    from google.protobuf.internal.containers import RepeatedCompositeFieldContainer

    from xdsserver.objects.httproute import HTTPHeader, HTTPHeaderFilter


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
