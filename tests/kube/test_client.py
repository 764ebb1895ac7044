"""Requests: what is sent, what comes back, and that nothing takes for ever."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.certificates import Certificate, rsa_key
from tests.kube.scripted import Fixed, answers, cuts, hangs, in_turn, refuses, scripted
from xdsserver.kube.access import Access, InCluster, Trust
from xdsserver.kube.client import Body, ContentType, KubeClient, Limits
from xdsserver.kube.errors import (
    AccessError,
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    KubeError,
    NotFound,
    StatusError,
    TimedOut,
    TooLarge,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    Unreachable,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.kube.scripted import Reply, Request, Script, Scripted

SMALL = Limits(answer_bytes=1000, line_bytes=1000)
QUICK = replace(SMALL, connect_s=0.5, total_s=0.5, idle_s=0.5)


@asynccontextmanager
async def asking(script: Script, limits: Limits = SMALL) -> AsyncIterator[tuple[KubeClient, Scripted]]:
    async with scripted(script) as server, KubeClient(Fixed(server.access), limits) as client:
        yield client, server


async def collect(client: KubeClient, seen: list[bytes]) -> None:
    """Take lines of a watch until it ends."""
    async with client.watch("/api/v1/things", {"resourceVersion": "5"}) as lines:
        async for some in lines:
            seen.extend(some)


async def test_what_is_asked_and_told_goes_over_the_wire_as_it_is() -> None:
    async with asking(answers({"kind": "Gateway"})) as (client, server):
        assert json.loads(await client.get("/api/v1/things", {"limit": 500, "continue": "a+/="})) == {"kind": "Gateway"}
        await client.patch("/api/v1/a", Body(b"{}", ContentType.APPLY), {"fieldManager": "xdsserver"})
        await client.put("/api/v1/a/status", Body(b'{"a": 1}'))
        await client.post("/api/v1/b", Body(b"{}"))
        await client.delete("/api/v1/b")
    got, patched, put, posted, deleted = server.asked
    assert (got.method, got.path, got.query) == ("GET", "/api/v1/things", {"limit": "500", "continue": "a+/="})
    assert (patched.headers["content-type"], patched.query) == (
        "application/apply-patch+yaml",
        {"fieldManager": "xdsserver"},
    )
    assert (put.method, put.headers["content-type"], put.body) == ("PUT", "application/json", b'{"a": 1}')
    assert (posted.method, deleted.method, deleted.body) == ("POST", "DELETE", b"")
    # One connection is enough for requests that follow each other.
    assert server.connections == 1


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (400, Invalid),
        (401, Unauthorized),
        (403, Forbidden),
        (404, NotFound),
        (409, Conflict),
        (410, Gone),
        (422, Invalid),
        (500, Unavailable),
        (503, Unavailable),
        (302, StatusError),
        (418, StatusError),
    ],
)
async def test_each_refusal_is_an_error_of_its_own_with_the_words_of_the_server(
    code: int, expected: type[StatusError]
) -> None:
    async with asking(refuses(code, "Word", "some words")) as (client, server):
        with pytest.raises(expected, match=f"{code} Word: some words") as caught:
            await client.get("/api/v1/things")
        assert type(caught.value) is expected
        assert (caught.value.code, caught.value.reason) == (code, "Word")
        assert len(server.asked) == 1


async def test_a_refusal_by_something_else_than_an_api_server_keeps_its_words_short() -> None:
    async def proxy(_request: Request, reply: Reply) -> None:
        await reply.content(b"<html>" + b"x" * 900, 502)

    async with asking(proxy) as (client, _):
        with pytest.raises(Unavailable, match="<html>xxx") as caught:
            await client.get("/api/v1/things")
        assert len(str(caught.value)) < 600


async def test_k6_what_a_busy_server_asks_for_is_told() -> None:
    """K6: 429 with Retry-After: the pause that the server asks for reaches whoever decides when to try again."""
    async with asking(refuses(429, "TooManyRequests", Retry_After="7")) as (client, server):
        with pytest.raises(TooManyRequests) as caught:
            await client.get("/api/v1/things")
        assert caught.value.retry_after_s == 7.0
        server.script = refuses(429, Retry_After="Sat, 21 Nov 2026 12:00:00 GMT")
        with pytest.raises(TooManyRequests) as caught:
            await client.get("/api/v1/things")
        assert caught.value.retry_after_s is None


async def test_k5_every_request_ends() -> None:
    """K5: a server that takes connections and never answers: requests, watches that open and watches that are open end
    when their time is over."""

    async def half_a_body(_request: Request, reply: Reply) -> None:
        await reply.stream()
        await reply.piece(b"{")
        await reply.hang()

    async def two_events(_request: Request, reply: Reply) -> None:
        await reply.stream()
        await reply.line(b"one")
        await reply.line(b"two")
        await reply.hang()

    async with asking(in_turn(hangs, half_a_body, hangs, two_events), QUICK) as (client, _):
        for _ in range(2):
            with pytest.raises(TimedOut, match="no answer in time"):
                await client.get("/api/v1/things")
        with pytest.raises(TimedOut):
            async with client.watch("/api/v1/things", {}):
                pass
        seen: list[bytes] = []
        with pytest.raises(TimedOut):
            await collect(client, seen)
        assert seen == [b"one", b"two"]


async def test_an_open_watch_may_outlive_the_time_of_a_request() -> None:
    async def slowly(_request: Request, reply: Reply) -> None:
        await reply.stream()
        for number in range(6):
            await asyncio.sleep(0.1)
            await reply.line(b"%d" % number)
        await reply.end()

    async with asking(slowly, QUICK) as (client, _), client.watch("/api/v1/things", {}) as lines:
        assert [line async for some in lines for line in some] == [b"0", b"1", b"2", b"3", b"4", b"5"]


async def test_connections_that_are_cut_or_refused_are_errors_of_the_tree() -> None:
    async def cut_within(_request: Request, reply: Reply) -> None:
        await reply.stream()
        await reply.piece(b'{"half": ')

    async with asking(in_turn(cuts, cut_within, cut_within)) as (client, _):
        for _ in range(2):
            with pytest.raises(Unreachable):
                await client.get("/api/v1/things")
        with pytest.raises(Unreachable):
            await collect(client, [])
    async with KubeClient(Fixed(Access("http://127.0.0.1:1")), SMALL) as client:
        with pytest.raises(Unreachable, match="GET /api/v1/things"):
            await client.get("/api/v1/things")


async def test_k11_lines_of_a_watch_are_put_together_and_bounded() -> None:
    """K11: an object of a megabyte: an event beyond the limit is an error of that watch, after all that came before
    it; nothing is read without bound."""

    async def long_lines(_request: Request, reply: Reply) -> None:
        await reply.stream()
        await reply.piece(b"a" * 400)
        await reply.piece(b"a" * 400 + b"\nb\n" + b"c" * 10)
        await reply.piece(b"c\n\n")
        for _ in range(20):
            await reply.piece(b"d" * 100)
        await reply.hang()

    seen: list[bytes] = []
    async with asking(long_lines) as (client, server):
        with pytest.raises(TooLarge, match="over 1000 bytes"):
            await collect(client, seen)
        assert server.asked[0].query == {"resourceVersion": "5", "watch": "1"}
        server.script = answers({"long": "x" * 1000})
        with pytest.raises(TooLarge):
            await client.get("/api/v1/things")
    assert seen == [b"a" * 800, b"b", b"c" * 11]


# Who we are.


def service_account(folder: Path, token: str) -> Path:
    (folder / "token").write_text(token)
    (folder / "ca.crt").write_bytes(Certificate(rsa_key(), authority=True).pem)
    return folder


class Local:
    """The service account of a folder, at a server without TLS."""

    lasts_s = InCluster.lasts_s

    def __init__(self, folder: Path, server: Scripted) -> None:
        self._inner = InCluster({"KUBERNETES_SERVICE_HOST": "::1", "KUBERNETES_SERVICE_PORT": "443"}, folder)
        self._server = server
        self.reads = 0

    async def read(self) -> Access:
        self.reads += 1
        access = await self._inner.read()
        assert access.server == "https://[::1]:443"
        return Access(self._server.access.server, access.authorization, access.trust)


async def test_k21_a_new_token_is_used_within_a_minute(tmp_path: Path) -> None:
    """K21: a token that is replaced in its file is used at most 60 s later, without a restart; while the file is being
    replaced the old one serves on."""
    now_s = 0.0
    folder = service_account(tmp_path, "first\n")
    async with scripted(answers({})) as server:
        local = Local(folder, server)
        async with KubeClient(local, SMALL, lambda: now_s) as client:
            await client.get("/")
            now_s = 30.0
            await client.get("/")
            now_s = 59.0
            await client.get("/")
            (folder / "token").write_text("")
            now_s = 60.0
            await client.get("/")
            (folder / "token").write_text("second")
            now_s = 61.0
            await client.get("/")
            now_s = 120.0
            await client.get("/")
            assert local.reads == 3
    assert [one.headers["authorization"] for one in server.asked] == [
        *["Bearer first"] * 5,
        "Bearer second",
    ]


async def test_k21_credentials_that_are_refused_are_read_again_but_not_all_the_time(tmp_path: Path) -> None:
    """K21: what is refused is read again at the next request, at most every 5 s."""
    now_s = 100.0
    folder = service_account(tmp_path, "first")
    async with scripted(refuses(401)) as server:
        local = Local(folder, server)
        async with KubeClient(local, SMALL, lambda: now_s) as client:
            for _ in range(20):
                with pytest.raises(Unauthorized):
                    await client.get("/")
                now_s += 1.0
    assert local.reads == 4


async def test_without_a_service_account_it_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(AccessError, match="this is no pod"):
        await InCluster({}, tmp_path).read()
    pod = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}
    with pytest.raises(AccessError, match=r"token: No such file or directory; does the pod have a service account\?"):
        async with KubeClient(InCluster(pod, tmp_path), SMALL) as client:
            await client.get("/")
    with pytest.raises(AccessError, match="certificates for the API server cannot be used"):
        Trust(b"no PEM").context()


def test_secrets_are_not_shown() -> None:
    access = Access("https://a", "Bearer secret", Trust(b"ca", b"public", b"secret"))
    assert "secret" not in repr(access)
    assert issubclass(AccessError, KubeError)
