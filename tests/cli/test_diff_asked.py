"""`diff` of a folder with what a server serves: nothing for its own folder, what changes for another."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from bench import worlds
from tests.admin.asking import TOKEN, ask
from tests.cli.test_asking import LOST, folder, run, served
from tests.live import manifests as m
from xdsserver.admin.dump import served as lines_of
from xdsserver.admin.lazy import AdminServer
from xdsserver.settings import AdminSettings, HostPort

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


async def test_the_folder_that_is_served_is_no_difference(tmp_path: Path) -> None:
    async with served(tmp_path) as asked:
        answer = await run("diff", *asked.options, str(folder(tmp_path)))
    assert (answer.code, answer.out) == (0, "no difference\n")


async def test_what_a_change_would_do_to_what_is_live(tmp_path: Path) -> None:
    path = folder(tmp_path)
    changed = [*worlds.base(8080, 9000), *worlds.routes(2), LOST, m.http_route("new", m.rule(m.to("gone")))]
    (path / "all.yaml").write_text("\n---\n".join(map(json.dumps, changed)))
    async with served(tmp_path) as asked:
        before = dict(asked.running.reconciler.pipeline.resources.rows)
        answer = await run("diff", *asked.options, str(path), "-o", "json")
        assert dict(asked.running.reconciler.pipeline.resources.rows) == before
    found = json.loads(answer.out)
    assert answer.code == 1
    assert [(one["change"], one["before"] or one["after"]) for one in found["places"]] == [
        ("appears", "HTTPRoute default/new rules[0]"),
        ("vanishes", "HTTPRoute default/r2 rules[0]"),
    ]
    assert [(one["wrong"], one["object"]["name"], one["reason"]) for one in found["conditions"]] == [
        (True, "new", "BackendNotFound")
    ]
    assert {(one["change"], one["type"]) for one in found["resources"]} == {("changed", "RouteConfiguration")}


async def test_gateways_keep_the_addresses_that_they_have_at_the_server(tmp_path: Path) -> None:
    """Read by itself a folder may come to others, and every listener would seem to be another one."""
    path = folder(tmp_path)
    async with served(tmp_path) as asked:
        reconciler = asked.running.reconciler
        (name, one), *_ = reconciler.written.items()
        moved = type(one)(one.uid, "127.0.0.77", {key: bound + 8000 for key, bound in one.ports.items()})
        reconciler.adopt(reconciler.pool, {name: moved})
        asked.running.take([])
        assert any("127.0.0.77" in resource for _, _, resource in reconciler.pipeline.resources.rows)
        answer = await run("diff", *asked.options, str(path))
    assert (answer.code, answer.out) == (0, "no difference\n")


async def test_a_folder_that_cannot_be_understood_and_a_server_that_is_not_there(tmp_path: Path) -> None:
    path = folder(tmp_path)
    async with served(tmp_path) as asked:
        nobody = await run("diff", "--server", "http://127.0.0.1:1", *asked.options[2:], str(path))
        assert (nobody.code, nobody.out) == (3, "")
        (path / "broken.yaml").write_text("kind: [")
        broken = await run("diff", *asked.options, str(path))
        assert (broken.code, broken.out) == (3, "")
        assert "broken.yaml" in broken.err
        assert (await run("diff", *asked.options, str(tmp_path / "nothing"))).code == 2


async def test_the_lines_say_of_which_change_they_are(tmp_path: Path) -> None:
    async with served(tmp_path) as asked:
        answer = await ask(asked.running.app, "/api/v1/served")
        lines = [json.loads(line) for line in answer.body.splitlines()]
        number = asked.running.world.history.last
    assert (lines[0]["line"], lines[0]["change"], lines[-1]) == ("served", number, {"line": "end", "change": number})
    assert {one["line"] for one in lines[1:-1]} == {"place", "wrong", "sent"}


async def test_what_changes_while_it_is_told_is_no_picture(tmp_path: Path) -> None:
    """The last line has another change than the first, and what is told of two moments is not compared."""
    async with served(tmp_path) as asked:
        running = asked.running
        told = lines_of(running.world)
        head = json.loads(await anext(told))
        running.take(worlds.changes([worlds.route(0, "another")]))
        *_, last = [json.loads(line) async for line in told]
        assert (last["line"], last["change"]) == ("end", head["change"] + 1)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"line":"served","change":1}\n{"line":"end","change":2}\n', "changed each of the 5 times"),
        (b'{"line":"served","change":1}\n', "ended before it was whole"),
        (b'{"line":"served","change":1}\n{"line":"pla', "ended before it was whole"),
        (b"", "ended before it was whole"),
    ],
)
async def test_a_server_of_which_there_is_no_whole_picture_gives_no_answer(
    body: bytes, words: str, tmp_path: Path
) -> None:
    async def app(_scope: Mapping[str, Any], _receive: object, send: Callable[[dict[str, Any]], Any]) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})

    (token := tmp_path / "token").write_text(TOKEN)
    token.chmod(0o600)
    server = AdminServer(AdminSettings(HostPort("127.0.0.1", 0), token), lambda: app, print)
    async with server.listening():
        options = ("--server", f"http://{server.address}", "--token-file", str(token))
        answer = await run("diff", *options, str(folder(tmp_path)))
    assert (answer.code, answer.out) == (3, "")
    assert words in answer.err
