"""S8: no output of a command, no message, no dump of a table holds a piece of a secret."""

from __future__ import annotations

import pprint
import traceback
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import msgspec
import pytest

from tests.admin.asking import TOKEN, Running, ask
from tests.canary.canary import GATEWAY, bad, document, good, make
from tests.cli.run import xdsserver
from xdsserver.app.standalone import unread
from xdsserver.files import Folder
from xdsserver.objects.decode import decode, decode_json
from xdsserver.objects.kinds import BY_NAME
from xdsserver.reconciler import Reconciler

if TYPE_CHECKING:
    from pathlib import Path

    from xdsserver.reconciler import ObjectChange

CANARY = make()
BAD = dict(bad(CANARY))
NAMED = "the key as a name"
"""Names of values are no secret; only what looks like a key is not repeated in messages."""


def folder(at: Path, secret: str) -> Path:
    (at / "gateway.yaml").write_text(GATEWAY)
    (at / "secret.yaml").write_text(secret)
    return at


def test_the_search_finds_the_canary_in_any_writing() -> None:
    """Or all the tests below could not fail."""
    assert not CANARY.seen_in(CANARY.chain)
    for text in (CANARY.key, good(CANARY), repr(document(CANARY)), CANARY.key.replace("\n", ""), repr(CANARY.key)):
        assert CANARY.seen_in(text)
    key = CANARY.certificate.key.private_bytes_raw()  # type: ignore[union-attr]
    assert CANARY.seen_in(key)
    assert CANARY.seen_in(key.hex())
    for text in BAD.values():
        assert CANARY.seen_in(text)


LISTED = [(name, "-o", "json", "--dir") for name in ("routes", "gateways", "tenants", "problems", "config")]


@pytest.mark.parametrize("command", [("check",), ("translate",), ("translate", "-o", "json"), *LISTED])
def test_s8_commands_do_not_show_it(command: tuple[str, ...], tmp_path: Path) -> None:
    """S8: a known key in a Secret and in its annotations is in no output."""
    answer = xdsserver(*command, folder(tmp_path, good(CANARY)))
    assert answer.code == 0
    assert not CANARY.seen_in(answer.out)
    assert not CANARY.seen_in(answer.err)


@pytest.mark.parametrize("name", ["good", *[name for name in BAD if name != NAMED][::8]])
async def test_s8_no_endpoint_of_the_admin_api_shows_it(name: str, tmp_path: Path) -> None:
    """S8: lists, details, contents of resources, the dump: whatever can be asked, of a good Secret and of bad ones."""
    scan = Folder(folder(tmp_path, BAD.get(name) or good(CANARY))).scan()
    running = Running()
    running.unread = tuple(map(unread, scan.problems))
    running.take([(one.kind, one.name, one.object) for one in scan.changes if one.kind != "ConfigMap"])
    paths = [path for path in running.plain.openapi()["paths"] if "{" not in path and "?" not in path]
    paths += [f"/api/v1/objects/{key.kind}/{key.namespace or '-'}/{key.name}" for key in running.world.pipeline.names()]
    paths += [
        f"/api/v1/resources/content?{urlencode({'fleet': fleet, 'type': type_url, 'name': resource})}"
        for fleet, type_url, resource in running.world.pipeline.resources.rows
    ]
    for path in paths:
        answer = await ask(running.app, path)
        assert answer.status in {200, 422}, path
        assert not CANARY.seen_in(answer.body), path
    if name == "good":
        dump = await ask(running.app, "/api/v1/dump")
        assert CANARY.chain.splitlines()[1].encode() in dump.body, "or nothing was told of it"


async def test_s8_the_token_of_the_admin_api_is_in_no_answer() -> None:
    """S8: it is shown by whoever asks and comes back to nobody."""
    running = Running()
    for path in running.plain.openapi()["paths"]:
        for token in (TOKEN, TOKEN[:-1]):
            answer = await ask(running.app, path.replace("{", "").replace("}", ""), token=token)
            assert TOKEN.encode()[:-1] not in answer.body
            assert TOKEN[:-1] not in str(answer.headers)


def test_s8_what_is_translated_shows_the_certificate_and_a_placeholder(tmp_path: Path) -> None:
    """S8: redacted where resources are written: who looks at a certificate sees it, and not its key."""
    out = xdsserver("translate", folder(tmp_path, good(CANARY)), "-o", "json").out
    assert CANARY.chain in out.replace("\\n", "\n")
    assert "W3JlZGFjdGVkXQ==" in out


@pytest.mark.parametrize("name", BAD)
def test_s8_messages_about_bad_secrets_do_not_repeat_them(name: str, tmp_path: Path) -> None:
    """S8: whatever is wrong with the document of a secret, the words about it hold nothing of the secret."""
    for command in ("check", "translate"):
        answer = xdsserver(command, folder(tmp_path, BAD[name]))
        assert not CANARY.seen_in(answer.out)
        assert not CANARY.seen_in(answer.err)


@pytest.mark.parametrize("name", ["good", *(name for name in BAD if name != NAMED)])
def test_s8_rows_outcomes_and_their_tracebacks_do_not_show_it(name: str, tmp_path: Path) -> None:
    """S8: what a debugger, a log or the report of a crash would write of any table."""
    scan = Folder(folder(tmp_path, BAD.get(name) or good(CANARY))).scan()
    changes: list[ObjectChange] = [(one.kind, one.name, one.object) for one in scan.changes if one.kind != "ConfigMap"]
    reconciler = Reconciler()
    outcome = reconciler.objects(changes)
    assert not CANARY.seen_in(pprint.pformat(outcome))
    assert not CANARY.seen_in(pprint.pformat(scan.problems))
    for table in reconciler.pipeline.graph.tables:
        assert not CANARY.seen_in(repr(table.rows))
        assert not CANARY.seen_in(traced(table.rows))


def traced(rows: object) -> str:
    """Give a traceback with the rows among its locals."""

    def fail() -> None:
        inner = rows
        raise ValueError(inner)

    try:
        fail()
    except ValueError as error:
        return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    raise AssertionError


def test_s8_what_an_api_server_sends_wrongly_is_not_repeated() -> None:
    """S8: the same for objects that come as JSON from an API server."""
    for text in (good(CANARY), *(text for name, text in BAD.items() if name != NAMED)):
        try:
            found = repr(decode_json(BY_NAME["Secret"], text.encode()))
        except msgspec.DecodeError as error:
            found = f"{error!r} {error.__cause__!r}"
        assert not CANARY.seen_in(found)
    with pytest.raises(msgspec.ValidationError) as refusal:
        decode(BY_NAME["Secret"], {**document(CANARY), "data": [CANARY.key]})
    assert not CANARY.seen_in(str(refusal.value))
