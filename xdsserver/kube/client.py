"""Requests to an API server: each with a time limit, each failure one of the tree in `errors`."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Literal, Self

import aiohttp
from yarl import URL

from xdsserver.kube.errors import AccessError, KubeError, TimedOut, TooLarge, Unauthorized, Unreachable, of_status

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
    from types import TracebackType

    from xdsserver.kube.access import Access, Credentials, Trust

MIB = 1024 * 1024
_OK, _FIRST_OTHER = 200, 300
_AGAIN_S = 5.0
"""Credentials that were refused, or could not be read, are read again after so long at the earliest."""


class ContentType(StrEnum):
    """What a body is; of a patch also what it means."""

    JSON = "application/json"
    MERGE_PATCH = "application/merge-patch+json"
    JSON_PATCH = "application/json-patch+json"
    APPLY = "application/apply-patch+yaml"
    """Server-side apply. JSON is YAML, so the body may be JSON; the query names the `fieldManager`."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long an API server may take, and how much it may say."""

    connect_s: float = 5.0
    total_s: float = 30.0
    """One request, but for watches."""
    idle_s: float = 90.0
    """A watch in which nothing is said for so long is taken for dead: bookmarks come every minute."""
    answer_bytes: int = 32 * MIB
    """One answer. A page of 500 large ConfigMaps has many times that: whoever lists then asks for smaller pages."""
    line_bytes: int = 8 * MIB
    """One event of a watch. What an API server stores has 1.5 MiB at most; JSON escapes make it longer."""


@dataclass(frozen=True, slots=True)
class Body:
    """What is sent with a request."""

    content: bytes
    type: ContentType = ContentType.JSON


@dataclass(frozen=True, slots=True)
class _Request:
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    query: Mapping[str, str | int] | None
    body: Body | None = None
    accept: str = ContentType.JSON


class KubeClient:
    """One API server. To be used in `async with`, which closes the connections.

    Paths begin with a slash and are as they go over the wire. Answers are bytes; whoever asks knows what they mean.
    Every method raises `KubeError` and nothing else of what can go wrong outside.
    """

    def __init__(
        self, credentials: Credentials, limits: Limits | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.limits = limits or Limits()
        self._credentials = credentials
        self._clock = clock
        self._access: Access | None = None
        self._read_s = 0.0
        self._doubted = False
        self._reading = asyncio.Lock()
        self._sessions: dict[Trust, aiohttp.ClientSession] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections; watches end."""
        sessions, self._sessions = self._sessions, {}
        for session in sessions.values():
            await session.close()

    async def get(
        self, path: str, query: Mapping[str, str | int] | None = None, *, accept: str = ContentType.JSON
    ) -> bytes:
        """Read."""
        return await self._ask(_Request("GET", path, query, accept=accept))

    async def post(self, path: str, body: Body, query: Mapping[str, str | int] | None = None) -> bytes:
        """Create."""
        return await self._ask(_Request("POST", path, query, body))

    async def put(self, path: str, body: Body, query: Mapping[str, str | int] | None = None) -> bytes:
        """Replace, if the `resourceVersion` of the body is still the one that is stored (else `Conflict`)."""
        return await self._ask(_Request("PUT", path, query, body))

    async def patch(self, path: str, body: Body, query: Mapping[str, str | int] | None = None) -> bytes:
        """Change, in the way that the body's type says."""
        return await self._ask(_Request("PATCH", path, query, body))

    async def delete(self, path: str, body: Body | None = None) -> bytes:
        """Delete; a body may hold preconditions (`DeleteOptions`)."""
        return await self._ask(_Request("DELETE", path, None, body))

    @asynccontextmanager
    async def watch(
        self, path: str, query: Mapping[str, str | int], *, accept: str = ContentType.JSON
    ) -> AsyncIterator[AsyncIterator[list[bytes]]]:
        """Open a watch; gives the lines that came since they were last asked for, until it is closed from there.

        Raises:
            TooLarge: a line is longer than the limit; all lines before it have been given.
        """
        request = _Request("GET", path, {**query, "watch": 1}, accept=accept)
        limit = aiohttp.ClientTimeout(
            total=None, connect=None, sock_connect=self.limits.connect_s, sock_read=self.limits.idle_s
        )
        async with contextlib.AsyncExitStack() as stack:
            with _translated(f"watch {path}"):
                # Headers have the time of an ordinary request; what follows them comes when it comes.
                async with asyncio.timeout(self.limits.total_s):
                    response = await stack.enter_async_context(self._answer(request, limit))
            async with contextlib.aclosing(self._lines(response, path)) as lines:
                yield lines

    async def _lines(self, response: aiohttp.ClientResponse, path: str) -> AsyncGenerator[list[bytes]]:
        begun: list[bytes] = []
        begun_bytes = 0
        while True:
            with _translated(f"watch {path}"):
                chunk = await response.content.readany()
            if not chunk:
                # What has no end of line is an event that was cut off: it comes again with the next watch.
                return
            *lines, rest = chunk.split(b"\n")
            if lines:
                lines[0] = b"".join((*begun, lines[0]))
                begun, begun_bytes = [], 0
                whole = [line for line in lines if line]
                fitting = [*itertools.takewhile(lambda line: len(line) <= self.limits.line_bytes, whole)]
                yield fitting
                if len(fitting) < len(whole):
                    raise self._too_long(path)
            begun.append(rest)
            begun_bytes += len(rest)
            if begun_bytes > self.limits.line_bytes:
                raise self._too_long(path)

    def _too_long(self, path: str) -> TooLarge:
        return TooLarge(f"watch {path}: an event has over {self.limits.line_bytes} bytes")

    async def _ask(self, request: _Request) -> bytes:
        limit = aiohttp.ClientTimeout(total=self.limits.total_s, sock_connect=self.limits.connect_s)
        with _translated(f"{request.method} {request.path}"):
            async with self._answer(request, limit) as response:
                return await self._whole(response)

    @asynccontextmanager
    async def _answer(self, request: _Request, limit: aiohttp.ClientTimeout) -> AsyncIterator[aiohttp.ClientResponse]:
        access = await self._current_access()
        # Identity: within a cluster compressing costs both sides more than it saves.
        headers = {"Accept": request.accept, "Accept-Encoding": "identity", "User-Agent": "xdsserver"}
        if access.authorization:
            headers["Authorization"] = access.authorization
        if request.body is not None:
            headers["Content-Type"] = request.body.type
        try:
            async with self._session(access.trust).request(
                request.method,
                URL(access.server + request.path, encoded=True),
                params=request.query,
                headers=headers,
                data=request.body.content if request.body is not None else None,
                timeout=limit,
                # An API server does not redirect; whoever else answers must not be shown who we are.
                allow_redirects=False,
                proxy=access.proxy or None,
                server_hostname=access.server_name or None,
            ) as response:
                if not _OK <= response.status < _FIRST_OTHER:
                    words = await self._whole(response)
                    raise of_status(response.status, words, response.headers.get("Retry-After"))
                yield response
        except (Unauthorized, aiohttp.ClientSSLError):
            self._doubted = True
            raise

    async def _whole(self, response: aiohttp.ClientResponse) -> bytes:
        parts: list[bytes] = []
        size = 0
        async for part in response.content.iter_any():
            size += len(part)
            if size > self.limits.answer_bytes:
                message = f"{response.method} {response.url.path}: over {self.limits.answer_bytes} bytes"
                raise TooLarge(message)
            parts.append(part)
        return b"".join(parts)

    # Who we are.

    async def _current_access(self) -> Access:
        async with self._reading:
            age_s, lasts_s = self._clock() - self._read_s, self._credentials.lasts_s
            access = self._access
            old = lasts_s is not None and age_s >= lasts_s
            if access is not None and not old and not (self._doubted and age_s >= _AGAIN_S):
                return access
            try:
                async with asyncio.timeout(self.limits.total_s):
                    found = await self._credentials.read()
                    self._session(found.trust)
            except (AccessError, TimeoutError) as error:
                if access is None:
                    message = str(error) or "no credentials in time"
                    raise AccessError(message) from error
                # Files that are being replaced; what we have may still be good, and is tried.
                found = access
            self._access, self._read_s, self._doubted = found, self._clock(), False
            return found

    def _session(self, trust: Trust) -> aiohttp.ClientSession:
        """Give the connections of this trust; those of an earlier one close by themselves as they become idle."""
        session = self._sessions.get(trust)
        if session is None:
            connector = aiohttp.TCPConnector(ssl=trust.context(), limit=0)
            session = self._sessions[trust] = aiohttp.ClientSession(connector=connector)
        return session


@contextlib.contextmanager
def _translated(what: str) -> Iterator[None]:
    """Turn what the transport raises into our own tree."""
    try:
        yield
    except KubeError:
        raise
    except TimeoutError as error:
        message = f"{what}: no answer in time"
        raise TimedOut(message) from error
    except (aiohttp.ClientError, OSError, ValueError) as error:
        message = f"{what}: {str(error) or type(error).__name__}"
        raise Unreachable(message) from error
