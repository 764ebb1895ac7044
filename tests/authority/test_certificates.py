"""What certificates say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from xdsserver.authority import AuthorityError, KeyPair, issue_client, issue_server, make_authority

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
AUTHORITY = make_authority(NOW)


def _uris(pair: KeyPair) -> list[str]:
    names = pair.parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return names.get_values_for_type(x509.UniformResourceIdentifier)


def _usages(pair: KeyPair) -> list[x509.ObjectIdentifier]:
    return list(pair.parsed.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)


def test_a_client_is_one_fleet_and_no_server() -> None:
    client = issue_client(AUTHORITY, "team-a/edge", DAY, NOW)
    client.parsed.verify_directly_issued_by(AUTHORITY.parsed)
    assert _uris(client) == ["spiffe://xdsserver/fleet/team-a/edge"]
    assert _usages(client) == [ExtendedKeyUsageOID.CLIENT_AUTH]


def test_a_server_is_the_server_and_no_client() -> None:
    server = issue_server(AUTHORITY, ("xdsserver",), NOW)
    server.parsed.verify_directly_issued_by(AUTHORITY.parsed)
    assert _uris(server) == ["spiffe://xdsserver/server"]
    assert _usages(server) == [ExtendedKeyUsageOID.SERVER_AUTH]


def test_nothing_outlives_the_authority() -> None:
    end = AUTHORITY.parsed.not_valid_after_utc
    assert issue_client(AUTHORITY, "a/b", 30 * DAY, end - DAY).parsed.not_valid_after_utc == end


def test_only_the_authority_signs_and_nothing_below_it() -> None:
    leaf = issue_client(AUTHORITY, "a/b", DAY, NOW)
    for pair, signs in ((AUTHORITY, True), (leaf, False)):
        constraints = pair.parsed.extensions.get_extension_for_class(x509.BasicConstraints)
        usage = pair.parsed.extensions.get_extension_for_class(x509.KeyUsage).value
        assert (constraints.critical, constraints.value.ca, usage.key_cert_sign) == (True, signs, signs)
        assert constraints.value.path_length == (0 if signs else None)


@pytest.mark.parametrize("fleet", ["", "a", "a/", "/b", "a/b/c", "A/b", "a/b?x", "a/../server", "a/b\n"])
def test_what_is_no_fleet_gets_no_certificate(fleet: str) -> None:
    with pytest.raises(ValueError, match="NAMESPACE/NAME"):
        issue_client(AUTHORITY, fleet, DAY, NOW)


def test_a_key_is_not_shown() -> None:
    secret = AUTHORITY.key.splitlines()[1].decode()
    assert secret not in repr(AUTHORITY)
    assert "PRIVATE KEY" not in str(AUTHORITY)


@pytest.mark.parametrize("key", [b"", b"nonsense", AUTHORITY.certificate])
def test_a_key_that_cannot_be_read_is_an_error_without_the_key_in_it(key: bytes) -> None:
    with pytest.raises(AuthorityError, match="private key cannot be read"):
        issue_client(KeyPair(AUTHORITY.certificate, key), "a/b", DAY, NOW)
