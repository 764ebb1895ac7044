"""What rules of all kinds of routes have in common: filters, fields, backendRefs, named values, expressions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import re2

from xdsserver.gatewayapi.conditions import ACCEPTED, RESOLVED_REFS, Problem
from xdsserver.gatewayapi.rules import ParsedBackend, ParsedFilters, ParsedRule
from xdsserver.model.routing import MAX_REGEX_INSTRUCTIONS, ValueMatch

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from xdsserver.model.routing import Filter, RequestMatch
    from xdsserver.objects.httproute import HTTPBackendRef, HTTPRouteFilter, HTTPRouteRule
    from xdsserver.objects.meta import ObjectKey

_QUIET = re2.Options()
_QUIET.log_errors = False


class FilterKind(Protocol):
    """What there is to know of a type of filter to parse rules; the slices of `filters` say it."""

    @property
    def repeatable(self) -> bool:
        """Whether a rule may have several."""

    @property
    def excludes(self) -> tuple[str, ...]:
        """Types that no request may get besides it."""

    def parse(self, spec: HTTPRouteFilter, matches: tuple[RequestMatch, ...], /) -> Filter | str:
        """Give the settings, or say what is wrong with them."""


class FieldKind(Protocol):
    """What there is to know of a field of rules to parse it; the slices of `filters` say it."""

    @property
    def type(self) -> str:
        """What it is called."""

    def parse(
        self, rule: HTTPRouteRule, owner: ObjectKey, position: int, /
    ) -> Filter | tuple[Filter, ...] | str | None:
        """Give the settings for the rule, or for each of its backendRefs, or say what is wrong."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What a rule may hold besides matches and backendRefs: types of filters by name, and fields in their order."""

    filters: Mapping[str, FilterKind]
    fields: tuple[FieldKind, ...]


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

    def __init__(self, owner: ObjectKey, position: int, vocabulary: Vocabulary) -> None:
        self.problems: list[Problem] = []
        self._owner = owner
        self._position = position
        self._field = f"spec.rules[{position}]"
        self._kinds = vocabulary.filters
        self._fields = vocabulary.fields

    def rule(self, created: str, spec: HTTPRouteRule, matches: tuple[RequestMatch, ...]) -> ParsedRule:
        """Give the whole rule, its matches being parsed, of a route of this time of creation."""
        filters = self._filters("filters", spec.filters, matches)
        backends = self._backends(spec.backend_refs, matches, filters)
        for kind in self._fields:
            match kind.parse(spec, self._owner, self._position):
                case None:
                    pass
                case str(refusal):
                    self.note(kind.type, refusal)
                case tuple(each):
                    backends = tuple(
                        replace(backend, filters=backend.filters.followed_by(one))
                        for backend, one in zip(backends, each, strict=True)
                    )
                case whole:
                    filters = filters.followed_by(whole)
        return ParsedRule(
            owner=self._owner,
            created=created,
            position=self._position,
            name=spec.name or "",
            matches=matches,
            filters=filters,
            backends=backends,
            problems=tuple(self.problems),
        )

    def _filters(
        self,
        field: str,
        specs: tuple[HTTPRouteFilter, ...],
        matches: tuple[RequestMatch, ...],
        above: ParsedFilters | None = None,
    ) -> ParsedFilters:
        """Parse filters with the parsers of the registry; a filter that nobody knows must not be skipped.

        `matches` are those of the rule, `above` its filters where these are of one of its backends.
        """
        found: list[Filter] = []
        unresolved: list[Problem] = []
        for number, spec in enumerate(specs):
            kind = self._kinds.get(spec.type)
            if kind is None and (reference := spec.extension_ref) is not None:
                words = f"{self._field}.{field}[{number}].extensionRef: {reference.group or 'core'}/{reference.kind}"
                unresolved.append(Problem(RESOLVED_REFS, "InvalidKind", f"{words} is not a kind of filter; remove it"))
                continue
            if kind is None:
                known = ", ".join(self._kinds)
                self.note(f"{field}[{number}].type", f"{spec.type} is not supported; supported: {known}")
                continue
            if (refusal := self._incompatible(spec.type, found, above.known if above else ())) is not None:
                self.note(f"{field}[{number}].type", refusal, "IncompatibleFilters")
                continue
            parsed = kind.parse(spec, matches)
            if isinstance(parsed, str):
                self.note(f"{field}[{number}]", parsed)
            else:
                found.append(parsed)
        return ParsedFilters(tuple(found), tuple(unresolved))

    def _incompatible(self, type_: str, before: Sequence[Filter], above: Sequence[Filter]) -> str | None:
        """Say which filter a further one must not stand with (HTTPRouteRule.filters)."""
        kind = self._kinds[type_]
        if not kind.repeatable and any(one.type == type_ for one in before):
            return f"{type_} is there already; make one of the two"
        for one in (*above, *before):
            if one.type in kind.excludes or type_ in self._kinds[one.type].excludes:
                return f"{type_} and {one.type} exclude each other; use one of them"
        return None

    def _backends(
        self, references: Iterable[HTTPBackendRef], matches: tuple[RequestMatch, ...], filters: ParsedFilters
    ) -> tuple[ParsedBackend, ...]:
        """Parse the backendRefs of a rule with these matches and filters; a weight that is not given is 1."""
        return tuple(
            ParsedBackend(
                reference,
                1 if reference.weight is None else reference.weight,
                self._filters(f"backendRefs[{number}].filters", reference.filters, matches, filters),
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

    def check_regex(self, field: str, value: str) -> bool:
        """Ask RE2, which is what Envoy will ask, so that a bad expression never gets there; tell whether it is good."""
        try:
            size: int = re2.compile(value, _QUIET).programsize
        except re2.error as error:
            words = error.args[0]
            self.note(field, f"{value!r}: {words.decode() if isinstance(words, bytes) else words}")
            return False
        if size > MAX_REGEX_INSTRUCTIONS:
            words = f"{value!r} is too large: {size} RE2 instructions of at most {MAX_REGEX_INSTRUCTIONS}"
            self.note(field, f"{words}; repeat less, or use smaller classes of characters")
        return size <= MAX_REGEX_INSTRUCTIONS

    def note(self, field: str, message: str, reason: str = "UnsupportedValue") -> None:
        """Note what is wrong with a field of the rule, which is dropped for it."""
        self.problems.append(Problem(ACCEPTED, reason, f"{self._field}.{field}: {message}"))
