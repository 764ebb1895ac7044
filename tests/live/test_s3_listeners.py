"""A listener that is marked as S3 beside one that is not: what each does with the same odd requests, over HTTPS."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.certificates import Certificate, curve_key
from tests.live import manifests as m
from tests.live.backends import backend, seen
from tests.live.http1 import Ask, ask
from tests.live.load import Traffic, load
from tests.live.product import answers, home, standalone
from tests.live.tls_clients import Tls
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.live.backends import Backend
    from tests.live.manifests import Document
    from tests.live.product import Home

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

S3, WEB = "s3.test", "www.test"
MARK = "gateway.xdsserver.io/s3-listeners"


@dataclass(frozen=True, slots=True)
class Served:
    """A folder that is served, and the port of both listeners; `/admin` is `admin`'s, all else `store`'s."""

    home: Home
    port: int
    store: Backend
    admin: Backend

    def tls(self, host: str) -> Tls:
        return Tls(host)

    async def path(self, path: str, host: str) -> tuple[str | int, str]:
        """Give who gets a path as what; or the status, and where it redirects to."""
        answer = await ask(self.port, Ask(path, host), tls=self.tls(host))
        if answer.status != 200:
            return answer.status, answer.headers.get("location", "")
        return seen(answer).backend, seen(answer).path

    def mark(self, *names: str) -> None:
        """Mark these listeners, and no other."""
        listeners = [m.https_listener(self.port, "cert", name=name.split(".")[0], hostname=name) for name in (S3, WEB)]
        edge = m.gateway(*listeners)
        edge["metadata"]["annotations"] = {MARK: ",".join(names)}
        m.write(self.home.folder / "gateway.yaml", [edge])


certificate = Certificate(curve_key(), hostnames=(S3, WEB), name="s3")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served() -> AsyncIterator[Served]:
    async with _served() as found:
        yield found


@asynccontextmanager
async def _served() -> AsyncIterator[Served]:
    async with AsyncExitStack() as stack:
        where = await stack.enter_async_context(home())
        store, admin = [await stack.enter_async_context(backend(name)) for name in ("store", "admin")]
        found = Served(where, free_port(), store, admin)
        found.mark("s3")
        rules = (m.rule(m.to("admin"), matches=[m.path("/admin")]), m.rule(m.to("store")))
        documents: list[Document] = [
            m.gateway_class(),
            m.tls_secret("cert", (certificate.pem, certificate.key_pem)),
            m.http_route("all", *rules),
            *m.service("store", store.port),
            *m.service("admin", admin.port),
        ]
        m.write(where.folder / "rest.yaml", documents)
        (where.folder / "rest.yaml").chmod(0o600)
        await stack.enter_async_context(standalone(where))
        for host in (S3, WEB):
            await answers(found.port, Ask("/", host), lambda answer: answer.status == 200, tls=found.tls(host))
        yield found


KEYS = (
    "/bucket/a//b",
    "/bucket//a",
    "/bucket/a%2Fb",
    "/bucket/a%2fb",
    "/bucket/../x",
    "/bucket/..%2Fx",
    "/bucket/./x",
    "/bucket/a%20b%2Bc",
    "/bucket/a+b",
    "/bucket/%61",
    "/bucket/%E2%82%AC%F0%9F%98%80",
    "/bucket/a%5Cb",
    r"/bucket/a\b",
    "/bucket/%zz",
    "/bucket/a;b=c",
    "/bucket/",
    "/bucket//",
    "/bucket/a?versionId=/../x//y&X-Amz-Signature=a%2Fb",
)


@pytest.mark.parametrize("path", KEYS)
async def test_a_key_reaches_the_backend_as_it_was_sent(served: Served, path: str) -> None:
    assert await served.path(path, S3) == ("store", path)


# What guards `/admin` on the edge does not guard it on a listener for S3, which its Gateway's status says.
AROUND: dict[str, tuple[tuple[str | int, str], str]] = {
    "//admin": (("admin", "/admin"), "store"),
    "/x/../admin": (("admin", "/admin"), "store"),
    "/%61dmin": (("admin", "/admin"), "store"),
    "/admin%2fx": ((307, "/admin/x"), "store"),
    r"/x\..\admin": (("admin", "/admin"), "store"),
    "/admin/x": (("admin", "/admin/x"), "admin"),
}


@pytest.mark.parametrize("path", AROUND)
async def test_the_listener_next_door_stays_protected(served: Served, path: str) -> None:
    cleaned, raw = AROUND[path]
    assert await served.path(path, WEB) == cleaned
    assert await served.path(path, S3) == (raw, path)


async def test_a_request_for_the_other_host_is_misdirected(served: Served) -> None:
    for own, other in ((S3, WEB), (WEB, S3)):
        answer = await ask(served.port, Ask("//admin", other), tls=served.tls(own))
        assert answer.status == 421


async def test_metadata_with_underscores_passes(served: Served) -> None:
    headers = (("x-amz-meta-first_name", "A"),)
    got = seen(await ask(served.port, Ask("/b/k", S3, headers=headers), tls=served.tls(S3)))
    assert got.values("x-amz-meta-first_name") == ["A"]
    assert (await ask(served.port, Ask("/b/k", WEB, headers=headers), tls=served.tls(WEB))).status == 400


async def test_the_backend_decides_whether_a_body_comes(served: Served) -> None:
    """A backend that has not read a body is asked first; that of the edge gets it unasked."""
    expecting = (("expect", "100-continue"), ("connection", "close"))
    got = {}
    for host in (S3, WEB):
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", served.port, ssl=served.tls(host).context, server_hostname=host
        )
        writer.write(Ask("/b/k", host, "PUT", headers=(*expecting,)).encode())
        got[host] = await reader.read()
        writer.close()
    assert b'"expect", "100-continue"' in got[S3]
    assert b'"expect"' not in got[WEB]
    assert got[WEB].startswith(b"HTTP/1.1 100 Continue")


async def test_a_large_body_passes_whole(served: Served) -> None:
    body = bytes(range(256)) * 8192
    answer = await ask(served.port, Ask("/b/k", S3, "PUT", body=body), tls=served.tls(S3))
    assert seen(answer).body == body


async def test_a_mark_that_comes_and_goes_fails_no_request(served: Served) -> None:
    """While a listener is marked and unmarked, requests to both are answered, on kept connections and on new ones."""
    traffic = [
        Traffic([Ask("/x", host)], served.port, kept=2, new=2, rate=60, timeout_s=30, tls=served.tls(host))
        for host in (S3, WEB)
    ]
    async with load(traffic[0]) as marked, load(traffic[1]) as other:
        for _ in range(3):
            for names, path in (((), "/x"), (("s3",), "//x")):
                served.mark(*names)
                await answers(
                    served.port,
                    Ask("//x", S3),
                    lambda answer, path=path: answer.status == 200 and seen(answer).path == path,  # type: ignore[misc]
                    tls=served.tls(S3),
                )
                before = marked.requests + other.requests
                while marked.requests + other.requests < before + 20:  # noqa: ASYNC110 (the load counts, nobody tells)
                    await asyncio.sleep(0.02)
    assert not marked.failures, str(marked)
    assert not other.failures, str(other)
