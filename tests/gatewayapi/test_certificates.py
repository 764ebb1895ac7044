"""Certificates: what Envoy takes is good, what it refuses is refused before it sees it."""

from __future__ import annotations

import base64
import json
import subprocess
from functools import cache
from typing import TYPE_CHECKING

import pytest
from cryptography import x509

from tests.certificates import Certificate, authority, curve_key, key_pem, on_days, secret
from tests.gatewayapi.pairs import Pair, pairs
from xdsserver.gatewayapi.certificates import joined, parse_server_certificate, parse_trust_bundle
from xdsserver.gatewayapi.conditions import Problem
from xdsserver.model.certificates import ServerCertificate, TrustBundle
from xdsserver.objects.meta import ObjectMeta
from xdsserver.objects.secret import Secret, SecretBytes
from xdsserver.proxy.envoy import find_envoy

if TYPE_CHECKING:
    from pathlib import Path

PAIRS = pairs()
GOOD = [name for name, pair in PAIRS.items() if not pair.refused]
BAD = [name for name, pair in PAIRS.items() if pair.refused]


def parsed(pair: Pair) -> ServerCertificate:
    found = parse_server_certificate(secret(pair.chain, pair.key))
    assert isinstance(found, ServerCertificate), found
    return found


def envoy_says(place: Path, *pairs: tuple[bytes, bytes]) -> str:
    """Give Envoy's words on certificates, each for a listener of its own; nothing when it takes all of them."""
    types = "type.googleapis.com/envoy.extensions"
    proxy = {"@type": f"{types}.filters.network.tcp_proxy.v3.TcpProxy", "stat_prefix": "tcp", "cluster": "none"}
    listeners = []
    for number, (chain, key) in enumerate(pairs):
        shown = {"certificate_chain": chain, "private_key": key}
        context = {
            "@type": f"{types}.transport_sockets.tls.v3.DownstreamTlsContext",
            "common_tls_context": {
                "tls_certificates": [
                    {name: {"inline_bytes": base64.b64encode(text).decode()} for name, text in shown.items()}
                ]
            },
        }
        listeners.append(
            {
                "name": f"{number}",
                "address": {"socket_address": {"address": f"127.1.0.{number}", "port_value": 443}},
                "filter_chains": [
                    {
                        "transport_socket": {"name": "tls", "typed_config": context},
                        "filters": [{"name": "tcp", "typed_config": proxy}],
                    }
                ],
            }
        )
    path = place / "bootstrap.json"
    path.write_text(json.dumps({"static_resources": {"listeners": listeners, "clusters": [{"name": "none"}]}}))
    command = [str(find_envoy()), "--mode", "validate", "--config-path", str(path), "--log-level", "error"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return "" if done.returncode == 0 else f"{done.stdout}{done.stderr}".strip() or f"exit code {done.returncode}"


def test_what_is_good_is_good_for_envoy_as_it_was_written_and_as_it_is_sent(tmp_path: Path) -> None:
    sent = [(one.chain.encode(), one.key.reveal()) for name in GOOD for one in (parsed(PAIRS[name]),)]
    assert envoy_says(tmp_path, *((PAIRS[name].chain, PAIRS[name].key) for name in GOOD), *sent) == ""


@pytest.mark.parametrize("name", BAD)
def test_what_is_refused_is_refused_by_envoy_too(name: str, tmp_path: Path) -> None:
    pair = PAIRS[name]
    found = parse_server_certificate(secret(pair.chain, pair.key))

    assert isinstance(found, Problem)
    assert (found.condition, found.reason) == ("ResolvedRefs", "InvalidCertificateRef")
    assert found.message.startswith("Secret shop/cert: tls.")
    assert pair.refused in found.message
    assert envoy_says(tmp_path, (pair.chain, pair.key))


@pytest.mark.parametrize(
    "name", ["key of another", "cut off", "key cut off", "encrypted key", "encrypted key, PKCS #1", "RSA 1024"]
)
def test_p5_what_envoy_would_refuse_is_refused_with_the_reason_of_the_specification(name: str) -> None:
    """P5: a key that is not the certificate's, a text that was cut off, an encrypted key and RSA of 1024 bits are told
    before Envoy sees them, as ResolvedRefs False with the reason InvalidCertificateRef (and Envoy refuses all of them:
    the test above)."""
    found = parse_server_certificate(secret(PAIRS[name].chain, PAIRS[name].key))
    assert isinstance(found, Problem)
    assert (found.condition, found.reason) == ("ResolvedRefs", "InvalidCertificateRef")


@pytest.mark.parametrize("name", ["expired", "not valid yet"])
def test_p6_an_expired_certificate_is_served_and_says_until_when_it_was_good(name: str) -> None:
    """P6: Envoy takes certificates that are expired or not valid yet, so they are served; their time is told."""
    found = parsed(PAIRS[name])
    leaf = x509.load_pem_x509_certificate(PAIRS[name].chain)
    assert (found.valid_from, found.valid_until) == (leaf.not_valid_before_utc, leaf.not_valid_after_utc)


@pytest.mark.parametrize("name", ["CRLF", "Ed25519", "secp384r1", "secp521r1", "secp384r1, SEC 1", "RSA 2048, PKCS #1"])
def test_p7_what_envoy_takes_is_not_refused(name: str) -> None:
    """P7: CRLF, Ed25519 and P-384 are good for Envoy, and so they are for us."""
    assert parsed(PAIRS[name]).chain.startswith("-----BEGIN CERTIFICATE-----\n")


def test_what_is_sent_has_nothing_else_in_it() -> None:
    """A private key that got into the chain, comments, and line ends of other systems stay behind."""
    plain = PAIRS["chain of two"]
    mixed = Pair(
        b"about the first\n" + plain.key + plain.chain.replace(b"\n", b"\r\n"), b"and\n" + plain.key + plain.chain
    )
    assert parsed(mixed) == parsed(plain)
    assert parsed(plain).chain.encode() == plain.chain
    assert parsed(plain).key.reveal() == plain.key


def test_a_certificate_tells_its_names_in_lower_case_and_its_fingerprint() -> None:
    one = Certificate(curve_key(), hostnames=("b.example.com", "*.A.example.com", "b.example.com"))
    chain = one.pem
    found = parsed(Pair(chain, one.key_pem))
    assert found.hostnames == ("*.a.example.com", "b.example.com")
    assert len(bytes.fromhex(found.fingerprint)) == 32
    assert found == parsed(Pair(chain, one.key_pem))
    assert found != parsed(Pair(on_days(one, -1, 60).pem, one.key_pem))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({}, "data has no tls.crt"),
        ({"tls.crt": SecretBytes(b"")}, "data has no tls.key"),
        ({"tls.crt": SecretBytes.of_base64("%%"), "tls.key": SecretBytes(b"")}, "data tls.crt is not base64"),
        ({"tls.crt": SecretBytes(b""), "tls.key": SecretBytes.of_base64("%%")}, "data tls.key is not base64"),
    ],
)
def test_what_a_secret_lacks_is_named(data: dict[str, SecretBytes], words: str) -> None:
    found = parse_server_certificate(Secret(metadata=ObjectMeta(name="cert", namespace="shop"), data=data))
    assert isinstance(found, Problem)
    assert found.message.startswith(f"Secret shop/cert: {words}")


@cache
def roots() -> tuple[str, ...]:
    return tuple(authority(f"authority {number}").pem.decode() for number in range(3))


def test_a_bundle_keeps_its_order_and_each_certificate_once() -> None:
    first, second, third = roots()
    bundles = [parse_trust_bundle(text) for text in (second + "about it\n" + first + second, first + third)]
    good = [one for one in bundles if isinstance(one, TrustBundle)]
    assert joined(good) == TrustBundle((second, first, third))
    assert joined(good).pem == second + first + third


def test_a_bundle_of_a_secret_is_read_like_any_other() -> None:
    one = roots()[0]
    assert parse_trust_bundle(SecretBytes(one.encode())) == parse_trust_bundle(one.replace("\n", "\r\n"))


def test_of_a_bundle_with_a_key_in_it_the_key_stays_behind() -> None:
    assert parse_trust_bundle(key_pem(curve_key()).decode() + roots()[0]) == TrustBundle((roots()[0],))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "holds no certificate in PEM"),
        ("half a character \ud800", "holds no certificate in PEM"),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "holds a certificate, number 1, that cannot",
        ),
        ("-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n", "holds a list of revoked certificates"),
        ("-----BEGIN CERTIFICATE-----\nAAAA", "the end of CERTIFICATE is missing"),
    ],
)
def test_a_bundle_that_cannot_be_read_spoils_nothing_but_itself(text: str, words: str) -> None:
    found = parse_trust_bundle(text)
    assert isinstance(found, Problem)
    assert (found.condition, found.reason) == ("ResolvedRefs", "InvalidCACertificateRef")
    assert words in found.message
