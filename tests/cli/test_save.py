"""`xdsserver save` and what `xdsserver serve` refuses: a file that can be served, and none that cannot."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

from tests.cli.folders import GATEWAY, ROUTE, SHOP, folder
from tests.cli.run import xdsserver
from xdsserver.files.saved import read_saved
from xdsserver.files.sealing import read_key
from xdsserver.objects.meta import Name, ObjectKey

if TYPE_CHECKING:
    from pathlib import Path

CANARY = "a-canary-that-sings-for-nobody"
SECRET = f"""\
apiVersion: v1
kind: Secret
metadata: {{name: cert, annotations: {{note: {CANARY}-too}}}}
stringData: {{tls.key: {CANARY}}}
"""


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    return folder(tmp_path / "conf", a=GATEWAY, b=ROUTE, c=SHOP)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "edge.state"


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.write_bytes(bytes(range(32)))
    return path


def test_a_folder_is_saved_with_the_addresses_of_its_gateways(conf: Path, file: Path) -> None:
    answer = xdsserver("save", conf, "--out", file, "--addresses", "192.0.2.7")
    assert answer == (0, f"4 objects in {file}\n", "")
    snapshot = read_saved(file).snapshot
    assert sorted(map(str, snapshot.objects)) == [
        "Gateway default/edge",
        "GatewayClass xdsserver",
        "HTTPRoute default/shop",
        "Service default/shop",
    ]
    assert snapshot.written[Name("default", "edge")].address == "192.0.2.7"
    assert dict(snapshot.written[Name("default", "edge")].ports) == {(8080, "TCP"): 8080}


def test_addresses_that_the_file_holds_stay(conf: Path, file: Path) -> None:
    xdsserver("save", conf, "--out", file)
    # An older name gets its address first where nothing is written down.
    folder(conf, d=GATEWAY.replace("name: edge}", "name: all}").split("---\n")[1])
    assert xdsserver("save", conf, "--out", file).code == 0
    written = read_saved(file).snapshot.written
    assert {name.name: one.address for name, one in written.items()} == {"edge": "127.0.0.1", "all": "127.0.0.2"}


def test_a_folder_in_which_something_is_refused_is_not_saved(conf: Path, file: Path) -> None:
    xdsserver("save", conf, "--out", file)
    before = file.read_bytes()
    (conf / "b.yaml").write_text("kind: [")
    answer = xdsserver("save", conf, "--out", file)
    assert answer.code == 1
    assert f"{conf}/b.yaml:2: error: " in answer.err
    assert f"{file} is not written" in answer.err
    assert file.read_bytes() == before


def test_a_file_that_is_something_else_is_not_replaced(conf: Path, file: Path) -> None:
    file.write_text("my diary")
    answer = xdsserver("save", conf, "--out", file)
    assert (answer.code, answer.out) == (1, "")
    assert f"{file} is not a saved state of xdsserver" in answer.err
    assert file.read_text() == "my diary"


@pytest.mark.parametrize("with_key", [True, False])
def test_s8_no_value_of_a_secret_is_in_a_saved_state_in_clear(
    conf: Path, file: Path, key: Path, *, with_key: bool
) -> None:
    """S8: a known key is put through, and occurs nowhere: not in the file, not in what is printed."""
    folder(conf, s=SECRET)
    answer = xdsserver("save", conf, "--out", file, *(("--state-key-file", key) if with_key else ()))
    assert answer.code == 0
    content = file.read_bytes()
    told = f"{answer.out}{answer.err}".encode()
    for offset in range(3):
        # Base64 of it at each of the three places where it may begin; ends are cut, since they depend on neighbours.
        inner = base64.b64encode(b"\0" * offset + CANARY.encode())[4:-4]
        assert inner not in content
        assert inner not in told
    assert CANARY.encode() not in content
    assert CANARY.encode() not in told
    assert key.read_bytes() not in content
    assert ("Secret default/cert is left out" in answer.err) is not with_key
    saved = read_saved(file, read_key(key) if with_key else None)
    assert (ObjectKey("Secret", "default", "cert") in saved.snapshot.objects) is with_key


def test_a_key_that_is_none_is_exit_1_and_nothing_is_written(conf: Path, file: Path) -> None:
    answer = xdsserver("save", conf, "--out", file, "--state-key-file", conf / "a.yaml")
    assert answer.code == 1
    assert "holds more than 32 bytes, expected 32" in answer.err
    assert not file.exists()


def test_serve_says_what_it_serves_from() -> None:
    answer = xdsserver("serve")
    assert answer.code == 2
    assert "or serve a file with --from" in answer.err


def test_serve_without_a_usable_file_is_exit_1(file: Path) -> None:
    answer = xdsserver("serve", "--from", file)
    assert answer.code == 1
    assert f"{file} cannot be read (No such file or directory)" in answer.err
    file.write_text("kind: Gateway\n")
    answer = xdsserver("serve", "--from", file)
    assert answer.code == 1
    assert f"{file} is not a saved state of xdsserver" in answer.err


def test_serve_without_a_usable_key_is_exit_1(conf: Path, file: Path) -> None:
    xdsserver("save", conf, "--out", file)
    answer = xdsserver("serve", "--from", file, "--state-key-file", "/nowhere/key")
    assert answer.code == 1
    assert "the key file /nowhere/key cannot be read" in answer.err
