"""Secrets that we make: read by name, created where there is none, and changed over one version.

Of a Secret that is refused nothing is told but the server's code and word: its message may quote what the Secret holds.
"""

from __future__ import annotations

import asyncio
import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from xdsserver.kube.client import Body, ContentType
from xdsserver.kube.errors import Garbled, NotFound, StatusError, TimedOut
from xdsserver.kube.writes import FIELD_MANAGER, WRITE_S
from xdsserver.objects.decode import decode_json
from xdsserver.objects.kinds import BY_NAME
from xdsserver.objects.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

    from xdsserver.kube.client import KubeClient
    from xdsserver.objects.meta import Name
    from xdsserver.objects.secret import SecretBytes


class _Owner(msgspec.Struct):
    uid: str


class _Metadata(msgspec.Struct, rename="camel"):
    uid: str = ""
    resource_version: str = ""
    owner_references: tuple[_Owner, ...] = ()


class _Header(msgspec.Struct):
    metadata: _Metadata


@dataclass(frozen=True, slots=True)
class Stored:
    """A Secret as the API server has it. Its type cannot be changed, so it says whose it is."""

    version: Mapping[str, str]
    """The `metadata` that a write must carry, to be refused for any other version."""
    type: str
    data: Mapping[str, SecretBytes]
    owners: frozenset[str] = frozenset()
    """The uids of those by whose deletion it goes too."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A Secret as it should be; `metadata` holds labels and owners."""

    name: Name
    type: str
    metadata: Mapping[str, Any]
    data: Mapping[str, SecretBytes]


class Secrets:
    """Secrets of an API server. Every method raises `KubeError` alone, in bounded time, whose words can be shown."""

    def __init__(self, client: KubeClient) -> None:
        self._client = client

    async def read(self, name: Name) -> Stored | None:
        """Read a Secret; None where there is none."""
        try:
            return _stored(await _asked(self._client.get(f"{_all(name)}/{name.name}")))
        except NotFound:
            return None

    async def create(self, wanted: Wanted) -> Stored:
        """Make one that is not there; where there is one it is a `Conflict`."""
        metadata = {**wanted.metadata, "name": wanted.name.name}
        document = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": wanted.type}
        body = Body(msgspec.json.encode(document | {"data": _base64(wanted.data)}))
        return _stored(await _asked(self._client.post(_all(wanted.name), body, {"fieldManager": FIELD_MANAGER})))

    async def change(self, wanted: Wanted, over: Stored) -> Stored:
        """Change one over this version; over any other it is a `Conflict`. Values of other names are removed."""
        data = dict.fromkeys(over.data) | _base64(wanted.data)
        patch = {"metadata": {**wanted.metadata, **over.version}, "data": data}
        body = Body(msgspec.json.encode(patch), ContentType.MERGE_PATCH)
        path = f"{_all(wanted.name)}/{wanted.name.name}"
        return _stored(await _asked(self._client.patch(path, body, {"fieldManager": FIELD_MANAGER})))


def _all(name: Name) -> str:
    return f"/api/v1/namespaces/{name.namespace}/secrets"


def _base64(data: Mapping[str, SecretBytes]) -> dict[str, str]:
    return {name: base64.b64encode(content.reveal()).decode("ascii") for name, content in data.items()}


async def _asked(request: Awaitable[bytes]) -> bytes:
    try:
        async with asyncio.timeout(WRITE_S):
            return await request
    except TimeoutError:
        message = f"no answer in {WRITE_S:g} s"
        raise TimedOut(message) from None
    except StatusError as error:
        raise type(error)(error.code, error.reason, "the Secret was refused", error.retry_after_s) from None


def _stored(answer: bytes) -> Stored:
    try:
        metadata = msgspec.json.decode(answer, type=_Header).metadata
        secret = decode_json(BY_NAME["Secret"], answer)
    except (msgspec.DecodeError, UnicodeDecodeError):
        secret = None
    if not isinstance(secret, Secret):
        # Without its text, which may quote what the Secret holds.
        message = "the API server sent what is no Secret"
        raise Garbled(message) from None
    version = {"uid": metadata.uid, "resourceVersion": metadata.resource_version}
    return Stored(version, secret.type, secret.data, frozenset(one.uid for one in metadata.owner_references))
