"""Why an object is as it is: its conditions, each with what it means and what to do about it."""

from dataclasses import dataclass

from xdsserver.gatewayapi.conditions import Condition, Status
from xdsserver.gatewayapi.statuses import all_conditions, doubts, faults
from xdsserver.inspection.naming import ObjectNamed, named
from xdsserver.inspection.reasons import CHAPTERS, LISTENERS, reason_of
from xdsserver.objects.kinds import BY_NAME, KINDS
from xdsserver.objects.meta import Name, ObjectKey
from xdsserver.pipeline import Pipeline
from xdsserver.reconciler import Reconciler

SHORT = {
    "gc": "GatewayClass",
    "gtw": "Gateway",
    "gw": "Gateway",
    "svc": "Service",
    "cm": "ConfigMap",
    "ns": "Namespace",
}
"""Short names of kinds, as kubectl has them."""


class NoSuchKindError(ValueError):
    """What was asked about names no kind that is known; the text says which are."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One condition: the part of the object that it is about ("" for the whole), what it means and what to do.

    `good` where it is as it ought to be, `waiting` where it is not decided yet. `message` is what the status says,
    `means` and `remedy` what the reference says of such conditions.
    """

    part: str
    type: str
    status: str
    reason: str
    message: str
    good: bool
    waiting: bool
    means: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Because:
    """What is to be said of an object: one that is not known here, that nobody decides about, or with verdicts.

    `words` say so in one line; `doubts` are about what is served and surely not meant.
    """

    object: ObjectNamed
    known: bool
    words: str
    verdicts: tuple[Verdict, ...] = ()
    doubts: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        """Whether there is nothing that its user should look at."""
        return self.known and not self.doubts and all(one.good or one.waiting for one in self.verdicts)


def object_named(text: str) -> ObjectKey:
    """Understand `KIND/NAMESPACE/NAME`, or `KIND/NAME` for what is in `default` or in no namespace.

    Kinds may be written in any case, in the plural, or short as kubectl has them.

    Raises:
        NoSuchKindError: there is no such kind, or it is not of this form.
    """
    kind, *place = text.split("/")
    if len(place) not in (1, 2) or not all(place):
        message = f"{text!r} names no object; write KIND/NAMESPACE/NAME, such as httproute/default/shop"
        raise NoSuchKindError(message)
    wanted = kind.lower()
    found = next((one for one in KINDS if wanted in (one.name.lower(), one.plural)), None) or BY_NAME.get(
        SHORT.get(wanted, "")
    )
    if found is None:
        message = f"{kind!r} is no kind that is read here; those are {', '.join(sorted(BY_NAME))}"
        raise NoSuchKindError(message)
    namespace = (place[0] if len(place) > 1 else "default") if found.namespaced else ""
    return ObjectKey(found.name, namespace, place[-1])


def why(reconciler: Reconciler, key: ObjectKey) -> Because:
    """Say why an object is as it is."""
    pipeline = reconciler.pipeline
    if pipeline.object(key) is None:
        return Because(named(key), known=False, words=_unknown(pipeline, key))
    status = pipeline.statuses.rows.get(key)
    if status is None:
        dangling = reconciler.dangling((key,)).get(key, ())
        if dangling:
            return Because(named(key), known=True, words="nobody here decides about it", doubts=dangling)
        return Because(named(key), known=True, words=_without_status(pipeline, key))
    wrong = {(part, one.type) for part, one in faults(status)}
    verdicts = tuple(
        _verdict(key.kind, part, one, good=(part, one.type) not in wrong) for part, one in all_conditions(status)
    )
    bad = sum(not one.good and not one.waiting for one in verdicts)
    waiting = sum(one.waiting for one in verdicts)
    words = f"{bad} of {len(verdicts)} conditions are not good" if bad else "all is well"
    if waiting and not bad:
        words = "nothing is wrong; Envoys have not acknowledged all of it yet"
    return Because(named(key), known=True, words=words, verdicts=verdicts, doubts=doubts(status))


def _verdict(kind: str, part: str, one: Condition, *, good: bool) -> Verdict:
    known = reason_of(LISTENERS if part.startswith("listener ") else kind, one.type, one.status.value, one.reason)
    waiting = one.status is Status.UNKNOWN
    means, remedy = ("", "") if known is None else (known.means, known.remedy)
    said = (part, one.type, one.status.value, one.reason, one.message)
    return Verdict(*said, good=good and not waiting, waiting=waiting, means=means, remedy=remedy)


def _unknown(pipeline: Pipeline, key: ObjectKey) -> str:
    """Say that there is no such object, and where one of its name is."""
    same = [one for one in pipeline.objects() if one.kind == key.kind and one.name == key.name]
    near = f"; there is {same[0]}" if same else ""
    return f"there is no {key}{near}"


def _without_status(pipeline: Pipeline, key: ObjectKey) -> str:
    """Say of an object that gets no status from us whether it is used."""
    if key.kind not in _WITH_STATUS:
        users = sorted({str(use[3]) for use in pipeline.cluster_uses.rows if ObjectKey(*use[1][:3]) == key})
        return (
            f"it is used by {', '.join(users)}"
            if users
            else "it has no status of ours, and nothing sends requests to it"
        )
    if key.kind == "GatewayClass":
        return "its controllerName is not that of this controller"
    if key.kind == "Gateway":
        class_ = pipeline.gateways.rows[Name(key.namespace, key.name)].spec.gateway_class_name
        return f"its class {class_} is not served here"
    return "nothing that is served here refers to it, or it refers to nothing that is served here"


_WITH_STATUS = frozenset(part for chapter in CHAPTERS for part in chapter.parts)
