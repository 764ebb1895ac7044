"""`xdsserver certificate`: what an Envoy on another machine proves itself with."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from cryptography import x509

from tests.cli.run import xdsserver
from xdsserver.authority import FolderStore

if TYPE_CHECKING:
    from pathlib import Path


def _issued(out: Path) -> x509.Certificate:
    (secret,) = json.loads((out / "certificate.json").read_text())["resources"]
    pem = secret["tls_certificate"]["certificate_chain"]["inline_string"]
    return x509.load_pem_x509_certificate(pem.encode())


def test_it_names_the_fleet_and_is_signed_by_the_authority_of_the_folder(tmp_path: Path) -> None:
    authority, out = tmp_path / "authority", tmp_path / "tls"
    arguments = ("--authority-dir", str(authority), "--out", str(out), "--fleet", "team-a/edge", "--days", "7")
    answer = xdsserver("certificate", *arguments)
    assert (answer.code, f"{out}: fleet team-a/edge, good until " in answer.out) == (0, True)
    issued = _issued(out)
    (pair,) = FolderStore(authority).read()
    issued.verify_directly_issued_by(pair.parsed)
    names = issued.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == ["spiffe://xdsserver/fleet/team-a/edge"]
    assert (issued.not_valid_after_utc - issued.not_valid_before_utc).days == 7
    xdsserver("certificate", *arguments)
    assert FolderStore(authority).read() == (pair,), "the authority stays"
    assert _issued(out).serial_number != issued.serial_number


@pytest.mark.parametrize("wrong", [("--fleet", "edge"), ("--fleet", "A/b"), ("--days", "91"), ("--days", "0")])
def test_what_cannot_be_asked_for_is_exit_2(wrong: tuple[str, str], tmp_path: Path) -> None:
    arguments = ("--authority-dir", str(tmp_path / "authority"), "--out", str(tmp_path / "tls"), *wrong)
    assert xdsserver("certificate", *arguments).code == 2
    assert not (tmp_path / "tls").exists()


def test_an_authority_that_cannot_be_read_is_exit_1_and_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "authority.pem").write_text("nonsense")
    answer = xdsserver("certificate", "--authority-dir", str(tmp_path), "--out", str(tmp_path / "tls"))
    assert (answer.code, "restore it" in answer.err) == (1, True)


@pytest.mark.parametrize("command", [("standalone", "."), ("serve", "--from", "state.bin")], ids=lambda one: one[0])
@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--xds-tls", "0.0.0.0:18001"), "--authority-dir"),
        (("--xds-tls", "nonsense", "--authority-dir", "x"), "HOST:PORT"),
        (("--xds-tls", ":18001", "--authority-dir", "x"), "HOST:PORT"),
    ],
)
def test_a_server_for_others_needs_an_address_and_an_authority(
    command: tuple[str, ...], options: tuple[str, ...], words: str
) -> None:
    answer = xdsserver(*command, *options)
    assert (answer.code, words in answer.err) == (2, True)
