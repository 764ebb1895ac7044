"""A small API server that holds objects: GET, merge patches of statuses over one version, a plain apply, and faults."""

from __future__ import annotations

from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.kube.scripted import Fixed, scripted, status_object
from xdsserver.kube.client import KubeClient
from xdsserver.objects.meta import ObjectKey

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from tests.kube.scripted import Reply, Request

    Fault = Callable[[Request], Awaitable["Refusal | None"]]
    """Answers in place of the server, or None to let it."""

PLURALS = {"httproutes": "HTTPRoute", "gateways": "Gateway", "gatewayclasses": "GatewayClass", "services": "Service"}


class Refusal(NamedTuple):
    """What is answered instead: a status with its reason, and seconds to wait."""

    code: int
    reason: str
    retry_after: str = ""


@dataclass
class Held:
    """The objects, by key, and what was asked for."""

    objects: dict[ObjectKey, dict[str, Any]] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    """Requests by method and status."""
    writes: list[ObjectKey] = field(default_factory=list)
    """Statuses that were written, in order."""
    fault: Fault | None = None
    version: int = 0
    uids: int = 0

    def create(self, key: ObjectKey, status: dict[str, Any] | None = None) -> dict[str, Any]:
        self.version += 1
        self.uids += 1
        metadata = {"uid": f"u{self.uids}", "resourceVersion": str(self.version), "generation": 1, "name": key.name}
        self.objects[key] = {"metadata": metadata, **({} if status is None else {"status": status})}
        return self.objects[key]

    def bump(self, found: dict[str, Any]) -> None:
        """Note that an object was written."""
        self.version += 1
        found["metadata"]["resourceVersion"] = str(self.version)

    async def script(self, request: Request, reply: Reply) -> None:
        answer = (await self.fault(request) if self.fault is not None else None) or self._answer(request)
        code = answer.code if isinstance(answer, Refusal) else 200
        self.asked[f"{request.method} {code}"] += 1
        if isinstance(answer, Refusal):
            headers = {"Retry_After": answer.retry_after} if answer.retry_after else {}
            await reply.json(status_object(code, answer.reason), code, **headers)
        else:
            await reply.json(answer)

    def _answer(self, request: Request) -> dict[str, Any] | Refusal:
        key = key_of(request.path)
        found = self.objects.get(key)
        if request.headers.get("content-type") == "application/apply-patch+yaml":
            return self._apply(key, request)
        if found is None:
            return Refusal(404, "NotFound")
        if request.method == "DELETE":
            assert request.json()["preconditions"] == {"uid": found["metadata"]["uid"]}
            return self.objects.pop(key)
        if request.method == "PATCH":
            assert request.headers["content-type"] == "application/merge-patch+json"
            assert request.query == {"fieldManager": "xdsserver"}
            assert request.path.endswith("/status")
            patch = request.json()
            if any(found["metadata"][name] != value for name, value in patch.get("metadata", {}).items()):
                return Refusal(409, "Conflict")
            status = found.get("status", {}) | patch["status"]
            found["status"] = {name: value for name, value in status.items() if value is not None}
            self.bump(found)
            self.writes.append(key)
        return found

    def _apply(self, key: ObjectKey, request: Request) -> dict[str, Any] | Refusal:
        """Take what is applied for the whole: how fields are merged is for a real server to show."""
        assert request.query == {"fieldManager": "xdsserver", "force": "true"}
        found = self.objects.get(key) or self.create(key)
        wanted = request.json()
        versions = {name: wanted["metadata"][name] for name in ("uid", "resourceVersion") if name in wanted["metadata"]}
        if any(found["metadata"][name] != value for name, value in versions.items()):
            return Refusal(409, "Conflict")
        metadata = found["metadata"] | wanted["metadata"]
        found |= wanted | {"metadata": metadata}
        self.bump(found)
        self.writes.append(key)
        return found


def key_of(path: str) -> ObjectKey:
    parts = path.removesuffix("/status").split("/")
    namespace = parts[parts.index("namespaces") + 1] if "namespaces" in parts else ""
    return ObjectKey(PLURALS[parts[-2]], namespace, parts[-1])


@asynccontextmanager
async def serving(held: Held) -> AsyncIterator[KubeClient]:
    """Serve on loopback, and give a way to ask."""
    async with scripted(held.script) as server, KubeClient(Fixed(server.access)) as client:
        yield client
