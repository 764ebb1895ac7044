"""Cases from state to state: these objects are there, exactly these effects and this status follow.

A folder each: `before.yaml`, where it is there, is what an operator was left alone with until nothing changed any more;
`cluster.yaml` is put over it (an object with `gone: true` is taken away), and its first comment says what it proves;
`plan.yaml` is what is owed then, in one step.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, assert_never

import yaml

from tests.kube.virtual import in_virtual_time
from tests.tenant.scene import START, defaulted, operating
from tests.tenant.simulated import Simulated, key_of
from xdsserver.effects import Amend, Amended, Apply, Book, Delete, Intended, Kept, StatusWrite, Taken
from xdsserver.effects.objects import INTENT
from xdsserver.pipeline.tenants import TenantStory
from xdsserver.tenant.names import REALM
from xdsserver.tenant.plan import Due, Unwanted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from xdsserver.effects import Decision, Effect
    from xdsserver.tenant.plan import Owed

CASES = Path(__file__).parent / "cases"


def folders() -> list[Path]:
    return sorted(one.parent for one in CASES.glob("*/cluster.yaml"))


def pages() -> dict[Path, str]:
    return {folder / "plan.yaml": outcome(folder) for folder in folders()}


def outcome(folder: Path) -> str:
    """Give what follows from a case, as YAML."""
    cluster = Simulated()
    if (before := folder / "before.yaml").exists():
        _put(cluster, _read(before))
        in_virtual_time(_settled(cluster))
    _put(cluster, _read(folder / "cluster.yaml"))
    return _text(_effects(cluster))


async def _settled(cluster: Simulated) -> None:
    async with operating(cluster) as scene:
        await scene.settle()


def _read(file: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(file.read_text(encoding="utf-8")))


def _put(cluster: Simulated, documents: Iterable[dict[str, Any]]) -> None:
    for document in documents:
        if document.get("gone"):
            cluster.remove(key_of(document))
        else:
            cluster.put(defaulted(document) if document["kind"] == "Tenant" else document)


def _effects(cluster: Simulated) -> dict[str, Any]:
    story, book = TenantStory(), Book(realm=REALM)
    changes, readings = cluster.listed()
    rows = [row for change in changes for row in story.change(*change)]
    for key, observed in readings:
        rows += story.reading(key, observed)
        if observed is not None:
            book.read(key, observed)
    assert story.apply(rows).failures == {}
    effects = [
        {str(key): shown}
        for key, owed in sorted(story.decisions.rows.items())
        for shown in _shown(owed, book.owed(key, _decision(owed), START))
    ]
    (plan,) = story.plans.rows.values()
    events = [f"{one.type.value} {one.reason}: {one.words}" for one in plan.notes]
    status = {key.name: one.status for key, one in story.statuses.rows.items()}
    return {"effects": effects, "status": status, "events": events, "look again after": plan.requeue_s}


def _decision(owed: Owed) -> Decision | None:
    match owed:
        case Unwanted():
            return None
        case Due():
            return owed.removed
        case Intended() | Kept() | Amended():
            return owed
        case never:
            assert_never(never)


def _shown(owed: Owed, effect: Effect | None) -> Iterator[Any]:
    match effect:
        case None | StatusWrite():
            pass
        case Apply():
            yield {"apply": _without_marks(effect.body)}
        case Amend():
            yield {"amend": effect.fields}
        case Delete():
            at = {"not before": owed.at} if isinstance(owed, Due) else {}
            yield {"delete": {"uid": effect.uid, "grace": effect.grace_s} | at}
        case Taken():
            yield "is somebody else's"
        case never:
            assert_never(never)


def _without_marks(body: dict[str, Any]) -> dict[str, Any]:
    """Leave out what changes with every word of the code: hashes, and the version that it is written over."""
    metadata = {name: part for name, part in body["metadata"].items() if name not in {"uid", "resourceVersion"}}
    annotations = {name: part for name, part in metadata.pop("annotations", {}).items() if name != INTENT}
    return body | {"metadata": metadata | ({"annotations": annotations} if annotations else {})}


class _Whole(yaml.SafeDumper):
    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002
        return True


def _text(found: dict[str, Any]) -> str:
    return str(yaml.dump(found, Dumper=_Whole, sort_keys=False, width=110, allow_unicode=True))
