"""What is in force is the last good version, and only a true removal removes."""

from pathlib import Path

import pytest

from tests.files.texts import BROKEN, Clock, changed, route, routes, said
from xdsserver.files import Folder


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def folder(tmp_path: Path, clock: Clock) -> Folder:
    return Folder(tmp_path / "conf", clock_ns=clock)


def write(folder: Folder, name: str, text: str) -> Path:
    path = folder.path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def settle(folder: Folder, clock: Clock) -> dict[str, bool]:
    """Read until no removal waits; return all changes."""
    scan = folder.scan()
    found = changed(scan)
    while scan.again_s is not None:
        clock.advance(scan.again_s)
        scan = folder.scan()
        found |= changed(scan)
    return found


def test_first_and_later_changes(folder: Folder, clock: Clock) -> None:
    write(folder, "a.yaml", routes("a", "b"))
    write(folder, "sub/c.yml", route("c"))
    write(folder, "notes.txt", "not ours")
    write(folder, ".hidden.yaml", route("hidden"))
    assert changed(folder.scan()) == {"a": True, "b": True, "c": True}
    assert changed(folder.scan()) == {}
    write(folder, "a.yaml", routes("a", "b").replace("value: /", "value: /new", 1))
    assert changed(folder.scan()) == {"a": True}
    write(folder, "a.yaml", route("a", "/new"))
    assert settle(folder, clock) == {"b": False}
    assert changed(folder.scan()) == {}


def test_metadata_is_what_an_api_server_would_give(folder: Folder) -> None:
    written = (
        "metadata: {name: a, uid: x, generation: 7, resourceVersion: '3', creationTimestamp: 2026-01-01T00:00:00Z}"
    )
    write(folder, "a.yaml", route("a").replace("metadata: {name: a}", written))
    first = folder.scan().changes[0].object
    assert first is not None
    assert (first.metadata.namespace, first.metadata.generation) == ("default", 1)
    assert first.metadata.creation_timestamp == "2026-01-01T00:00:00Z"
    other = Folder(folder.path).scan().changes[0].object
    assert other is not None
    assert first.metadata.uid == other.metadata.uid != "x"
    write(folder, "a.yaml", route("a").replace("metadata: {name: a}", "metadata: {name: a, labels: {x: y}}"))
    labelled = folder.scan().changes[0].object
    assert labelled is not None
    assert labelled.metadata.generation == 1
    write(folder, "a.yaml", route("a", "/new"))
    edited = folder.scan().changes[0].object
    assert edited is not None
    assert edited.metadata.generation == 2
    assert edited.metadata.uid == first.metadata.uid


def test_f1_a_missing_folder_is_a_problem_and_an_empty_one_is_empty(folder: Folder, clock: Clock) -> None:
    """F1: folder missing/empty/permission lost at start, mid-run: start with error status, retry; last good kept;
    never "delete everything" because a listing failed."""
    scan = folder.scan()
    assert said(scan) == [".: error: folder does not exist"]
    write(folder, "a.yaml", route("a"))
    assert changed(folder.scan()) == {"a": True}
    away = folder.path.rename(folder.path.with_name("away"))
    clock.advance(3600)
    scan = folder.scan()
    assert changed(scan) == {}
    assert said(scan) == [
        ".: error: folder does not exist",
        "a.yaml: warning: stays as it was at the last good reading: HTTPRoute default/a",
    ]
    clock.advance(3600)
    assert changed(folder.scan()) == {}
    away.rename(folder.path)
    assert changed(folder.scan()) == {}
    (folder.path / "a.yaml").unlink()
    assert settle(folder, clock) == {"a": False}


def test_f1_a_file_in_place_of_the_folder(folder: Folder) -> None:
    """F1: start with error status."""
    folder.path.write_text("")
    assert said(folder.scan()) == [".: error: folder is not a directory"]


def test_f3_one_bad_document_keeps_its_last_good_and_spoils_no_other(folder: Folder, clock: Clock) -> None:
    """F3: that document's last-good stays; others apply; file:line is named."""
    write(folder, "a.yaml", routes("a", "b", "c"))
    folder.scan()
    b = route("b").replace("port: 80", "port: 70000")
    write(folder, "a.yaml", "---\n".join([route("a", "/new"), b, route("c", "/new"), route("d")]))
    scan = folder.scan()
    assert changed(scan) == {"a": True, "c": True, "d": True}
    assert said(scan) == [
        "a.yaml: warning: stays as it was at the last good reading: HTTPRoute default/b",
        (
            "a.yaml:23: error: HTTPRoute default/b spec.rules[0].backendRefs[0].port: "
            "found the number 70000, expected at most 65535"
        ),
    ]
    clock.advance(3600)
    assert changed(folder.scan()) == {}
    write(folder, "a.yaml", routes("a", "b", "c", "d", path="/new"))
    scan = folder.scan()
    assert changed(scan) == {"b": True, "d": True}
    assert said(scan) == []


def test_f3_a_document_that_cannot_be_read_holds_what_its_file_had(folder: Folder, clock: Clock) -> None:
    """F3: that document's last-good stays: which one it was is not known, so nothing of the file goes."""
    write(folder, "a.yaml", routes("a", "b"))
    write(folder, "z.yaml", route("z"))
    folder.scan()
    write(folder, "a.yaml", route("a", "/new") + "---\n" + BROKEN)
    (folder.path / "z.yaml").unlink()
    assert settle(folder, clock) == {"a": True, "z": False}
    assert said(folder.scan()) == [
        "a.yaml: warning: stays as it was at the last good reading: HTTPRoute default/b",
        ("a.yaml:14: error: is not valid YAML: while parsing a flow node: did not find expected node content"),
    ]
    write(folder, "a.yaml", route("a", "/new"))
    assert settle(folder, clock) == {"b": False}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("kind: HTTPRoute", "kind: HttpRoute"),
        ("name: b}", "name: B_}"),
        ("{name: b}", "{}"),
        ("name: b}", "name: b2, x}"),
    ],
)
def test_f3_a_broken_document_under_another_name_may_be_the_missing_one(
    folder: Folder,
    clock: Clock,
    old: str,
    new: str,
) -> None:
    """F3: that document's last-good stays, also where a slip hides which document it is."""
    write(folder, "a.yaml", routes("a", "b"))
    folder.scan()
    slip = route("b").replace(old, new, 1).replace("port: 80", "port: x")
    write(folder, "a.yaml", route("a") + "---\n" + slip)
    assert settle(folder, clock) == {}
    assert "a.yaml: warning: stays as it was at the last good reading: HTTPRoute default/b" in said(folder.scan())


def test_f3_a_start_refuses_the_bad_document_and_takes_the_others(folder: Folder) -> None:
    """F3: one bad document of many: others apply."""
    write(folder, "a.yaml", "---\n".join([BROKEN, route("a"), "just text\n", route("b")]))
    scan = folder.scan()
    assert changed(scan) == {"a": True, "b": True}
    assert [(problem.file, problem.line) for problem in scan.errors] == [("a.yaml", 2), ("a.yaml", 15)]


def test_lists_are_read_as_their_objects(folder: Folder) -> None:
    item = "- apiVersion: gateway.networking.k8s.io/v1\n  kind: HTTPRoute\n  metadata: {name: %s}\n  spec: {%s}\n"
    write(folder, "a.yaml", "apiVersion: v1\nkind: List\nitems:\n" + item % ("a", "") + item % ("b", "hostnames: [A]"))
    scan = folder.scan()
    assert changed(scan) == {"a": True}
    assert [(error.line, error.field) for error in scan.errors] == [(11, "items[1].spec.hostnames[0]")]
    text = '{"apiVersion": "v1", "kind": "ConfigMapList", "items": [{"metadata": {"name": "c"}, "data": {"a": "b"}}]}'
    write(folder, "b.json", text)
    assert changed(folder.scan()) == {"c": True}


def test_two_files_with_one_object_are_both_named_and_the_first_stays(folder: Folder, clock: Clock) -> None:
    write(folder, "b.yaml", route("shop", "/b"))
    assert changed(folder.scan()) == {"shop": True}
    write(folder, "a.yaml", "# mine\n---\n" + route("shop", "/a"))
    scan = folder.scan()
    assert changed(scan) == {}
    assert said(scan) == [
        "a.yaml:3: error: HTTPRoute default/shop is defined here and in b.yaml:1; b.yaml is in force",
        "b.yaml:1: error: HTTPRoute default/shop is defined here, which is in force, and in a.yaml:3",
    ]
    write(folder, "b.yaml", route("shop", "/b2"))
    assert changed(folder.scan()) == {"shop": True}
    (folder.path / "b.yaml").unlink()
    scan = folder.scan()
    assert changed(scan) == {"shop": True}
    assert said(scan) == []
    assert settle(folder, clock) == {}


def test_at_the_first_reading_the_first_file_in_order_of_names_wins(folder: Folder) -> None:
    write(folder, "b.yaml", route("shop", "/b"))
    write(folder, "a.yaml", route("shop", "/a"))
    scan = folder.scan()
    assert "b.yaml:1: error: HTTPRoute default/shop is defined here and in a.yaml:1; a.yaml is in force" in said(scan)


def test_two_documents_of_one_file_with_one_object(folder: Folder) -> None:
    write(folder, "a.yaml", routes("a", "a"))
    assert said(folder.scan()) == [
        "a.yaml:1: error: HTTPRoute default/a is defined here, which is in force, and in a.yaml:13",
        "a.yaml:13: error: HTTPRoute default/a is defined here and in line 1, which is in force",
    ]


def test_an_object_that_moves_to_another_file_does_not_go(folder: Folder, clock: Clock) -> None:
    write(folder, "a.yaml", routes("a", "b"))
    folder.scan()
    write(folder, "a.yaml", route("a"))
    write(folder, "b.yaml", route("b"))
    assert settle(folder, clock) == {}
    assert said(folder.scan()) == []


def test_a_file_that_is_broken_keeps_its_object_from_another_file(folder: Folder) -> None:
    write(folder, "b.yaml", route("shop"))
    folder.scan()
    write(folder, "b.yaml", BROKEN)
    write(folder, "a.yaml", route("shop", "/a"))
    scan = folder.scan()
    assert changed(scan) == {}
    assert "a.yaml:1: error: HTTPRoute default/shop is defined here and in b.yaml:1; b.yaml is in force" in said(scan)


def test_kinds_that_are_not_read_are_said_once_per_file(folder: Folder) -> None:
    mesh = (
        "apiVersion: gateway.networking.x-k8s.io/v1alpha1\nkind: XMesh\nmetadata: {name: g}\n"
        "spec: {controllerName: A}\n"
    )
    pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n"
    write(folder, "a.yaml", "---\n".join([mesh, pod, pod, mesh.replace(": A}", ": example.com/a}")]))
    scan = folder.scan()
    assert changed(scan) == {}
    assert scan.errors == ()
    assert [(problem.line, problem.message) for problem in scan.problems if problem.field == "kind"] == [
        (1, "XMesh (gateway.networking.x-k8s.io/v1alpha1) is not supported yet, ignored"),
        (6, "Pod (v1) is not read here, ignored"),
    ]
    assert any(problem.field == "spec.controllerName" for problem in scan.problems)


def test_one_changed_document_of_a_thousand_parses_one(folder: Folder) -> None:
    names = [f"r{i}" for i in range(1000)]
    write(folder, "a.yaml", routes(*names))
    assert len(folder.scan().changes) == 1000
    assert folder.documents_parsed == 1000
    write(folder, "a.yaml", "# moved down\n" + "---\n".join(route(n, "/new" if n == "r500" else "/") for n in names))
    scan = folder.scan()
    assert changed(scan) == {"r500": True}
    assert folder.documents_parsed == 1001


def test_f2_what_is_away_for_a_moment_does_not_go(folder: Folder, clock: Clock) -> None:
    """F2: half-written file, editor rename, git checkout: a removal counts when it is still so half a second later,
    and what is new or changed applies at once."""
    path = write(folder, "a.yaml", routes("a", "b"))
    folder.scan()
    path.unlink()
    write(folder, "b.yaml", route("new"))
    scan = folder.scan()
    assert changed(scan) == {"new": True}
    assert scan.again_s == 0.5
    clock.advance(0.4)
    write(folder, "a.yaml", routes("a"))
    assert changed(folder.scan()) == {}
    clock.advance(0.09)
    assert changed(folder.scan()) == {}
    clock.advance(0.02)
    scan = folder.scan()
    assert changed(scan) == {"b": False}
    assert scan.again_s is None
    path.unlink()
    assert changed(folder.scan()) == {}
    clock.advance(0.5)
    assert changed(folder.scan()) == {"a": False}


def test_f2_a_file_without_its_last_line_end_may_still_be_written(tmp_path: Path) -> None:
    """F2: half-written file: a route cut in the middle is valid YAML, and would lose its rules."""
    clock = Clock()
    folder = Folder(tmp_path, clock_ns=clock)
    path = write(folder, "a.yaml", route("a"))
    folder.scan()
    path.write_text(route("a").partition("  rules:")[0].rstrip("\n"))
    clock.now_ns = path.stat().st_mtime_ns
    scan = folder.scan()
    assert changed(scan) == {}
    assert scan.again_s is not None
    clock.advance(scan.again_s)
    assert changed(folder.scan()) == {"a": True}
