"""The election at an API server: asks, waits, and tells when the word changes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, assert_never

import msgspec

from xdsserver.kube.client import Body, ContentType
from xdsserver.kube.errors import Conflict, Garbled, KubeError, NotFound
from xdsserver.kube.executor import Clock
from xdsserver.kube.lease import Read, Record, Seen, Write

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from datetime import datetime

    from xdsserver.kube.client import KubeClient
    from xdsserver.kube.lease import Election, Failure, Step


class LeaseApi(Protocol):
    """What is asked of an API server. Whatever goes wrong is a `KubeError`."""

    async def read(self) -> Seen:
        """Read the Lease."""

    async def write(self, write: Write) -> Seen:
        """Write it over the version that is named, or create it; give it as it is then."""


def process_identity(host: str = "") -> str:
    """Name this process: its host, which in a cluster is its pod, and what no other process has."""
    return f"{host or socket.gethostname()}_{os.getpid()}_{secrets.token_hex(4)}"


class _Metadata(msgspec.Struct, rename="camel"):
    resource_version: str = ""


class _Spec(msgspec.Struct, rename="camel"):
    holder_identity: str | None = None
    lease_duration_seconds: int | None = None
    acquire_time: str | None = None
    renew_time: str | None = None
    lease_transitions: int | None = None


class _Lease(msgspec.Struct):
    metadata: _Metadata
    spec: _Spec = msgspec.field(default_factory=_Spec)


class KubeLease:
    """One Lease of an API server."""

    def __init__(self, client: KubeClient, namespace: str, name: str) -> None:
        self._client = client
        self._name = name
        self._all = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"

    async def read(self) -> Seen:
        """Read the Lease."""
        return _seen(await self._client.get(f"{self._all}/{self._name}"))

    async def write(self, write: Write) -> Seen:
        """Write it over the version that is named, or create it; give it as it is then."""
        record = write.record
        spec = {
            "holderIdentity": record.holder,
            "leaseDurationSeconds": record.duration_s,
            "acquireTime": record.acquired or None,
            "renewTime": record.renewed or None,
            "leaseTransitions": record.transitions,
        }
        if write.version is None:
            head = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": self._name}}
            return _seen(await self._client.post(self._all, Body(msgspec.json.encode({**head, "spec": spec}))))
        # A patch, so that labels and fields that others own stay; with a version it is refused over any other one.
        patch = msgspec.json.encode({"metadata": {"resourceVersion": write.version}, "spec": spec})
        return _seen(await self._client.patch(f"{self._all}/{self._name}", Body(patch, ContentType.MERGE_PATCH)))


def _seen(answer: bytes) -> Seen:
    try:
        lease = msgspec.json.decode(answer, type=_Lease)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        message = f"a Lease cannot be read: {error}"
        raise Garbled(message) from error
    spec = lease.spec
    record = Record(
        spec.holder_identity or "",
        spec.lease_duration_seconds or 0,
        spec.acquire_time or "",
        spec.renew_time or "",
        spec.lease_transitions or 0,
    )
    return Seen(record, lease.metadata.resource_version)


@dataclass(frozen=True, slots=True)
class Listeners:
    """Who is told: `leading` when we begin or end to lead, `trouble` what is wrong with the Lease, "" when it is not.

    That we lead no more is told as soon as somebody looks; `Elector.may_write` says it at once. `holder` is told who
    leads as far as is known, by identity, and "" for nobody.
    """

    leading: Callable[[bool], None] = lambda _leads: None
    trouble: Callable[[str], None] = lambda _words: None
    holder: Callable[[str], None] = lambda _identity: None


class Elector:
    """Takes part in the election for as long as `taking_part` lasts."""

    def __init__(
        self, api: LeaseApi, election: Election, listeners: Listeners | None = None, clock: Clock | None = None
    ) -> None:
        self._api = api
        self._election = election
        self._listeners = listeners or Listeners()
        self._clock = clock or Clock()
        self._asking = asyncio.Lock()
        self._led = False
        self._holder = ""
        self._trouble = ""

    def may_write(self) -> bool:
        """Say whether we lead now; to be asked before every write, which must then end within five seconds."""
        return self._election.may_write(self._clock.monotonic())

    @contextlib.asynccontextmanager
    async def taking_part(self) -> AsyncIterator[None]:
        """Stand for election until the end of the block, then give the Lease back.

        All that writes must have ended before the block does: whoever waits may write a moment later.
        """
        standing = asyncio.create_task(self._stand())
        try:
            yield
        finally:
            # Not in the middle of a renewal: it would change the version that the release is made for.
            async with self._asking:
                standing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await standing
            await self._release()

    async def _stand(self) -> None:
        clock, election = self._clock, self._election
        while True:
            async with self._asking:
                step = election.step(clock.monotonic(), _micro_time(clock.today()))
                if step is not None:
                    await self._do(step)
            self._tell()
            until = election.next_at
            if self.may_write():
                # To notice in time that a Lease could not be renewed.
                until = min(until, election.stops_at)
            await clock.sleep(max(0.0, until - clock.monotonic()))

    async def _do(self, step: Step) -> None:
        clock, election = self._clock, self._election
        sent_at = clock.monotonic()
        limit_s = election.rules.request_s
        if election.may_write(sent_at):
            # The end of leading is told when it comes, not when an answer does.
            limit_s = min(limit_s, election.stops_at - sent_at)
        try:
            async with asyncio.timeout(limit_s):
                match step:
                    case Read():
                        found = await self._api.read()
                    case Write():
                        found = await self._api.write(step)
                    case _:
                        assert_never(step)
        except (KubeError, TimeoutError) as error:
            failure = _failure(error)
            election.failed(failure, clock.monotonic(), clock.jitter())
            if failure == "away":
                self._say(str(error) or f"no answer in {limit_s:.2g} s")
            return
        self._say("")
        if isinstance(step, Read):
            election.read(found, clock.monotonic(), clock.jitter())
        else:
            election.wrote(found, sent_at, clock.monotonic(), clock.jitter())

    async def _release(self) -> None:
        write = self._election.release(_micro_time(self._clock.today()))
        if write is not None:
            # Where it fails the others wait until it has run out.
            with contextlib.suppress(KubeError, TimeoutError):
                async with asyncio.timeout(self._election.rules.request_s):
                    await self._api.write(write)
        self._tell()

    def _tell(self) -> None:
        leads = self.may_write()
        if leads is not self._led:
            self._led = leads
            self._listeners.leading(leads)
        holder = self._election.holder
        if holder == self._election.identity and not leads:
            # We may not write any more, and nobody else has taken it yet.
            holder = ""
        if holder != self._holder:
            self._holder = holder
            self._listeners.holder(holder)

    def _say(self, words: str) -> None:
        if words != self._trouble:
            self._trouble = words
            self._listeners.trouble(words)


def _failure(error: KubeError | TimeoutError) -> Failure:
    match error:
        case NotFound():
            return "missing"
        case Conflict():
            return "conflict"
        case _:
            return "away"


def _micro_time(moment: datetime) -> str:
    """Write the form of `metav1.MicroTime`, which has six digits even where they are zero."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
