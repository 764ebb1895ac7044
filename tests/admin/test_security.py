"""Who may ask the admin API, from where, and what nobody gets of it."""

from __future__ import annotations

import asyncio
import inspect
import stat
from typing import TYPE_CHECKING

import pytest

from tests.admin.asking import TOKEN, Running, ask, with_routes
from xdsserver.admin.dump import ROWS, dump
from xdsserver.admin.errors import AdminError
from xdsserver.admin.guard import MAX_BODY_BYTES
from xdsserver.admin.token import Token, kept_token, read_token
from xdsserver.inspection.paging import MOST
from xdsserver.settings import SettingsError
from xdsserver.settings import admin as admin_settings

if TYPE_CHECKING:
    from pathlib import Path


def paths() -> list[str]:
    """Give all paths, with something in the place of their parameters."""
    document = Running().plain.openapi()
    return [
        path.replace("{kind}", "HTTPRoute").replace("{namespace}", "default").replace("{name}", "r1")
        for path in document["paths"]
    ] + ["/api/v1/openapi.json"]


@pytest.fixture(scope="module")
def running() -> Running:
    return with_routes(10)


@pytest.mark.parametrize("path", [*paths(), "/", "/docs", "/api/v1/nothing", "/favicon.ico"])
async def test_s4_without_the_token_there_is_no_answer(running: Running, path: str) -> None:
    """S4: no token, a wrong one, another scheme, or two of them: 401 for whatever is asked, there or not."""
    for token in (None, "", TOKEN[:-1], TOKEN + "x", TOKEN.upper()):
        answer = await ask(running.app, path, token=token)
        assert (answer.status, answer.headers["www-authenticate"].partition(" ")[0]) == (401, "Bearer")
        assert b"r1" not in answer.body
    basic = await ask(running.app, path, token=None, headers={"authorization": f"Basic {TOKEN}"})
    assert basic.status == 401
    in_the_query = await ask(running.app, f"{path}?token={TOKEN}&access_token={TOKEN}", token=None)
    assert in_the_query.status == 401
    cookie = await ask(running.app, path, token=None, headers={"cookie": f"token={TOKEN}"})
    assert cookie.status == 401


async def test_s4_the_token_is_compared_in_a_time_that_says_nothing() -> None:
    """S4: by `hmac.compare_digest`, and by nothing else."""
    assert "hmac.compare_digest" in inspect.getsource(Token.matches)
    assert Token(TOKEN).matches(f"Bearer {TOKEN}".encode())
    assert Token(TOKEN).matches(f"bearer  {TOKEN} ".encode())
    assert TOKEN not in repr(Token(TOKEN))


def test_s4_the_token_is_a_file_of_its_owner(tmp_path: Path) -> None:
    """S4: made at the first start with mode 0600, kept, and refused where others may read it."""
    path = tmp_path / "state" / "admin-token"
    made = kept_token(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert len(path.read_text().strip()) >= 43
    assert kept_token(path).header() == made.header()
    assert [one.name for one in path.parent.iterdir()] == ["admin-token"]
    path.chmod(0o644)
    with pytest.raises(AdminError, match="chmod 600"):
        read_token(path)
    path.chmod(0o600)
    for bad in ("short", "", "with a space in it, and long", "ü" * 40):
        path.write_text(bad)
        with pytest.raises(AdminError, match="holds no token"):
            read_token(path)
    with pytest.raises(AdminError, match="cannot be read"):
        read_token(tmp_path / "nothing")


def test_s4_of_two_that_start_at_once_one_makes_the_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """S4: the other takes what was written meanwhile."""
    path = tmp_path / "admin-token"
    drawn = iter(("a" * 43, "b" * 43))

    def token_urlsafe(_count: int) -> str:
        found = next(drawn)
        if found.startswith("a"):
            kept_token(path)
        return found

    monkeypatch.setattr("secrets.token_urlsafe", token_urlsafe)
    assert kept_token(path).header() == f"Bearer {'b' * 43}"


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:19000", 200),
        ("localhost:8001", 200),
        ("LOCALHOST", 200),
        ("[::1]:19000", 200),
        ("[::1]", 200),
        ("admin.example.com", 200),
        ("evil.example.com", 400),
        ("127.0.0.1.evil.example.com", 400),
        ("localhost.evil.example.com:19000", 400),
        ("[::1].evil.example.com", 400),
        ("[::2]:19000", 400),
        ("", 400),
    ],
)
async def test_s5_a_page_that_was_led_here_by_its_own_name_gets_nothing(
    running: Running, host: str, status: int
) -> None:
    """S5: names that are ours are answered, any other is refused with 400, with the right token too."""
    assert (await ask(running.app, "/api/v1/server", host=host)).status == status


async def test_s5_the_name_is_told_before_the_token_is_looked_at(running: Running) -> None:
    """S5: so that a rebound name learns nothing of tokens."""
    assert (await ask(running.app, "/api/v1/server", host="evil.example.com", token=None)).status == 400


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_s6_nothing_is_written_and_no_cookie_is_set(running: Running, method: str) -> None:
    """S6: bearer only and no cookies, so that no page of others can ask on somebody's behalf; GET changes nothing."""
    before = dict(running.reconciler.pipeline.resources.rows)
    for path in paths():
        answer = await ask(running.app, path, method=method, headers={"origin": "https://evil.example.com"})
        assert answer.status in {400, 405, 422}, path
        answer = await ask(running.app, path, headers={"origin": "https://evil.example.com"})
        assert "set-cookie" not in answer.headers
        assert not [name for name in answer.headers if name.startswith("access-control")]
        assert answer.headers["cache-control"] == "no-store"
    assert dict(running.reconciler.pipeline.resources.rows) == before


@pytest.mark.parametrize("address", ["0.0.0.0:19000", "[::]:19000", "192.0.2.1:19000", "admin.example.com:19000"])
def test_s7_beyond_this_machine_there_is_tls_or_no_start(address: str, tmp_path: Path) -> None:
    """S7: on this machine by default; elsewhere without a token and TLS it refuses to start."""
    with pytest.raises(SettingsError, match="--admin-tls-cert"):
        admin_settings(address, None, tmp_path)
    found = admin_settings(address, None, tmp_path, certificate=tmp_path / "crt", key=tmp_path / "key")
    assert found is not None
    assert found.tls is not None
    assert found.token_file == tmp_path / "admin-token"


def test_a_user_without_a_home_has_a_place_for_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container with a number for a user, and nothing else."""

    def nobody(_number: int) -> None:
        raise KeyError

    for name in ("HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", nobody)
    found = admin_settings(None, None, None)
    assert found is not None
    assert found.token_file.name == "admin-token"


def test_s7_by_default_it_is_on_this_machine(tmp_path: Path) -> None:
    """S7: 127.0.0.1:19000."""
    found = admin_settings(None, None, tmp_path)
    assert found is not None
    assert (str(found.address), found.tls, found.wanted) == ("127.0.0.1:19000", None, False)
    assert admin_settings("off", None, tmp_path) is None
    with pytest.raises(SettingsError, match="belong together"):
        admin_settings(None, None, tmp_path, certificate=tmp_path / "crt")


def test_s10_no_parameter_names_a_file_or_an_address() -> None:
    """S10: there is nothing by which a server could be made to open a file or to call somebody."""
    document = Running().plain.openapi()
    operations = [one for path in document["paths"].values() for one in path.values()]
    names = {parameter["name"] for one in operations for parameter in one.get("parameters", ())}
    known = {"after", "limit", "namespace", "name", "kind", "host", "path", "gateway", "state", "fleet", "type", "node"}
    # A request that is explained is looked up in tables; nobody sends it.
    explained = {"url", "method", "header", "port", "sni", "http"}
    assert names <= known | explained | {"generation", "timeout_s"}, "what is new is looked at for S10 first"
    assert not [one for one in operations if "multipart/form-data" in str(one.get("requestBody", ""))]


@pytest.mark.parametrize("path", ["../../etc/passwd", "%2e%2e%2fetc%2fpasswd", "..%5c..", "%00", "a/../../b"])
async def test_s10_a_path_leads_to_objects_only(running: Running, path: str) -> None:
    """S10: what looks like a path of files is a name of which there is nothing."""
    for prefix in ("objects/Secret/default", "routes/HTTPRoute/default", "gateways/default"):
        assert (await ask(running.app, f"/api/v1/{prefix}/{path}")).status in {404, 422}
    assert (await ask(running.app, f"/api/v1/routes?path=/{path}")).status == 200


async def test_s15_a_request_has_a_size(running: Running) -> None:
    """S15: a body of 1 MiB at most, told by its length or not."""
    for announce in (True, False):
        answer = await ask(
            running.app, "/api/v1/routes", method="POST", body=b"x" * (MAX_BODY_BYTES + 1), announce=announce
        )
        # What reads no body is through before one has come.
        assert answer.status == 413 or (not announce and answer.status == 405)


@pytest.mark.parametrize("limit", [0, -1, MOST + 1, 10**30])
async def test_s15_a_page_has_a_size(running: Running, limit: int) -> None:
    """S15: 1,000 items at most."""
    assert (await ask(running.app, f"/api/v1/routes?limit={limit}")).status == 422


async def test_s15_a_dump_leaves_the_loop_to_others() -> None:
    """S15: while routes are dumped the event loop is had again after a few rows each time, and no part is large."""
    world = with_routes(1000).world
    lines, longest, parts = 0, 0, []
    turns = 0

    async def others() -> None:
        nonlocal longest, turns
        while True:
            before = lines
            await asyncio.sleep(0)
            longest = max(longest, lines - before)
            turns += 1

    beside = asyncio.create_task(others())
    await asyncio.sleep(0)
    async for part in dump(world, "0"):
        parts.append(len(part))
        lines += part.count(b"\n")
    beside.cancel()
    assert lines > 2000, "objects, routes and resources"
    assert longest <= 2 * ROWS
    assert turns >= lines / ROWS
    whole = sum(len(one.body) for one in world.pipeline.resources.rows.values())
    assert max(parts) < whole / 3, "the table of all routes comes in pieces"


async def test_s15_a_list_leaves_the_loop_to_others() -> None:
    """S15: a search that looks at every row rests after each hundred."""
    running = with_routes(1000)
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    beside = asyncio.create_task(others())
    answer = await ask(running.app, "/api/v1/routes?state=rejected")
    beside.cancel()
    assert answer.document["examined"] == 1000
    assert turns >= 10
