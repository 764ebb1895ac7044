"""An API server that keeps Secrets as a real one does: versions, conflicts, merge patches, types that stay."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.kube.scripted import status_object

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.kube.scripted import Json, Reply, Request, Script


@dataclass
class Shelf:
    """The Secrets, by path; `fault` answers in its place, `between` is done before a write is looked at."""

    secrets: dict[str, Json] = field(default_factory=dict)
    version: int = 0
    fault: Script | None = None
    between: Callable[[Request], Awaitable[None]] | None = None
    writes: list[str] = field(default_factory=list)
    """Method and path of each that was done."""

    async def __call__(self, request: Request, reply: Reply) -> None:
        if self.fault is not None:
            await self.fault(request, reply)
        else:
            await self.answer(request, reply)

    async def answer(self, request: Request, reply: Reply) -> None:
        if request.method != "GET" and self.between is not None:
            await self.between(request)
        code, answer = getattr(self, request.method.lower())(request)
        await reply.json(answer, code)

    def value(self, path: str, key: str) -> bytes:
        return base64.b64decode(self.secrets[path]["data"][key])

    def get(self, request: Request) -> tuple[int, Json]:
        found = self.secrets.get(request.path)
        return (200, found) if found is not None else (404, status_object(404, "NotFound", "there is none"))

    def post(self, request: Request) -> tuple[int, Json]:
        document = request.json()
        path = f"{request.path}/{document['metadata']['name']}"
        if path in self.secrets:
            return 409, status_object(409, "AlreadyExists", f"there is one: {request.body!r}")
        return 201, self._store(request, path, document | {"metadata": document["metadata"] | {"uid": f"u-{path}"}})

    def patch(self, request: Request) -> tuple[int, Json]:
        found, document = self.secrets.get(request.path), request.json()
        if found is None:
            return 404, status_object(404, "NotFound", "there is none")
        for name in ("uid", "resourceVersion"):
            if document["metadata"][name] != found["metadata"][name]:
                return 409, status_object(409, "Conflict", f"another version: {request.body!r}")
        data = {name: value for name, value in (found["data"] | document["data"]).items() if value is not None}
        metadata = found["metadata"] | document["metadata"]
        return 200, self._store(request, request.path, found | {"data": data, "metadata": metadata})

    def _store(self, request: Request, path: str, document: Json) -> Json:
        self.version += 1
        document["metadata"]["resourceVersion"] = str(self.version)
        self.secrets[path] = document
        self.writes.append(f"{request.method} {path}")
        return document
