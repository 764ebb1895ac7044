"""Writes over HTTP: the paths and bodies of the requests, and what each answer of an API server means."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, assert_never

import msgspec

from xdsserver.effects import Amend, Apply, Delete, Observed, StatusWrite
from xdsserver.effects.objects import INTENT
from xdsserver.kube import errors
from xdsserver.kube.answers import Away, Conflict, Done, Missing, Refused, TooMany
from xdsserver.kube.client import Body, ContentType
from xdsserver.kube.wire import controller_of
from xdsserver.objects.kinds import BY_NAME, OWNED, TENANT_OWNED, TENANT_READ
from xdsserver.objects.workloads import OwnerReference  # noqa: TC001  (read by msgspec)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from xdsserver.kube.answers import Answer
    from xdsserver.kube.client import KubeClient
    from xdsserver.kube.executor import Write
    from xdsserver.objects.meta import ObjectKey

FIELD_MANAGER = "xdsserver"

WRITE_S = 4.0
"""How long a request may take: less than what a Lease lasts after the last moment to renew it (15 s less 10 s).

So no write that began under a Lease can arrive under the next one.
"""

_AWAY = frozenset({502, 503, 504})

_KINDS = BY_NAME | {kind.name: kind for kind in (*OWNED, *TENANT_READ, *TENANT_OWNED)}


class _Metadata(msgspec.Struct, rename="camel"):
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    annotations: dict[str, str] = {}
    owner_references: tuple[OwnerReference, ...] = ()


class _Object(msgspec.Struct):
    metadata: _Metadata
    status: msgspec.Raw = msgspec.Raw()


class Writes:
    """Reads and writes; `version` gives the one in which a kind is served, None where that is not known."""

    def __init__(
        self,
        client: KubeClient,
        version: Callable[[str], str | None] = lambda _kind: None,
        write_s: float = WRITE_S,
        manager: str = FIELD_MANAGER,
    ) -> None:
        self._client = client
        self._version = version
        self._write_s = write_s
        self._manager = manager

    async def read(self, key: ObjectKey) -> Answer:
        """Read an object as it is now."""
        return await ask(self._client.get(self._path(key)), self._write_s)

    async def write(self, key: ObjectKey, write: Write) -> Answer:
        """Write a status over the version that it was made for and no other; apply, amend or delete an object."""
        path = self._path(key)
        match write:
            case StatusWrite():
                body = Body(msgspec.json.encode(write.patch()), ContentType.MERGE_PATCH)
                request = self._client.patch(f"{path}/status", body, {"fieldManager": self._manager})
            case Amend():
                body = Body(msgspec.json.encode(write.patch()), ContentType.MERGE_PATCH)
                request = self._client.patch(path, body, {"fieldManager": self._manager})
            case Apply():
                body = Body(msgspec.json.encode(write.body), ContentType.APPLY)
                # Forced: what we decide on is ours to say, whoever wrote it last.
                request = self._client.patch(path, body, {"fieldManager": self._manager, "force": "true"})
            case Delete():
                options: dict[str, object] = {
                    "preconditions": {"uid": write.uid},
                    "propagationPolicy": "Background",
                    **({} if write.grace_s is None else {"gracePeriodSeconds": write.grace_s}),
                }
                request = self._client.delete(path, Body(msgspec.json.encode(options)))
            case _:
                assert_never(write)
        return await ask(request, self._write_s)

    def _path(self, key: ObjectKey) -> str:
        kind = _KINDS[key.kind]
        version = self._version(kind.name) or kind.versions[0]
        api = f"/apis/{kind.group}/{version}" if kind.group else f"/api/{version}"
        place = f"/namespaces/{key.namespace}" if kind.namespaced else ""
        return f"{api}{place}/{kind.plural}/{key.name}"


def observed(body: bytes) -> Observed:
    """Take from the JSON of an object what matters for what is owed to it.

    Raises:
        msgspec.MsgspecError: It is no JSON of an object.
    """
    found = msgspec.json.decode(body, type=_Object)
    meta = found.metadata
    intent = meta.annotations.get(INTENT, "")
    owner = controller_of(meta.owner_references)
    return Observed(meta.uid, meta.resource_version, meta.generation, bytes(found.status), intent, owner)


async def ask(request: Awaitable[bytes], limit_s: float) -> Answer:
    """Wait for the answer to a request about one object, and say what it means for whoever asked."""
    try:
        async with asyncio.timeout(limit_s):
            return Done(observed(await request))
    except TimeoutError:
        return Away(f"no answer in {limit_s:g} s")
    except errors.KubeError as error:
        return _meaning(error)
    except msgspec.MsgspecError as error:
        return Refused(f"the answer cannot be read: {error}")


def _meaning(error: errors.KubeError) -> Answer:
    match error:
        case errors.Conflict():
            return Conflict()
        case errors.NotFound():
            return Missing()
        case errors.TooManyRequests():
            return TooMany(error.retry_after_s)
        case errors.Unreachable() | errors.AccessError() | errors.Unauthorized():
            # Who we are is read again by the client, and then the same is asked again.
            return Away(str(error))
        case errors.StatusError() if error.code in _AWAY:
            return Away(str(error))
        case _:
            return Refused(str(error))
