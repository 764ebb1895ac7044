"""YAML as kubectl reads it: the values of JSON, each key once, and no document that grows when it is read.

Values are built straight from the parser's events, because every safeguard needs them: an alias is counted before it is
followed, a repeated key is seen before it is overwritten, and depth costs no recursion. Scalars follow the YAML library
of Kubernetes rather than PyYAML: a date stays text, `12:30` is no number, and a number as a key is text.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from xdsserver.files.values import Limits
from xdsserver.objects.paths import Path, quote

Json = Any
"""What JSON can hold."""

CONSTANTS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"), True),
    **dict.fromkeys(("false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"), False),
}
NUMBER_STARTS = frozenset("-+.0123456789")
INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9_]*)")
OTHER_BASES = re.compile(r"[-+]?0(?:x[0-9a-fA-F_]+|b[01_]+|o?[0-7_]+)")
FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
MAX_DIGITS = 40
"""An integer of more digits is beyond every field; it is kept as a float so that no one waits for its conversion."""
MERGE = "<<"
TAG = "tag:yaml.org,2002:"


class YamlError(Exception):
    """A document that cannot be read; `line` counts from 0 within its text."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


@dataclass(slots=True)
class _Frame:
    """A collection that is still open."""

    value: dict[str, Json] | list[Json]
    anchor: str | None
    nodes_before: int
    key: str | None = None
    merged: list[dict[str, Json]] = field(default_factory=list)


def parse(text: str, limits: Limits) -> Json:
    """Read one document; an empty one is None. Collections behind aliases are shared: nobody may change the result.

    Raises YamlError for what is no YAML, for what JSON cannot hold, for a repeated key, and beyond a limit.
    """
    return _Builder(limits).build(text)


def events(text: str) -> Iterator[yaml.Event]:
    """Yield the events of one document. Raises YamlError."""
    parser = yaml.CBaseLoader(text)
    try:
        while (event := parser.get_event()) is not None:
            yield event
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line if error.problem_mark else 0
        context = f"{error.context}: " if error.context else ""
        raise YamlError(line, f"is not valid YAML: {context}{error.problem}") from error
    except yaml.YAMLError as error:
        forbidden = yaml.reader.Reader.NON_PRINTABLE.search(text)
        line = text.count("\n", 0, forbidden.start()) if forbidden else 0
        raise YamlError(line, "holds a character that YAML does not allow") from error
    finally:
        parser.dispose()


def _line(event: yaml.Event) -> int:
    return event.start_mark.line if event.start_mark else 0


class _Builder:
    """Builds one value from events."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._open: list[_Frame] = []
        self._anchors: dict[str, tuple[Json, int]] = {}
        self._nodes = 0
        self._aliases = 0
        self._copied = 0
        self._root: Json = None
        self._documents = 0

    def build(self, text: str) -> Json:
        for event in events(text):
            match event:
                case yaml.ScalarEvent():
                    value = _scalar(event)
                    self._nodes += 1
                    if event.anchor:
                        self._anchors[event.anchor] = (value, 1)
                    self._add(event, value, event.value)
                case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                    self._start(event)
                case yaml.CollectionEndEvent():
                    self._end(event)
                case yaml.AliasEvent():
                    self._alias(event)
                case yaml.DocumentStartEvent():
                    self._documents += 1
                    if self._documents > 1:
                        raise YamlError(_line(event), "holds a second document without a line '---' before it")
                case _:
                    pass
        return self._root

    def _start(self, event: yaml.MappingStartEvent | yaml.SequenceStartEvent) -> None:
        mapping = isinstance(event, yaml.MappingStartEvent)
        if event.tag and event.tag != f"{TAG}{'map' if mapping else 'seq'}":
            raise YamlError(_line(event), f"has the tag {quote(event.tag)}, expected plain YAML")
        if self._open and isinstance(self._open[-1].value, dict) and self._open[-1].key is None:
            raise YamlError(_line(event), "has a collection as a key, expected text")
        if len(self._open) >= self._limits.depth:
            raise YamlError(_line(event), f"is nested deeper than {self._limits.depth} levels")
        self._nodes += 1
        self._open.append(_Frame({} if mapping else [], event.anchor, self._nodes))

    def _end(self, event: yaml.CollectionEndEvent) -> None:
        frame = self._open.pop()
        value = frame.value
        for base in frame.merged:
            value = {**base, **value} if isinstance(value, dict) else value
        if frame.anchor:
            # Known only from its end on, so that no collection can hold itself.
            self._anchors[frame.anchor] = (value, self._nodes - frame.nodes_before + 1)
        self._add(event, value, None)

    def _alias(self, event: yaml.AliasEvent) -> None:
        line = _line(event)
        self._aliases += 1
        if self._aliases > self._limits.aliases:
            raise YamlError(line, f"uses more than {self._limits.aliases} aliases")
        anchor = event.anchor or ""
        if anchor not in self._anchors:
            raise YamlError(line, f"uses the alias {quote(anchor)}, which names nothing before it")
        value, nodes = self._anchors[anchor]
        self._nodes += nodes
        self._copied += nodes
        if self._copied > self._limits.copied_nodes:
            raise YamlError(line, f"grows by more than {self._limits.copied_nodes} values through aliases")
        self._add(event, value, value if isinstance(value, str) else None)

    def _add(self, event: yaml.Event, value: Json, text: str | None) -> None:
        """Put a value where it belongs; `text` is what a scalar looked like, since a number as a key is its text."""
        if not self._open:
            self._root = value
            return
        frame = self._open[-1]
        if isinstance(frame.value, list):
            frame.value.append(value)
        elif frame.key is None:
            frame.key = self._key(event, value, text)
            if frame.key in frame.value:
                raise YamlError(_line(event), f"has the key {quote(frame.key)} twice in one mapping")
        elif frame.key == MERGE:
            frame.merged += self._merged(event, value)
            frame.key = None
        else:
            frame.value[frame.key] = value
            frame.key = None

    @staticmethod
    def _key(event: yaml.Event, value: Json, text: str | None) -> str:
        if isinstance(value, str):
            return value
        if text is not None and isinstance(value, int) and not isinstance(value, bool):
            return text
        raise YamlError(_line(event), f"has {quote(text or '')} as a key, expected text; put it in quotes")

    @staticmethod
    def _merged(event: yaml.Event, value: Json) -> list[dict[str, Json]]:
        bases = value if isinstance(value, list) else [value]
        if not all(isinstance(base, dict) for base in bases):
            raise YamlError(_line(event), f"merges with {quote(MERGE)} what is no mapping")
        return bases


def _scalar(event: yaml.ScalarEvent) -> Json:
    """Resolve a scalar: plain ones by their form, quoted ones are text."""
    text: str = event.value
    if not event.implicit[0] and event.tag in {None, "!", f"{TAG}str"}:
        return text
    if event.implicit[1] and not event.implicit[0]:
        return text
    if event.tag and event.tag.removeprefix(TAG) not in {"int", "float", "bool", "null"}:
        raise YamlError(_line(event), f"has the tag {quote(event.tag)}, expected plain YAML")
    if text in CONSTANTS:
        return CONSTANTS[text]
    if text[0] not in NUMBER_STARTS:
        return text
    return _number(text, event)


def _number(text: str, event: yaml.ScalarEvent) -> Json:
    if INTEGER.fullmatch(text) and len(text) <= MAX_DIGITS:
        return int(text.replace("_", ""))
    if OTHER_BASES.fullmatch(text):
        digits = text.replace("_", "")
        return int(digits, {"x": 16, "b": 2}.get(digits.lstrip("+-")[1:2], 8))
    if FLOAT.fullmatch(text):
        value = float(text)
        if math.isfinite(value):
            return value
    if NOT_FINITE.fullmatch(text) or FLOAT.fullmatch(text):
        raise YamlError(_line(event), f"has the number {quote(text)}, which JSON does not know")
    return text


def lines(text: str) -> dict[Path, int]:
    """Return the line of each value, from 0: of its key in a mapping, of itself in a list; {} for what is no YAML."""
    found: dict[Path, int] = {(): 0}
    path: list[str | int | None] = []
    try:
        for event in events(text):
            match event:
                case yaml.CollectionEndEvent():
                    path.pop()
                    _next(path)
                case yaml.ScalarEvent() | yaml.AliasEvent() | yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                    _visit(event, path, found)
                case _:
                    pass
    except YamlError:
        pass
    return found


def _visit(event: yaml.Event, path: list[str | int | None], found: dict[Path, int]) -> None:
    """Note the line of a value, and step on. The last part of the path is None while a mapping waits for a key."""
    if path and path[-1] is None:
        path[-1] = getattr(event, "value", "") or ""
        found.setdefault(tuple(part for part in path if part is not None), _line(event))
        return
    if path and isinstance(path[-1], int):
        found.setdefault(tuple(part for part in path if part is not None), _line(event))
    match event:
        case yaml.MappingStartEvent():
            path.append(None)
        case yaml.SequenceStartEvent():
            path.append(0)
        case _:
            _next(path)


def _next(path: list[str | int | None]) -> None:
    """After a value: the next list position, or the next key."""
    if path:
        last = path[-1]
        path[-1] = last + 1 if isinstance(last, int) else None
