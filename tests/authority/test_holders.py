"""What an Envoy holds, and when it is renewed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from xdsserver.authority import KeyPair, issue_client, issue_server, make_authority, renewed, standing
from xdsserver.authority.envoy_files import AUTHORITIES_FILE, CERTIFICATE_FILE, envoy_files, read_envoy_files
from xdsserver.authority.holders import CLIENT_LIFE, renewed_files

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FLEET = "edge/public"
OURS, OTHER = (make_authority(NOW) for _ in range(2))
STANDS = standing([OURS], NOW)


def held(pair: KeyPair, authorities: bytes = OURS.certificate) -> dict[str, bytes]:
    return {name: text.encode() for name, text in envoy_files(pair, authorities).items()}


def issued(fleet: str = FLEET, at: datetime = NOW, signer: KeyPair = OURS) -> KeyPair:
    return issue_client(signer, fleet, CLIENT_LIFE, at)


GOOD = held(issued())


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({}, "there is none"),
        ({CERTIFICATE_FILE: GOOD[CERTIFICATE_FILE]}, "one of two is missing"),
        (GOOD | {CERTIFICATE_FILE: b"{}"}, "it is of another form"),
        (GOOD | {CERTIFICATE_FILE: b"\xff"}, "it is no text"),
        (held(KeyPair(b"nonsense", b"nonsense")), "it is no certificate"),
        (held(KeyPair(issued().certificate, issued().key)), "the key is another one's"),
        (held(issued("edge/other")), "it is of another fleet"),
        (held(issue_server(OURS, (), NOW)), "it is of a server"),
        (held(issued(signer=OTHER)), "nobody who is trusted has signed it"),
        (held(issued(), OTHER.certificate), "it trusts somebody else"),
        (held(issued(at=NOW - CLIENT_LIFE / 2)), "half of its time is over"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_what_is_not_good_is_replaced_as_a_whole(files: dict[str, bytes], why: str) -> None:
    made = renewed_files(files, FLEET, STANDS, NOW)
    assert made is not None, why
    again = {name: text.encode() for name, text in made.items()}
    assert renewed_files(again, FLEET, STANDS, NOW) is None


def test_what_is_good_stays() -> None:
    assert renewed_files(GOOD, FLEET, STANDS, NOW) is None
    assert renewed_files(GOOD, FLEET, STANDS, NOW + CLIENT_LIFE / 2 - timedelta(hours=1)) is None


def test_s3_through_ten_years_every_envoy_and_server_trust_each_other() -> None:
    """S3: with overlap of old and new authorities nobody is ever shown a certificate of one that they do not know.

    Files reach an Envoy up to a day after they are written, and a server shows what it has made by the newest signer.
    """
    pairs: tuple[KeyPair, ...] = ()
    files: dict[str, bytes] = {}
    now, writes = NOW, 0
    for _ in range(3650):
        pairs = renewed(pairs, now)
        stands = standing(pairs, now)
        if files:
            certificate, trusted = _read(files)
            server = issue_server(stands.signer, (), now).parsed
            assert _vouches(trusted, server), now
            assert _vouches(stands.bundle, certificate), now
            assert certificate.not_valid_after_utc > now
        made = renewed_files(files, FLEET, stands, now)
        if made is not None:
            writes += 1
            files = {name: text.encode() for name, text in made.items()}
        now += timedelta(days=1)
    assert 3650 / 15 <= writes < 3650 / 15 + 30


def _read(files: dict[str, bytes]) -> tuple[x509.Certificate, bytes]:
    found = read_envoy_files(files)
    assert found is not None
    assert set(files) == {CERTIFICATE_FILE, AUTHORITIES_FILE}
    return found[0].parsed, found[1]


def _vouches(authorities: bytes, certificate: x509.Certificate) -> bool:
    return any(one.subject == certificate.issuer for one in x509.load_pem_x509_certificates(authorities))
