"""Objects as they were taken in, and their statuses as they are owed; a Secret shows the names of its values alone."""

from dataclasses import dataclass
from typing import Any

import msgspec

from xdsserver.inspection.conditions import ConditionAnswer, State, answers, verdict
from xdsserver.inspection.paging import Scan, in_order, joined
from xdsserver.objects.meta import KubeObject, ObjectKey
from xdsserver.objects.secret import Secret, SecretBytes
from xdsserver.pipeline import Pipeline
from xdsserver.xds.redaction import HIDDEN


@dataclass(frozen=True, slots=True)
class ObjectAnswer:
    """An object in short.

    Attributes:
        kind: of which kind.
        namespace: where it is; "" for one of the cluster.
        name: how it is called.
        uid: which one of that name; "" where its source has none.
        generation: of its spec; 0 where its source counts none.
        state: what its status comes to.
        words: the first thing that is wrong with it, or that is waited for.
    """

    kind: str
    namespace: str
    name: str
    uid: str
    generation: int
    state: State
    words: str


@dataclass(frozen=True, slots=True)
class ObjectDetail:
    """An object with all that is known of it.

    Attributes:
        object: in short.
        content: as far as it is read here, in the form of the API; unknown fields and `managedFields` are not kept.
        conditions: of its status.
        status: as it is owed to it, in the form of the API; empty where nothing is.
    """

    object: ObjectAnswer
    content: dict[str, Any]
    conditions: tuple[ConditionAnswer, ...]
    status: dict[str, Any]


def scan(pipeline: Pipeline, after: str = "", kind: str = "", namespace: str = "") -> Scan[ObjectAnswer]:
    """Walk all objects by kind, namespace and name."""
    keys = (key for key in pipeline.names() if kind in ("", key.kind) and namespace in ("", key.namespace))
    for name, key in in_order(keys, after, joined):
        yield name, short(pipeline, key)


def short(pipeline: Pipeline, key: ObjectKey) -> ObjectAnswer | None:
    """Tell of one object in short; None where there is none."""
    found = pipeline.object(key)
    if found is None:
        return None
    summed = verdict(pipeline.statuses.rows.get(key))
    metadata = found.metadata
    return ObjectAnswer(*key, metadata.uid, metadata.generation, summed.state, summed.words)


def detail(pipeline: Pipeline, key: ObjectKey) -> ObjectDetail | None:
    """Tell all of one object; None where there is none."""
    found, summary = pipeline.object(key), short(pipeline, key)
    if found is None or summary is None:
        return None
    status = pipeline.statuses.rows.get(key)
    return ObjectDetail(summary, content(key, found), answers(status), {} if status is None else status.document())


def content(key: ObjectKey, found: KubeObject) -> dict[str, Any]:
    """Write an object in the form of the API; secret values are replaced, whatever their kind."""
    if isinstance(found, Secret):
        values = dict.fromkeys(found.data, HIDDEN)
        return {"kind": key.kind, "metadata": _plain(found.metadata), "type": found.type, "data": values}
    return {"kind": key.kind, **_plain(found)}


def _plain(value: object) -> dict[str, Any]:
    written: dict[str, Any] = msgspec.to_builtins(value, enc_hook=_hidden)
    return written


def _hidden(value: object) -> str:
    """Write what JSON does not know: a secret as a placeholder; anything else is a bug, and says so."""
    if isinstance(value, SecretBytes):
        return HIDDEN
    raise NotImplementedError(type(value))
