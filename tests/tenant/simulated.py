"""A cluster in memory: what an API server does, and what the controllers of Kubernetes do with StatefulSets."""

from __future__ import annotations

import asyncio
import base64
import copy
import json
from collections import Counter
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any, assert_never

from xdsserver.effects import Amend, Apply, Delete, StatusWrite
from xdsserver.kube.answers import Conflict, Done, Missing, Refused
from xdsserver.kube.store import Change, Reading
from xdsserver.kube.writes import observed
from xdsserver.objects.decode import decode
from xdsserver.objects.kinds import BY_NAME, TENANT_OWNED, TENANT_READ
from xdsserver.objects.meta import Name, ObjectKey
from xdsserver.objects.quantities import canonical

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from xdsserver.kube.answers import Answer
    from xdsserver.kube.executor import Write

Json = dict[str, Any]
READ = {kind.name: kind for kind in (BY_NAME["Tenant"], BY_NAME["Secret"], *TENANT_READ)}
KINDS = READ | {kind.name: kind for kind in TENANT_OWNED}
_NEVER_CHANGED = ("serviceName", "selector", "podManagementPolicy", "volumeClaimTemplates")


def key_of(document: Json) -> ObjectKey:
    metadata = document["metadata"]
    return ObjectKey(document["kind"], metadata.get("namespace", ""), metadata["name"])


@dataclass
class Simulated:
    """Objects by key; `writes` are those of the operator, in order. `at` is waited for at every step of a request."""

    objects: dict[ObjectKey, Json] = field(default_factory=dict)
    writes: list[tuple[str, ObjectKey]] = field(default_factory=list)
    restarted: Counter[str] = field(default_factory=Counter)
    """Pods that were replaced."""
    unready: set[str] = field(default_factory=set)
    """Pods that do not become ready."""
    storage_class: str = "standard"
    grows: bool = True
    """Whether volumes become as large as they were asked to be."""
    refuse: Callable[[ObjectKey], str] = lambda _key: ""
    """Give words to refuse a write."""
    at: Callable[[], Awaitable[None]] | None = None
    tell: Callable[[Iterable[Change], Iterable[Reading]], None] | None = None
    version: int = 100
    _made: Counter[ObjectKey] = field(default_factory=Counter)
    _applied: dict[ObjectKey, Json] = field(default_factory=dict)
    _news: list[ObjectKey] = field(default_factory=list)

    # What people and other controllers do.

    def put(self, document: Json) -> Json:
        """Create an object, or write over it as its user."""
        key = key_of(document)
        known = self.objects.get(key)
        kept = {name: copy.deepcopy(part) for name, part in document.items() if name != "status"}
        metadata = kept["metadata"]
        if key.kind == "StatefulSet":
            _defaulted(kept)
        if key.kind == "Secret" and "stringData" in kept:
            kept = _secret(kept)
        if known is None:
            self._made[key] += 1
            metadata |= {"uid": metadata.get("uid", f"{key.kind}-{key.name}-{self._made[key]}"), "generation": 1}
            metadata.setdefault("creationTimestamp", "2026-01-01T00:00:00Z")
        else:
            changed = known.get("spec") != kept.get("spec")
            found = known["metadata"]
            metadata |= {"uid": found["uid"], "generation": found["generation"] + changed}
            metadata["creationTimestamp"] = found["creationTimestamp"]
        status = document.get("status", known.get("status") if known is not None else None)
        return self._store(key, kept | {"metadata": metadata} | ({} if status is None else {"status": status}))

    def edit(self, key: ObjectKey, change: Callable[[Json], None]) -> None:
        """Change an object as somebody does who has rights of his own."""
        document = copy.deepcopy(self.objects[key])
        change(document)
        self.put(document)

    def remove(self, key: ObjectKey) -> None:
        """Delete an object, and what it controls."""
        gone = self.objects.pop(key)
        self._news.append(key)
        for other in [
            one for one, document in self.objects.items() if _controller(document) == gone["metadata"]["uid"]
        ]:
            self.remove(other)
        self._soon()

    def named(self, kind: str) -> list[Json]:
        return [one for key, one in sorted(self.objects.items()) if key.kind == kind]

    def listed(self) -> tuple[list[Change], list[Reading]]:
        """Give all that there is, as a source does at a start."""
        self._news.clear()
        return self._changes(self.objects)

    # What the operator asks.

    async def read(self, key: ObjectKey) -> Answer:
        await self._step()
        found = self.objects.get(key)
        return Missing() if found is None else Done(_observed(found))

    async def write(self, key: ObjectKey, write: Write) -> Answer:
        await self._step()
        answer = self._write(key, write)
        await self._step()
        return answer

    async def _step(self) -> None:
        await asyncio.sleep(0)
        if self.at is not None:
            await self.at()

    def _write(self, key: ObjectKey, write: Write) -> Answer:
        found = self.objects.get(key)
        if words := self.refuse(key):
            return Refused(words)
        if not isinstance(write, Apply) and found is None:
            return Missing()
        if found is not None and not _is_for(write, found["metadata"]):
            return Conflict()
        self.writes.append((type(write).__name__, key))
        match write:
            case Apply():
                return self._apply(key, write.body, found)
            case StatusWrite():
                status = {**(found or {}).get("status", {}), **write.fields}
                self._store(key, {**(found or {}), "status": {k: v for k, v in status.items() if v is not None}})
            case Amend():
                self.put(_merged(copy.deepcopy(found or {}), write.fields))
            case Delete():
                self.remove(key)
                return Done(_observed(found or {}))
            case _:
                assert_never(write)
        return Done(_observed(self.objects[key]))

    def _apply(self, key: ObjectKey, body: Json, found: Json | None) -> Answer:
        before = self._applied.get(key, {})
        document = _merged(_without(copy.deepcopy(found or {}), before, body), copy.deepcopy(body))
        if found is not None and key.kind == "StatefulSet":
            _defaulted(document)
            changed = [one for one in _NEVER_CHANGED if document["spec"][one] != found["spec"][one]]
            if changed:
                return Refused(f"spec: Forbidden: updates to {changed[0]}")
        self._applied[key] = copy.deepcopy(body)
        document["metadata"].pop("resourceVersion", None)
        if found is None:
            document["metadata"].pop("uid", None)
        return Done(_observed(self.put(document)))

    # What Kubernetes does.

    def _store(self, key: ObjectKey, document: Json) -> Json:
        if document == self.objects.get(key):
            return document
        self.version += 1
        document["metadata"]["resourceVersion"] = str(self.version)
        self.objects[key] = document
        self._news.append(key)
        self._soon()
        return document

    def _soon(self) -> None:
        if self.tell is not None:
            asyncio.get_running_loop().call_soon(self.flush)

    def flush(self) -> None:
        """Let controllers act, and tell what happened."""
        for key in [key for key in self.objects if key.kind == "StatefulSet"]:
            self._run_set(key)
        keys, self._news = dict.fromkeys(self._news), []
        if keys and self.tell is not None:
            changes, readings = self._changes(keys)
            self.tell(changes, readings)

    def _run_set(self, key: ObjectKey) -> None:
        """Run the pods of a StatefulSet: in parallel when it is new, one after the other when they are replaced."""
        document = self.objects[key]
        spec, uid = document["spec"], document["metadata"]["uid"]
        revision = sha256(json.dumps(spec["template"], sort_keys=True).encode()).hexdigest()[:8]
        names = [f"{key.name}-{ordinal}" for ordinal in range(spec["replicas"])]
        for name in names:
            self._claims(key, name, spec.get("volumeClaimTemplates") or ())
            if ObjectKey("Pod", key.namespace, name) not in self.objects:
                self._pod(key, name, uid, spec, revision)
        for name in reversed(names):
            pod = self.objects[ObjectKey("Pod", key.namespace, name)]
            if pod["metadata"]["labels"]["revision"] != revision and not self.unready & {*names}:
                self.restarted[name] += 1
                self.objects.pop(ObjectKey("Pod", key.namespace, name))
                self._pod(key, name, uid, spec, revision)
        pods = [self.objects[ObjectKey("Pod", key.namespace, name)] for name in names]
        fresh = [one for one in pods if one["metadata"]["labels"]["revision"] == revision]
        ready = [name for name in names if name not in self.unready]
        settled = len(fresh) == len(ready) == len(names)
        before = document.get("status", {}).get("currentRevision", revision)
        status = {
            "observedGeneration": document["metadata"]["generation"],
            "replicas": len(names),
            "readyReplicas": len(ready),
            "updatedReplicas": len(fresh),
            "currentReplicas": len(names) if settled or before == revision else len(names) - len(fresh),
            "currentRevision": revision if settled else before,
            "updateRevision": revision,
        }
        if status != document.get("status"):
            self._store(key, document | {"status": status})

    def _pod(self, of: ObjectKey, name: str, uid: str, spec: Json, revision: str) -> None:
        labels = spec["template"]["metadata"]["labels"] | {"revision": revision}
        owner = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": of.name, "uid": uid, "controller": True}
        metadata = {"name": name, "namespace": of.namespace, "labels": labels, "ownerReferences": [owner]}
        ready = "False" if name in self.unready else "True"
        conditions = [{"type": "Ready", "status": ready, "lastTransitionTime": "2026-01-01T00:00:00Z"}]
        self.put(
            {"kind": "Pod", "metadata": metadata, "spec": {"nodeName": "n1"}, "status": {"conditions": conditions}}
        )

    def _claims(self, of: ObjectKey, pod: str, templates: Iterable[Json]) -> None:
        for template in templates:
            name = f"{template['metadata']['name']}-{pod}"
            key = ObjectKey("PersistentVolumeClaim", of.namespace, name)
            found = self.objects.get(key)
            if found is None:
                metadata = {"name": name, "namespace": of.namespace, "labels": template["metadata"].get("labels", {})}
                spec = {"storageClassName": self.storage_class} | template["spec"]
                self.put({"kind": key.kind, "metadata": metadata, "spec": spec})
                found = self.objects[key]
            size = found["spec"]["resources"]["requests"]["storage"]
            known = found.get("status", {}).get("capacity", {}).get("storage")
            if known is None or (self.grows and known != size):
                self._store(key, found | {"status": {"phase": "Bound", "capacity": {"storage": size}}})

    def _changes(self, keys: Iterable[ObjectKey]) -> tuple[list[Change], list[Reading]]:
        changes, readings = [], []
        for key in keys:
            document, name = self.objects.get(key), Name(key.namespace, key.name)
            if key.kind in READ:
                row = None if document is None else decode(READ[key.kind], document)
                changes.append(Change(key.kind, name, row))
            readings.append(Reading(key, None if document is None else _observed(document)))
        return changes, readings


def _defaulted(document: Json) -> None:
    """Fill in what a server fills into templates of volumes."""
    for template in document["spec"].get("volumeClaimTemplates") or ():
        template |= {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "status": {"phase": "Pending"}}
        template["metadata"].pop("creationTimestamp", None)
        template["spec"].setdefault("volumeMode", "Filesystem")
        requests = template["spec"]["resources"]["requests"]
        requests["storage"] = canonical(requests["storage"])


def _secret(document: Json) -> Json:
    data = {name: base64.b64encode(value.encode()).decode() for name, value in document["stringData"].items()}
    return {name: part for name, part in document.items() if name != "stringData"} | {"data": data}


def _observed(document: Json) -> Any:  # noqa: ANN401
    return observed(json.dumps(document).encode())


def _is_for(write: Write, metadata: Json) -> bool:
    match write:
        case Apply():
            named = write.body["metadata"]
            return all(named.get(one, metadata[one]) == metadata[one] for one in ("uid", "resourceVersion"))
        case Delete():
            return bool(write.uid == metadata["uid"])
        case _:
            return (write.uid, write.resource_version) == (metadata["uid"], metadata["resourceVersion"])


def _controller(document: Json) -> str:
    owners = document["metadata"].get("ownerReferences", ())
    return next((one["uid"] for one in owners if one.get("controller")), "")


def _merged(into: Json, fields: Json) -> Json:
    for name, value in fields.items():
        if isinstance(value, dict) and isinstance(into.get(name), dict):
            _merged(into[name], value)
        elif _has_names(value) and _has_names(into.get(name)):
            there = {one["name"]: one for one in into[name]}
            ours = [_merged(there.pop(one["name"], {}), one) for one in value]
            into[name] = [*ours, *there.values()]
        else:
            into[name] = value
    return into


def _has_names(value: object) -> bool:
    """Whether server-side apply tells the entries of a list apart by their names."""
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) and "name" in one for one in value)


def _without(document: Json, before: Json, now: Json) -> Json:
    """Take away what this manager applied before and does not any more."""
    for name, value in before.items():
        if name not in now:
            document.pop(name, None)
        elif isinstance(value, dict) and isinstance(now[name], dict) and isinstance(document.get(name), dict):
            _without(document[name], value, now[name])
        elif _has_names(value) and _has_names(document.get(name)):
            applied, wanted = ({one["name"]: one for one in part} for part in (value, now[name]))
            document[name] = [
                _without(one, applied.get(one["name"], {}), wanted.get(one["name"], {}))
                for one in document[name]
                if one["name"] in wanted or one["name"] not in applied
            ]
    return document
