"""What rules of all kinds of routes have in common: filters, backendRefs, named values, regular expressions."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import re2

from xdsserver.gatewayapi.conditions import RESOLVED_REFS, Problem
from xdsserver.gatewayapi.rules import ParsedBackend, ParsedFilters
from xdsserver.model.routing import MAX_REGEX_INSTRUCTIONS, Filter, ValueMatch
from xdsserver.objects.httproute import HTTPRouteFilter

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from xdsserver.objects.httproute import HTTPBackendRef

ParseFilter = Callable[[HTTPRouteFilter], Filter | str]
"""Give the settings of a filter, or say what is wrong with it. The registry of `filters` has these."""

_QUIET = re2.Options()
_QUIET.log_errors = False


class NamedValue(Protocol):
    """A match on a header or a query parameter, of any kind of route."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def value(self) -> str:
        """What it must be."""

    @property
    def type(self) -> str | None:
        """How it is compared."""


class RuleParser:
    """Parses one rule and notes what is wrong with it, each with the path of the field."""

    def __init__(self, field: str, filters: Mapping[str, ParseFilter]) -> None:
        self.problems: list[str] = []
        self._field = field
        self._filters = filters

    def filters(self, field: str, specs: tuple[HTTPRouteFilter, ...]) -> ParsedFilters:
        """Parse filters with the parsers of the registry; a filter that nobody knows must not be skipped."""
        found: list[Filter] = []
        unresolved: list[Problem] = []
        for number, spec in enumerate(specs):
            parse_filter = self._filters.get(spec.type)
            if parse_filter is None and (reference := spec.extension_ref) is not None:
                words = f"{self._field}.{field}[{number}].extensionRef: {reference.group or 'core'}/{reference.kind}"
                unresolved.append(Problem(RESOLVED_REFS, "InvalidKind", f"{words} is not a kind of filter; remove it"))
                continue
            if parse_filter is None:
                known = ", ".join(self._filters)
                self.note(f"{field}[{number}].type", f"{spec.type} is not supported; supported: {known}")
                continue
            parsed = parse_filter(spec)
            if isinstance(parsed, str):
                self.note(f"{field}[{number}]", parsed)
            else:
                found.append(parsed)
        return ParsedFilters(tuple(found), tuple(unresolved))

    def backends(self, references: Iterable[HTTPBackendRef]) -> tuple[ParsedBackend, ...]:
        """Parse the backendRefs; a weight that is not given is 1."""
        return tuple(
            ParsedBackend(
                reference,
                1 if reference.weight is None else reference.weight,
                self.filters(f"backendRefs[{number}].filters", reference.filters),
            )
            for number, reference in enumerate(references)
        )

    def values(self, field: str, specs: Iterable[NamedValue], *, fold_case: bool) -> tuple[ValueMatch, ...]:
        """Parse matches of headers or query parameters; of equal names the first counts (HTTPHeaderMatch.name)."""
        found: dict[str, ValueMatch] = {}
        for number, spec in enumerate(specs):
            name = spec.name.lower() if fold_case else spec.name
            regex = spec.type == "RegularExpression"
            if name in found:
                continue
            if regex:
                self.check_regex(f"{field}[{number}].value", spec.value)
            elif spec.type not in ("Exact", None):
                self.note(f"{field}[{number}].type", f"{spec.type} is not supported; use Exact or RegularExpression")
            found[name] = ValueMatch(name, spec.value, regex)
        return tuple(found.values())

    def check_regex(self, field: str, value: str) -> None:
        """Ask RE2, which is what Envoy will ask, so that a bad expression never gets there."""
        try:
            size = re2.compile(value, _QUIET).programsize
        except re2.error as error:
            words = error.args[0]
            self.note(field, f"{value!r}: {words.decode() if isinstance(words, bytes) else words}")
            return
        if size > MAX_REGEX_INSTRUCTIONS:
            words = f"{value!r} is too large: {size} RE2 instructions of at most {MAX_REGEX_INSTRUCTIONS}"
            self.note(field, f"{words}; repeat less, or use smaller classes of characters")

    def note(self, field: str, message: str) -> None:
        """Note what is wrong with a field of the rule."""
        self.problems.append(f"{self._field}.{field}: {message}")
