"""How the kinds of a cluster are followed: what is asked for, and what people, probes and metrics are told of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from xdsserver.kube.answers import Away, Conflict, Done, Missing, Refused, TooMany
from xdsserver.kube.following import Standing
from xdsserver.kube.source import NODES, everything, ours
from xdsserver.objects.kinds import BY_NAME
from xdsserver.objects.meta import GATEWAY_GROUP
from xdsserver.observe.notices import Level, Notice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from xdsserver.app.measures import Observation
    from xdsserver.kube.answers import Answer
    from xdsserver.kube.following import Followed
    from xdsserver.kube.source import KindState
    from xdsserver.objects.meta import ObjectKey
    from xdsserver.settings import WatchSettings

_WORST = (Standing.FORBIDDEN, Standing.WAITING, Standing.STALE, Standing.SYNCED, Standing.ABSENT)


def followed(settings: WatchSettings, *, runs_envoys: bool = False) -> tuple[Followed, ...]:
    """Give what is asked for; what runs Envoys only where that is ours to write."""
    secrets = {"Secret": settings.secrets} if settings.secrets else {}
    return (*everything(secrets, settings.namespaces), NODES, *(ours(settings.namespaces) if runs_envoys else ()))


def notice(state: KindState) -> Notice:
    """Say how a kind is."""
    subject = f"{state.kind} in {state.namespace}" if state.namespace else state.kind
    match state.standing:
        case Standing.WAITING | Standing.STALE:
            return Notice(Level.WARNING, subject, f"{state.standing.value}: {state.words}")
        case Standing.FORBIDDEN:
            return Notice(Level.ERROR, subject, f"may not be read: {state.words}")
        case Standing.ABSENT if state.words:
            return Notice(Level.INFO, subject, f"{state.words}; it is read as soon as it does")
        case Standing.ABSENT if state.kind in BY_NAME and BY_NAME[state.kind].group == GATEWAY_GROUP:
            words = "its CustomResourceDefinition is not installed; it is taken in as soon as it is"
            return Notice(Level.WARNING, subject, words)
        case Standing.ABSENT:
            return Notice(Level.INFO, subject, "not installed here")
        case Standing.SYNCED:
            return Notice(Level.INFO, subject, f"{state.objects} objects")
        case _:
            assert_never(state.standing)


_GATEWAY_API = ("GatewayClass", "Gateway")
"""Of the kinds of the Gateway API those without which nothing can be served at all."""


def lacking(states: Iterable[KindState]) -> str:
    """Say that nothing is served because the Gateway API is not installed; "" where it is, or not yet known."""
    absent = {one.kind for one in states if one.standing is Standing.ABSENT and not one.words}
    if absent.isdisjoint(_GATEWAY_API):
        return ""
    return (
        "the CustomResourceDefinitions of the Gateway API are not installed: nothing is served before they are; "
        "they are taken in as soon as they are there"
    )


def detail(states: Iterable[KindState]) -> Mapping[str, object]:
    """Say for probes how each kind is: of one that is followed in several namespaces the worst, which are not named."""
    found: dict[str, list[KindState]] = {}
    for one in states:
        found.setdefault(one.kind, []).append(one)
    return {kind: _detail(several) for kind, several in found.items()}


def _detail(states: Iterable[KindState]) -> Mapping[str, object]:
    several = sorted(states, key=lambda one: _WORST.index(one.standing))
    worst, ages = several[0], [one.age_s for one in several if one.age_s is not None]
    return {
        "standing": worst.standing.value,
        "objects": sum(one.objects for one in several),
        "age_s": round(max(ages), 1) if ages else None,
        **({"words": worst.words} if worst.words else {}),
    }


def measured(
    observation: Observation, states: Callable[[], Iterable[KindState]], may_write: Callable[[], bool] | None
) -> Callable[[ObjectKey, Answer | None], None]:
    """Measure what a run has to do with an API server; gives what is to be told of each write of a status.

    Without `may_write` nothing is said of who leads.
    """
    # Takes a fifteenth of a second: only for those who measure.
    from xdsserver.observe.metrics import Watched, WriteResult  # noqa: PLC0415

    def watched() -> Iterable[Watched]:
        return (Watched(one.kind, one.age_s, one.lists) for one in states())

    metrics = observation.kube(watched, may_write)

    def result(answer: Answer | None) -> WriteResult:
        match answer:
            case None:
                return WriteResult.UNCHANGED
            case Done():
                return WriteResult.WRITTEN
            case Conflict():
                return WriteResult.CONFLICT
            case Missing() | Refused():
                return WriteResult.REFUSED
            case TooMany() | Away():
                return WriteResult.UNAVAILABLE
            case _:
                assert_never(answer)

    return lambda key, answer: metrics.wrote_status(key.kind, result(answer))
