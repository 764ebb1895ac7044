"""Files that are not read, each with its reason, and with what they held before."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.files.texts import SECRET, Clock, changed, route, said
from xdsserver.files import Folder, Limits
from xdsserver.objects.secret import Secret


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    root = tmp_path / "conf"
    root.mkdir()
    (root / "good.yaml").write_text(route("good"))
    return Folder(root, Limits(file_bytes=1024 * 1024, files=50), Clock())


def test_p11_what_is_no_readable_text_is_refused_and_named(folder: Folder, tmp_path: Path) -> None:
    """P11: 100 MB file, binary file, symlink to /etc, FIFO: size cap, regular files only."""
    (folder.path / "big.yaml").write_bytes(b"#" * (2 * 1024 * 1024))
    (folder.path / "binary.yaml").write_bytes(b"\x7fELF\0\0")
    (folder.path / "latin.yaml").write_bytes("a: 1\nb: \xe9".encode("latin-1"))
    (folder.path / "etc.yaml").symlink_to("/etc/passwd")
    (folder.path / "up.yaml").symlink_to(tmp_path / "outside.yaml")
    (tmp_path / "outside.yaml").write_text(route("outside"))
    (folder.path / "loop.yaml").symlink_to("loop.yaml")
    os.mkfifo(folder.path / "pipe.yaml")
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(str(folder.path / "sock.yaml"))
        scan = folder.scan()
    assert changed(scan) == {"good": True}
    link = "is a link that leads out of the folder; copy the file, or link within the folder"
    assert said(scan) == [
        "big.yaml: error: has 2 MiB, expected at most 1 MiB",
        "binary.yaml: error: is binary, expected YAML or JSON in UTF-8",
        f"etc.yaml: error: {link}",
        "latin.yaml: error: is not UTF-8 (line 2)",
        "loop.yaml: error: cannot be read: Too many levels of symbolic links",
        "pipe.yaml: error: is a FIFO, expected a regular file",
        "sock.yaml: error: cannot be read: No such device or address",
        f"up.yaml: error: {link}",
    ]


def test_p11_a_bomb_costs_one_document(folder: Folder) -> None:
    """P11: YAML bombs (anchors): alias cap, last-good per file."""
    bomb = "a: &a [x, x, x]\n" + "".join(f"b{i}: &b{i} [{'*a, ' * 40}]\n" for i in range(20))
    (folder.path / "bomb.yaml").write_text(bomb + "---\n" + route("after"))
    scan = folder.scan()
    assert changed(scan) == {"after": True, "good": True}
    assert said(scan) == ["bomb.yaml:4: error: uses more than 100 aliases"]


def test_p11_a_file_that_becomes_unreadable_keeps_what_it_held(folder: Folder) -> None:
    """P11: last-good per file + error in the status."""
    clock = Clock()
    folder = Folder(folder.path, clock_ns=clock)
    folder.scan()
    for spoil in (
        lambda path: path.write_bytes(b"\0"),
        lambda path: path.symlink_to("/etc/passwd"),
        os.mkfifo,
        lambda path: path.mkdir(),
    ):
        path = folder.path / "good.yaml"
        path.unlink() if not path.is_dir() else path.rmdir()
        spoil(path)
        if path.is_dir():
            # A directory has no documents: the file is truly gone, and its object with it once that is settled.
            assert folder.scan().again_s is not None
            continue
        folder.scan()
        clock.advance(3600)
        scan = folder.scan()
        assert changed(scan) == {}
        assert len(scan.errors) == 1
        assert said(scan)[0].startswith("good.yaml: ")


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="setpriv (util-linux) drops root, whom no mode keeps out")
def test_f1_permission_lost_keeps_everything(tmp_path: Path) -> None:
    """F1: folder permission lost at start, mid-run: last good kept; never "delete everything" because a listing
    failed."""
    root = tmp_path / "conf"
    (root / "sub").mkdir(parents=True)
    (root / "a.yaml").write_text(route("a"))
    (root / "b.yaml").write_text(route("b"))
    (root / "sub" / "c.yaml").write_text(route("c"))
    script = Path(__file__).with_name("permission.py")
    for path in (root, root / "sub", *root.rglob("*.yaml")):
        os.chown(path, 65534, 65534)
    for parent in tmp_path.parents:
        if parent.stat().st_uid == os.getuid() and parent.name.startswith(("pytest-", "popen-")):
            parent.chmod(0o755)
    tmp_path.chmod(0o755)
    command = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"] if os.getuid() == 0 else []
    python = [sys.executable, str(script), str(root)]
    done = subprocess.run([*command, *python], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "start: a b c",
        "file: | a.yaml: error: cannot be read: Permission denied",
        "subfolder: | sub: error: cannot be listed: Permission denied",
        "folder: | .: error: folder cannot be listed: Permission denied",
        "back:",
    ]


def test_a_folder_chosen_by_mistake_is_not_read_for_minutes(folder: Folder) -> None:
    for number in range(60):
        (folder.path / f"x{number:02}.yaml").write_text(route(f"x{number}"))
    scan = folder.scan()
    assert len(scan.changes) == 50
    assert "x49.yaml: error: is beyond the first 50 files of the folder" in said(scan)
    for number in range(5):
        (folder.path / f"d{number}").mkdir()
    scan = Folder(folder.path, Limits(folders=3)).scan()
    assert changed(scan) == {}
    assert said(scan) == [".: error: folder has more than 3 folders in it; is it the right one?"]


def test_links_within_the_folder_are_followed_once(folder: Folder) -> None:
    """As kubelet mounts a ConfigMap with paths: `a.yaml` and `sub` are links into `..data`, a link itself."""
    data = folder.path / "..2026_11_21"
    (data / "sub").mkdir(parents=True)
    (data / "a.yaml").write_text(route("a"))
    (data / "sub" / "b.yaml").write_text(route("b"))
    (folder.path / "..data").symlink_to(data.name)
    (folder.path / "a.yaml").symlink_to("..data/a.yaml")
    (folder.path / "sub").symlink_to("..data/sub")
    (folder.path / "also-good.yaml").symlink_to("good.yaml")
    (folder.path / "round").symlink_to(".")
    scan = folder.scan()
    assert changed(scan) == {"a": True, "b": True, "good": True}
    assert said(scan) == []


def test_f8_a_secret_that_others_may_read_is_a_warning(folder: Folder) -> None:
    """F8: secrets on disk: Secret YAML 0600 else warning."""
    path = folder.path / "secret.yaml"
    path.write_text(SECRET)
    path.chmod(0o644)
    scan = folder.scan()
    assert said(scan) == [
        "secret.yaml:1: warning: Secret default/cert may be read by others (mode 0644); chmod 600 secret.yaml",
    ]
    secret = next(change.object for change in scan.changes if change.kind == "Secret")
    assert isinstance(secret, Secret)
    assert secret.data["tls.key"].reveal() == b"hunter2"
    path.chmod(0o600)
    assert said(folder.scan()) == []


@pytest.mark.parametrize(
    "spoilt",
    [
        SECRET.replace("tls.key: hunter2", "tls.key: [hunter2]"),
        SECRET.replace("stringData", "data"),
        SECRET.replace("tls.key: hunter2", "tls.key: hunter2: x"),
        SECRET.replace("tls.key: hunter2", "- hunter2"),
        SECRET.replace("{name: cert}", "{}"),
        SECRET.replace("stringData:", "stringdata:"),
        SECRET.replace("  tls.key: hunter2", "  tls.key: &hunter2\n  a: *b"),
    ],
)
def test_f8_no_problem_repeats_a_secret(folder: Folder, spoilt: str) -> None:
    """F8, S8: secrets on disk stay there: a problem names the place and never the value."""
    (folder.path / "secret.yaml").write_text(spoilt.replace("hunter2", "aHVudGVyMg=x"))
    (folder.path / "secret.yaml").chmod(0o600)
    scan = folder.scan()
    assert scan.problems
    assert not any("aHVudGVyMg" in line for line in said(scan))
    assert "aHVudGVyMg" not in repr(scan)
