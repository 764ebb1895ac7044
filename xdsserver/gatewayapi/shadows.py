"""Shadows: matches that no request ever reaches, because an earlier one of the same hostname asks for the same."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

from xdsserver.gatewayapi.hostnames import ANY
from xdsserver.model.routing import PathKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from xdsserver.model.places import ListenerKey
    from xdsserver.model.routing import CallMatch, PathMatch, RequestMatch, ValueMatch
    from xdsserver.objects.meta import ObjectKey


@dataclass(frozen=True, slots=True)
class Answering:
    """A rule of a route, by its position."""

    owner: ObjectKey
    position: int


@dataclass(frozen=True, slots=True)
class Shadow:
    """A match of a rule that is never reached under a hostname of a listener, and the rule that answers instead."""

    rule: Answering
    listener: ListenerKey
    hostname: str
    match: RequestMatch
    instead: Answering


def doubts(shadows: Iterable[Shadow]) -> tuple[str, ...]:
    """Say of each match of a route which rule answers instead; once, however many hostnames it is about."""
    places: dict[tuple[Answering, RequestMatch, Answering], list[Shadow]] = defaultdict(list)
    for one in shadows:
        places[one.rule, one.match, one.instead].append(one)
    return tuple(_words(*found) for found in places.values())


def _words(first: Shadow, *more: Shadow) -> str:
    rule, match, instead = first.rule, first.match, first.instead
    where = f"{'any host' if first.hostname == ANY else first.hostname} of listener {first.listener.name}"
    further = f" and {len(more)} more" if more else ""
    other = "" if instead.owner == rule.owner else f"{instead.owner} "
    return (
        f"spec.rules[{rule.position}] never answers {', '.join(_asked(match))} on {where}{further}: "
        f"{other}spec.rules[{instead.position}] asks for the same and comes first; change one of them"
    )


def _asked(match: RequestMatch) -> Iterator[str]:
    if match.call is None:
        yield _path(match.path)
    else:
        yield _call(match.call)
    if match.method is not None:
        yield f"method {match.method}"
    yield from (f"header {_value(one)}" for one in match.headers)
    yield from (f"query parameter {_value(one)}" for one in match.query)


def _path(path: PathMatch) -> str:
    match path.kind:
        case PathKind.EXACT:
            return f"path {path.value}"
        case PathKind.REGEX:
            return f"paths like {path.value}"
        case PathKind.PREFIX:
            return f"paths under {path.value or '/'}"
    assert_never(path.kind)


def _call(call: CallMatch) -> str:
    like = " like" if call.regex else ""
    method = f"method{like} {call.method}" if call.method else "any method"
    service = f"service{like} {call.service}" if call.service else "any service"
    return f"{method} of {service}"


def _value(one: ValueMatch) -> str:
    return f"{one.name} like {one.value}" if one.regex else f"{one.name}={one.value}"
