"""Commands that ask a server, or a folder in its place: the same words, the same exit codes."""

from __future__ import annotations

import asyncio
import base64
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, NamedTuple

import pytest

from bench import worlds
from tests.admin.asking import TOKEN, Running
from tests.cli.run import xdsserver
from tests.live import manifests as m
from xdsserver.admin.lazy import AdminServer
from xdsserver.settings import AdminSettings, HostPort

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.cli.run import Answer

LOST = m.http_route("lost", m.rule(m.to("nobody")), hostnames=["lost.test"])
"""A route to a Service that is not there."""


class Asked(NamedTuple):
    """A server with some routes, and the options that lead there."""

    running: Running
    options: tuple[str, ...]


@asynccontextmanager
async def served(path: Path) -> AsyncIterator[Asked]:
    running = Running()
    running.take(worlds.changes([*worlds.base(8080, 9000), *worlds.routes(3), LOST]))
    (token := path / "token").write_text(TOKEN)
    token.chmod(0o600)
    server = AdminServer(AdminSettings(HostPort("127.0.0.1", 0), token), lambda: running.app, print)
    async with server.listening():
        yield Asked(running, ("--server", f"http://{server.address}", "--token-file", str(token)))


async def run(*arguments: str) -> Answer:
    """Run a command beside the server, which is in this loop."""
    return await asyncio.to_thread(xdsserver, *arguments)


def folder(path: Path) -> Path:
    (path / "config").mkdir()
    documents = [*worlds.base(8080, 9000), *worlds.routes(3), LOST]
    (path / "config" / "all.yaml").write_text("\n---\n".join(json.dumps(one) for one in documents))
    return path / "config"


@pytest.mark.parametrize("command", ["routes", "gateways", "problems", "config"])
async def test_a_folder_and_a_server_are_told_of_alike(command: str, tmp_path: Path) -> None:
    read = xdsserver(command, "--dir", folder(tmp_path), "-o", "json")
    async with served(tmp_path) as asked:
        answer = await run(command, *asked.options, "-o", "json")
    assert answer.code == read.code
    here = {json.dumps({**one, "version": "", "size": 0}, sort_keys=True) for one in json.loads(read.out)}
    there = {json.dumps({**one, "version": "", "size": 0}, sort_keys=True) for one in json.loads(answer.out)}
    if command == "problems":
        # Of a folder nobody waits for an Envoy.
        there = {one for one in there if json.loads(one)["severity"] != "pending"}
    assert here == there
    assert here


async def test_lists_end_with_what_their_user_should_look_at(tmp_path: Path) -> None:
    async with served(tmp_path) as asked:
        all_of_them = await run("routes", *asked.options)
        assert all_of_them.code == 1
        assert "bad" in all_of_them.out
        good = await run("routes", *asked.options, "--host", "h0.test", "-o", "name")
        assert (good.code, good.lines) == (0, ["HTTPRoute/default/r0", "HTTPRoute/default/r1"])
        one = await run("routes", *asked.options, "--host", "h0.test", "--path", "/r1/cart", "-o", "name")
        assert one.lines == ["HTTPRoute/default/r1"]
        assert (await run("problems", *asked.options)).code == 1
        assert (await run("fleet", *asked.options)).code == 0
        changes = await run("history", *asked.options)
        assert "Gateway/default/" in changes.out
        assert " more" in changes.out
        assert (await run("routes", *asked.options, "--state", "fine")).code == 2


async def test_a_dump_is_a_line_for_each_thing(tmp_path: Path) -> None:
    async with served(tmp_path) as asked:
        answer = await run("dump", *asked.options)
    lines = [json.loads(line) for line in answer.lines]
    assert answer.code == 0
    assert {one["line"] for one in lines} >= {"dump", "object", "gateway", "route", "problem", "change", "resource"}


async def test_a_wait_that_nobody_ends_says_who_is_waited_for(tmp_path: Path) -> None:
    async with served(tmp_path) as asked:
        waits = await run("wait", "HTTPRoute/default/r0", *asked.options, "--timeout", "0")
        assert waits.code == 1
        assert "no Envoy is connected" in waits.out
        absent = await run("wait", "HTTPRoute/default/nothing", *asked.options, "--timeout", "0")
        assert (absent.code, absent.out) == (1, "HTTPRoute/default/nothing is not there\n")
        assert (await run("wait", "Secret/default/s", *asked.options, "--timeout", "0")).code == 2
        assert (await run("wait", "r0", *asked.options)).code == 2


async def test_where_there_is_no_answer_it_is_said_why_and_what_helps(tmp_path: Path) -> None:
    async with served(tmp_path) as asked:
        nobody = await run("routes", "--server", "http://127.0.0.1:1", *asked.options[2:])
        assert nobody.code == 3
        assert "--server names another" in nobody.err
        (tmp_path / "token").write_text("another-token-that-is-long")
        refused = await run("routes", *asked.options)
        assert (refused.code, refused.err) == (3, "xdsserver: the server takes another token; --token-file names it\n")
        missing = await run("routes", *asked.options[:2], "--token-file", str(tmp_path / "no"))
        assert missing.code == 3
        assert "--token-file names another" in missing.err
        assert (await run("routes", "--server", "ftp://localhost", *asked.options[2:])).code == 2


async def test_kubectl_leads_to_the_server_of_the_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The token is that of a Secret, the port one that kubectl forwards; it is ended when the command ends."""
    async with served(tmp_path) as asked:
        port = asked.options[1].rpartition(":")[2]
        script = f"""#!/bin/sh
printf '%s\\n' "$*" >> {tmp_path}/called
case "$*" in
*"get secret xdsserver-admin"*) printf %s '{base64.b64encode(TOKEN.encode()).decode()}' ;;
*"port-forward deployment/xdsserver :19000"*)
  echo "Forwarding from 127.0.0.1:{port} -> 19000"
  trap 'echo ended >> {tmp_path}/called; exit 0' TERM
  while :; do sleep 0.05; done ;;
esac
"""
        (kubectl := tmp_path / "kubectl").write_text(script)
        kubectl.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        answer = await run("gateways", "--server", "kubectl", "--server-namespace", "elsewhere", "-o", "name")
        assert (answer.code, answer.lines) == (0, ["Gateway/default/edge"])
        called = (tmp_path / "called").read_text().splitlines()
        assert [line.startswith("-n elsewhere ") for line in called] == [True, True, False]
        assert called[-1] == "ended"
        monkeypatch.setenv("PATH", "/nowhere")
        gone = await run("gateways", "--server", "kubectl")
        assert gone.code == 3
        assert "kubectl cannot be run" in gone.err
