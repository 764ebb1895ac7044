"""What an Envoy reads its certificate from."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from envoy.extensions.transport_sockets.tls.v3 import secret_pb2 as secret_pb2  # noqa: PLC0414 (registers the type)
from envoy.service.discovery.v3.discovery_pb2 import DiscoveryResponse
from google.protobuf import json_format

from xdsserver.authority import AuthorityError, issue_client, make_authority
from xdsserver.authority.envoy_files import AUTHORITIES_FILE, CERTIFICATE_FILE, write_envoy_files

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 1, 1, tzinfo=UTC)
AUTHORITY = make_authority(NOW)
FIRST, SECOND = (issue_client(AUTHORITY, "a/b", timedelta(days=1), NOW) for _ in range(2))


def test_the_files_are_what_sds_says(tmp_path: Path) -> None:
    write_envoy_files(tmp_path, FIRST, AUTHORITY.certificate)
    for file in (CERTIFICATE_FILE, AUTHORITIES_FILE):
        text = (tmp_path / file).read_text()
        json_format.Parse(text, DiscoveryResponse())
    (secret,) = json.loads((tmp_path / CERTIFICATE_FILE).read_text())["resources"]
    assert secret["tls_certificate"]["private_key"]["inline_string"].encode() == FIRST.key


def test_only_the_owner_may_read_them_and_nothing_else_is_left(tmp_path: Path) -> None:
    folder = tmp_path / "tls"
    for issued in (FIRST, SECOND):
        write_envoy_files(folder, issued, AUTHORITY.certificate)
        assert {file.name: file.stat().st_mode & 0o777 for file in folder.iterdir()} == {
            CERTIFICATE_FILE: 0o600,
            AUTHORITIES_FILE: 0o600,
        }
    assert (
        SECOND.key.decode()
        in json.loads((folder / CERTIFICATE_FILE).read_text())["resources"][0]["tls_certificate"][
            "private_key"
        ].values()
    )
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_file_is_replaced_and_never_written_into(tmp_path: Path) -> None:
    write_envoy_files(tmp_path, FIRST, AUTHORITY.certificate)
    with (tmp_path / CERTIFICATE_FILE).open() as reading:
        write_envoy_files(tmp_path, SECOND, AUTHORITY.certificate)
        assert json.dumps(FIRST.key.decode()) in reading.read()


def test_a_folder_that_cannot_be_is_an_error_that_names_it(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(AuthorityError, match="file"):
        write_envoy_files(file, FIRST, AUTHORITY.certificate)
