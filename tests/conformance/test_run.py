"""What is run is what was asked for: which cluster, in which mode, and by whom."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from e2e import rig
from e2e.conformance.run import Wanted, run
from e2e.conformance.stage import Served, StageError
from e2e.conformance.suite import Implementation, Suite, found
from e2e.rig import RigError, started

ROOT = Path(__file__).parents[2]


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a rig of which `up` notes its options and `down` that it was called; its API server answers in between."""
    home = tmp_path / "home"
    monkeypatch.setenv("RIG_HOME", str(home))
    (home / "run").mkdir(parents=True)
    kubeconfig = home / "run" / "admin.kubeconfig"
    script(home / "bin" / "kubectl", f"test -e {home}/alive")
    script(tmp_path / "rig" / "up", f'echo "$@" > {home}/up; touch {kubeconfig} {home}/alive; echo {kubeconfig}')
    script(tmp_path / "rig" / "down", f"touch {home}/down; rm {home}/alive")
    return tmp_path / "rig"


def test_a_cluster_that_was_started_is_taken_down(folder: Path, tmp_path: Path) -> None:
    with started(folder, "--channel", "standard") as one:
        assert one.kubeconfig == tmp_path / "home" / "run" / "admin.kubeconfig"
        assert not (tmp_path / "home" / "down").exists()
    assert (tmp_path / "home" / "up").read_text() == "--channel standard\n"
    assert (tmp_path / "home" / "down").exists()


def test_a_cluster_that_was_there_before_stays(folder: Path, tmp_path: Path) -> None:
    subprocess.run([folder / "up"], check=True, capture_output=True)
    with started(folder):
        pass
    assert not (tmp_path / "home" / "down").exists()


def test_what_a_dead_cluster_left_is_no_cluster(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "home" / "run" / "admin.kubeconfig").touch()
    with started(folder):
        pass
    assert (tmp_path / "home" / "down").exists()


def test_a_rig_that_does_not_start_says_why(folder: Path) -> None:
    script(folder / "up", "echo no root >&2; exit 1")
    with pytest.raises(RigError, match="no root"), started(folder):
        pass
    with pytest.raises(RigError, match="did not start"), started(folder / "nowhere"):
        pass


@pytest.mark.usefixtures("folder")
def test_without_a_suite_it_is_said_how_to_build_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CONFORMANCE_SUITE", raising=False)
    wanted = Wanted("1.7.0", "standard", "edge", kubeconfig=tmp_path / "config")
    with pytest.raises(StageError, match=r"conformance@v1\.7\.0"):
        run(wanted)
    monkeypatch.setenv("CONFORMANCE_SUITE", "/suite")
    assert found("1.7.0") == Path("/suite")


def test_without_a_cluster_it_is_said_what_is_needed() -> None:
    with pytest.raises(StageError, match="KUBECONFIG"):
        run(Wanted("1.7.0", "standard", "edge"))


@pytest.mark.parametrize(
    ("served", "mode"),
    [
        (None, "default"),
        (Served(), "default"),
        (Served(replicas=3), "3-replicas"),
        (Served(restart_s=30.0), "restarted-every-30-s"),
        (Served(replicas=3, restart_s=30.0), "3-replicas-restarted-every-30-s"),
    ],
)
def test_the_report_tells_how_the_servers_ran(served: Served | None, mode: str) -> None:
    assert Wanted("1.7.0", "standard", "edge", served=served).mode == mode


def test_a_report_names_nobody_who_was_not_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ORGANIZATION", "PROJECT", "URL", "CONTACT"):
        monkeypatch.delenv(f"CONFORMANCE_{name}", raising=False)
    assert Implementation.of_environment() == Implementation()
    # RFC 2606: a name that leads nowhere, for ever.
    assert Implementation().url.endswith(".invalid")
    monkeypatch.setenv("CONFORMANCE_CONTACT", "@somebody")
    assert "--contact=@somebody" in Implementation.of_environment().flags


def test_the_suite_is_a_program_that_gets_its_own_flags(tmp_path: Path) -> None:
    printed = f'echo "$KUBECONFIG $@" > {tmp_path}/told; echo "    --- PASS: TestConformance/One (0.10s)"'
    suite = Suite(script(tmp_path / "suite", printed), "edge", "192.0.2.1", "192.0.2.2")
    output = suite.run(tmp_path / "config", tmp_path, ("--run-test=One",))
    assert [one.name for one in output.tests()] == ["One"]
    told = (tmp_path / "told").read_text().split()
    assert told[0] == str(tmp_path / "config")
    for flag in (
        "--gateway-class=edge",
        "--usable-address=192.0.2.1",
        "--unusable-address=192.0.2.2",
        "--run-test=One",
    ):
        assert flag in told


@pytest.mark.parametrize("verb", ["conformance", "e2e"])
def test_what_would_be_run_is_told_without_running_it(verb: str, tmp_path: Path) -> None:
    """`make -n` runs recipes with `$(MAKE)` in them all the same."""
    environment = os.environ | {"KUBECONFIG": "", "XDSSERVER_RIG": str(tmp_path), "MAKEFLAGS": ""}
    script(tmp_path / "up", f"touch {tmp_path}/started; exit 1")
    told = subprocess.run(["make", "-n", verb], cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert f"XDSSERVER_RIG={tmp_path}" in told.stdout
    assert not (tmp_path / "started").exists()


def test_nothing_is_asked_of_a_rig_that_never_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RIG_HOME", str(tmp_path))
    assert not rig._is_up()
