"""What becomes of a request and why an object is as it is, asked of a server: the same as of a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

import msgspec
import pytest

from tests.admin.asking import ask, with_routes
from xdsserver.inspection.answers import Explanation
from xdsserver.inspection.explain import explain
from xdsserver.inspection.requests import Sent, request_of
from xdsserver.inspection.why import Because, object_named, why

if TYPE_CHECKING:
    from tests.admin.asking import Running


@pytest.fixture(scope="module")
def running() -> Running:
    return with_routes(20)


def explaining(**query: object) -> str:
    return f"/api/v1/explain?{urlencode(query, doseq=True)}"


async def test_what_becomes_of_a_request_is_what_the_tables_say(running: Running) -> None:
    url, sent = "http://nobody.example:8080/a/../b?q", Sent("POST", (("X-A", "1"),))
    answer = await ask(running.app, explaining(url=url, method="POST", header=["X-A: 1"]))
    assert answer.status == 200
    assert msgspec.convert(answer.document, Explanation) == explain(running.world.pipeline, request_of(url, sent))


async def test_why_an_object_is_as_it_is(running: Running) -> None:
    pipeline = running.world.pipeline
    key = next(iter(pipeline.route_heads.rows))
    answer = await ask(running.app, f"/api/v1/why/{key.kind.lower()}/{key.namespace}/{key.name}")
    expected = why(running.reconciler, object_named(f"{key.kind}/{key.namespace}/{key.name}"))
    assert msgspec.convert(answer.document, Because) == expected
    assert expected.known


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (explaining(url="ftp://a/"), 400),
        (explaining(url="http://"), 400),
        (explaining(url="http://a/", http="3"), 422),
        (explaining(url="http://a/", port=0), 422),
        ("/api/v1/why/pod/default/a", 400),
    ],
)
async def test_what_is_no_question_is_refused(running: Running, path: str, status: int) -> None:
    assert (await ask(running.app, path)).status == status


@pytest.mark.parametrize(
    "url",
    ["http://a:99999999999/", f"http://{'a.' * 20_000}/", "http://a/%00\ud7ff", "http://[::1]:8080/", "http://@:1/"],
)
async def test_odd_requests_are_answered_too(running: Running, url: str) -> None:
    answer = await ask(running.app, f"/api/v1/explain?url={quote(url)}")
    assert answer.status in (200, 400)
