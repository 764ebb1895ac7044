"""What all commands have in common, and those that need no file of their own."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.cli.run import xdsserver

COMMANDS = (
    *("standalone", "serve", "save", "check", "translate", "bootstrap", "certificate", "crds"),
    *("explain", "why", "diff", "routes", "gateways", "tenants", "problems", "fleet", "wait", "history", "config"),
    *("dump", "version"),
)


def test_version_names_what_is_installed() -> None:
    answer = xdsserver("version")
    assert answer.code == 0
    ours, specification, envoy = answer.lines
    assert re.fullmatch(r"xdsserver \d+\.\d+\.\d+", ours)
    assert re.fullmatch(r"gateway-api v\d+\.\d+\.\d+", specification)
    assert re.fullmatch(r"envoy \d+\.\d+\.\d+ \(/.*\)", envoy)


def test_help_lists_every_command() -> None:
    answer = xdsserver("--help")
    assert answer.code == 0
    assert tuple(line.split()[0] for line in answer.out.partition("Commands:\n")[2].splitlines()) == COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_of_every_command_is_explained(command: str) -> None:
    answer = xdsserver(command, "-h")
    assert answer.code == 0
    options = re.findall(r"^  (-\S.*)$", answer.out, flags=re.MULTILINE)
    assert options
    assert all(re.search(r"\S {2,}\S", option) for option in options), "an option without words"
    assert "Exit code" in answer.out or command in {"bootstrap", "crds", "version"}


def test_a_command_that_is_not_there_is_exit_2() -> None:
    assert xdsserver("serv").code == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--addresses", "10.0.0.300"), "10.0.0.300"),
        (("--addresses", "10.0.0.0/8"), "too many"),
        (("--addresses", ""), "at least one address"),
        (("--drain-s", "-1"), "--drain-s"),
        (("--concurrency", "0"), "--concurrency"),
    ],
)
def test_standalone_refuses_settings_that_cannot_be_used(arguments: tuple[str, ...], words: str) -> None:
    answer = xdsserver("standalone", ".", *arguments)
    assert answer.code == 2
    assert words in answer.err


def test_standalone_without_an_envoy_says_how_to_get_one() -> None:
    answer = xdsserver("standalone", ".", "--envoy", "/nowhere/envoy")
    assert answer.code == 1
    assert "/nowhere/envoy is not an executable file" in answer.err
    assert "--envoy PATH" in answer.err


def test_the_package_runs_as_a_module() -> None:
    command = [sys.executable, "-m", "xdsserver", "version"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.startswith("xdsserver ")
