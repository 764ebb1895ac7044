"""What odd and hostile requests meet at the edge: which backend gets them, as what, or with which status they end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import grpc
import pytest
import pytest_asyncio

from tests.live.attacker import attacker
from tests.live.attacks import SLOW
from tests.live.backends import seen
from tests.live.calls import Call, call, channel
from tests.live.edge import HOST, edge, request, send
from tests.live.http1 import Ask, ask

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.live.backends import Seen
    from tests.live.edge import Edge

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served() -> AsyncIterator[Edge]:
    async with edge() as found:
        yield found


# The backend and the path that it received, or the status and where it redirects to.
PATHS: dict[str, tuple[str | int, str]] = {
    "//admin": ("admin", "/admin"),
    "/x/../admin": ("admin", "/admin"),
    "/./admin": ("admin", "/admin"),
    "/admin//x": ("admin", "/admin/x"),
    "/admin/../x": ("web", "/x"),
    "/..": ("web", "/"),
    "/%61dmin": ("admin", "/admin"),
    "/x/%2e%2e/admin": ("admin", "/admin"),
    r"/x\..\admin": ("admin", "/admin"),
    "/admin%2fx": (307, "/admin/x"),
    "/admin%5Cx": (307, "/admin/x"),
    "/x%2f..%2fadmin": (307, "/admin"),
    "/x%5c..%5cadmin": (307, "/admin"),
    "/admin%2f..": (307, "/"),
    "/%2e%2e%2fadmin": (307, "/admin"),
    # An escaped percent sign is one, and no further round of unescaping is made.
    "/%252e%252e/admin": ("web", "/%252e%252e/admin"),
    "/admin;x": ("web", "/admin;x"),
    "/ADMIN": ("web", "/ADMIN"),
    "/%zz": ("web", "/%zz"),
    "/admin?x=/../y": ("admin", "/admin?x=/../y"),
    "/a%00b": (400, ""),
    "/a#fragment": (400, ""),
    "/a b": (400, ""),
    "/\x01": (400, ""),
    # The whole URL in the request line says what Host would say.
    f"http://{HOST}/admin": ("admin", "/admin"),
}


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.replace("\x01", "control character"))
async def test_path(served: Edge, path: str) -> None:
    before = served.served()
    answer = await ask(served.port, Ask(path, HOST))
    if answer.status == 200:
        assert (seen(answer).backend, seen(answer).path) == PATHS[path]
    else:
        assert (answer.status, answer.headers.get("location", "")) == PATHS[path]
        assert served.served() == before


HOSTS: dict[str, int] = {
    "edge.test": 200,
    "edge.test.": 200,
    "edge.test.:8080": 200,
    "EDGE.Test": 200,
    "edge.test:8080": 200,
    "": 404,
    "other.test": 404,
    "edge.test@other.test": 404,
    "edge.test,other.test": 404,
    "edge.test/other": 400,
    "edge.test other": 400,
}


@pytest.mark.parametrize("host", HOSTS)
async def test_host(served: Edge, host: str) -> None:
    before = served.served()
    answer = await ask(served.port, Ask("/", host))
    assert answer.status == HOSTS[host]
    assert sum(served.served().values()) - sum(before.values()) == (answer.status == 200)


async def test_a_dot_at_the_end_of_the_host_is_gone_for_the_backend_too(served: Edge) -> None:
    assert seen(await ask(served.port, Ask("/", "edge.test."))).values("host") == ["edge.test"]


@pytest.mark.parametrize("other", ["other.test", HOST])
async def test_two_hosts_meet_no_virtual_host(served: Edge, other: str) -> None:
    before = served.served()
    assert (await ask(served.port, Ask("/", HOST, headers=(("host", other),)))).status == 404
    assert served.served() == before


async def _received(served: Edge, *headers: tuple[str, str]) -> Seen:
    return seen(await ask(served.port, Ask("/", HOST, headers=headers)))


async def test_what_a_client_says_of_its_scheme_is_replaced(served: Edge) -> None:
    assert (await _received(served, ("x-forwarded-proto", "https"))).values("x-forwarded-proto") == ["http"]


async def test_what_a_client_says_of_its_address_is_kept_and_appended_to(served: Edge) -> None:
    got = await _received(served, ("x-forwarded-for", "192.0.2.66"), ("x-envoy-external-address", "192.0.2.66"))
    said, ours = ",".join(got.values("x-forwarded-for")).split(",")
    assert said == "192.0.2.66"
    # Envoy writes an address of the machine in place of a loopback one.
    assert ours not in {"", said}
    assert got.values("x-envoy-external-address") == ["127.0.0.1"]


async def test_what_a_client_says_for_hops_behind_us_is_passed_on(served: Edge) -> None:
    headers = (("x-forwarded-host", "said.test"), ("x-forwarded-port", "1"), ("forwarded", "for=192.0.2.66"))
    got = await _received(served, *headers)
    assert [(name, value) for name, _ in headers for value in got.values(name)] == list(headers)


STEERING = (
    "x-envoy-max-retries",
    "x-envoy-retry-on",
    "x-envoy-upstream-rq-timeout-ms",
    "x-envoy-upstream-rq-per-try-timeout-ms",
    "x-envoy-original-path",
    "x-envoy-internal",
    "x-envoy-force-trace",
    "x-envoy-decorator-operation",
    "x-envoy-hedge-on-per-try-timeout",
    "x-envoy-ip-tags",
    "x-forwarded-client-cert",
)


@pytest.mark.parametrize("via", ["", "192.0.2.66", "10.0.0.1"])
async def test_what_would_steer_envoy_is_taken_from_clients_wherever_they_are(served: Edge, via: str) -> None:
    headers = tuple((name, "1") for name in STEERING)
    got = await _received(served, *headers, *((("x-forwarded-for", via),) if via else ()))
    assert {name for name, _ in got.headers} & set(STEERING) == set()


async def test_the_id_of_a_request_is_ours(served: Edge) -> None:
    (made,) = (await _received(served, ("x-request-id", "mine"))).values("x-request-id")
    assert len(made) == 36


REFUSED: dict[str, tuple[bytes, int]] = {
    "underscore": (request("x_user: 1"), 400),
    "no host": (request(host=None), 400),
    "unknown method": (request(method="MAKE"), 400),
    "lower-case method": (request(method="get"), 400),
    "zero byte in a header": (request("x-a: 1\x00"), 400),
    "no colon": (request("x-a"), 400),
    "space in a name": (request("x a: 1"), 400),
    "host listed as hop by hop": (request("connection: close, host"), 400),
    "not HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(40), 400),
    "HTTP/1.0": (b"GET / HTTP/1.0\r\nhost: edge.test\r\n\r\n", 426),
    "upgrade to what is not supported": (request("connection: upgrade", "upgrade: other"), 403),
    "64 KiB of headers": (request(f"x-big: {'a' * 65_536}"), 431),
    "64 KiB of path": (request(path="/" + "a" * 65_536), 431),
    "101 headers": (request(*(f"x-{number}: 1" for number in range(101))), 431),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_refused(served: Edge, name: str) -> None:
    before = served.served()
    data, status = REFUSED[name]
    said = await send(served.port, data)
    assert (said.status, said.header("connection")) == (status, "close")
    assert served.served() == before


async def test_who_was_refused_is_disconnected(served: Edge) -> None:
    data, _status = SMUGGLING["both lengths"]
    assert (await send(served.port, data, quiet_s=5)).closed


async def test_slow_headers_are_timed_out(served: Edge) -> None:
    async with attacker("slow_headers", served.port) as attacking:
        outcome = await attacking.attack(16)
    assert (outcome["open"], outcome["timed_out"]) == (0, SLOW)
    assert 9 < outcome["first"] <= outcome["last"] < 15


async def test_headers_below_the_limits_pass(served: Edge) -> None:
    headers = (("x-big", "a" * 59_000), *((f"x-{number}", "1") for number in range(90)))
    assert len((await _received(served, *headers)).values("x-big")[0]) == 59_000


HIDDEN = b"GET /smuggled HTTP/1.1\r\nhost: edge.test\r\n\r\n"
CHUNKED = "transfer-encoding: chunked"
END = b"0\r\n\r\n"
SMUGGLING: dict[str, tuple[bytes, int]] = {
    "both lengths": (request("content-length: 4", CHUNKED, method="POST", body=END + HIDDEN), 400),
    "both lengths, the other way round": (request(CHUNKED, "content-length: 4", method="POST", body=END + HIDDEN), 400),
    "two lengths": (request("content-length: 0", "content-length: 44", method="POST", body=HIDDEN), 400),
    "two equal lengths": (request("content-length: 44", "content-length: 44", method="POST", body=HIDDEN), 400),
    "a list of lengths": (request("content-length: 44, 44", method="POST", body=HIDDEN), 400),
    "a sign in the length": (request("content-length: +44", method="POST", body=HIDDEN), 400),
    "a negative length": (request("content-length: -1", method="POST", body=HIDDEN), 400),
    "a hexadecimal length": (request("content-length: 0x2c", method="POST", body=HIDDEN), 400),
    "a length beyond 64 bits": (request("content-length: 18446744073709551660", method="POST", body=HIDDEN), 400),
    "a space before the colon": (request("transfer-encoding : chunked", method="POST", body=END + HIDDEN), 400),
    "not quite chunked": (request("transfer-encoding: xchunked", method="POST", body=END + HIDDEN), 501),
    "chunked and more": (request(CHUNKED, "transfer-encoding: identity", method="POST", body=END + HIDDEN), 501),
    "chunked behind identity": (request("transfer-encoding: identity, chunked", method="POST", body=END + HIDDEN), 501),
    "a chunk that is no number": (request(CHUNKED, method="POST", body=b"zz\r\n" + HIDDEN), 400),
    "a negative chunk": (request(CHUNKED, method="POST", body=b"-1\r\n" + HIDDEN), 400),
    "a chunk beyond 64 bits": (request(CHUNKED, method="POST", body=b"1000000000000000c\r\n" + HIDDEN), 400),
    "a chunk that ends in a line feed": (request(CHUNKED, method="POST", body=b"1\na\n0\n\n" + HIDDEN), 400),
}


@pytest.mark.parametrize("name", SMUGGLING)
async def test_smuggling(served: Edge, name: str) -> None:
    """The request is refused, and what was hidden behind it is not answered and reaches nobody."""
    data, status = SMUGGLING[name]
    said = await send(served.port, data)
    assert (said.status, said.header("connection")) == (status, "close")
    assert said.data.count(b"HTTP/1.1 ") == 1
    assert not [one for backend in served.backends.values() for one in backend.received if one.path == "/smuggled"]


async def test_a_body_that_looks_like_a_request_is_a_body(served: Edge) -> None:
    before = served.served()
    said = await send(served.port, request(f"content-length: {len(HIDDEN)}", method="POST", body=HIDDEN))
    assert (said.status, said.data.count(b"HTTP/1.1 ")) == (200, 1)
    assert served.served()["web"] == before["web"] + 1


async def test_an_upgrade_to_h2c_is_not_made(served: Edge) -> None:
    settings = ("http2-settings", "AAMAAABkAAQAoAAAAAIAAAAA")
    headers = (("connection", "Upgrade, HTTP2-Settings"), ("upgrade", "h2c"), settings)
    answer = await ask(served.port, Ask("/", HOST, headers=headers))
    assert answer.status == 200
    assert {name for name, _ in seen(answer).headers} & {"upgrade", "http2-settings"} == set()


async def test_headers_of_the_hop_end_here(served: Edge) -> None:
    got = await _received(served, ("connection", "x-secret, keep-alive"), ("x-secret", "1"), ("keep-alive", "1"))
    assert {name for name, _ in got.headers} & {"x-secret", "keep-alive", "connection"} == set()


async def test_an_underscore_resets_the_stream_of_http2(served: Edge) -> None:
    async with channel(served.port, "calls.test") as opened:
        good = await call(opened, Call("/shop.Cart/Add", metadata=(("a-b", "1"),)))
        bad = await call(opened, Call("/shop.Cart/Add", metadata=(("a_b", "1"),)))
    assert (good.backend, bad.backend) == ("calls", "")
    assert bad.status is not grpc.StatusCode.OK
    assert served.backends["calls"].served == 1


async def test_an_escaped_slash_ends_a_call(served: Edge) -> None:
    async with channel(served.port, "calls.test") as opened:
        outcome = await call(opened, Call("/shop.Cart%2fAdd"))
    assert outcome.status is grpc.StatusCode.INTERNAL
