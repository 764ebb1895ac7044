"""`--health`: what is taken for an address."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cli.run import xdsserver
from xdsserver.settings import HostPort, SettingsError, host_port

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("127.0.0.1:8080", HostPort("127.0.0.1", 8080)),
        ("localhost:0", HostPort("localhost", 0)),
        ("[::1]:65535", HostPort("::1", 65535)),
    ],
)
def test_an_address_is_a_host_and_a_port(text: str, found: HostPort) -> None:
    assert host_port("--health", text) == found


@pytest.mark.parametrize("text", ["8080", ":8080", "localhost", "localhost:http", "::1:8080", "localhost:65536", ""])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match=r"--health: .* is not HOST:PORT"):
        host_port("--health", text)


@pytest.mark.parametrize("command", [("standalone",), ("serve", "--from")])
def test_the_commands_refuse_it_as_usage(tmp_path: Path, command: tuple[str, ...]) -> None:
    answer = xdsserver(*command, tmp_path, "--health", "8080")
    assert answer.code == 2
    assert "is not HOST:PORT" in answer.err
