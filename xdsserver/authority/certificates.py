"""Certificates that we make: of the authority itself, of servers, and of the Envoys of a fleet.

An identity is one URI (a SPIFFE ID), as an X.509-SVID has it, and it alone says who somebody is. Subjects are for
people who look at a certificate.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from xdsserver.authority.errors import AuthorityError
from xdsserver.xds.identity import SERVER_URI, fleet_uri

if TYPE_CHECKING:
    from cryptography.x509 import ObjectIdentifier

AUTHORITY_LIFE: Final = timedelta(days=730)
SERVER_LIFE: Final = timedelta(days=30)

_SKEW: Final = timedelta(minutes=5)
"""Clocks of machines differ: a certificate is valid from a little before it was made."""


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A certificate and its private key, both PEM; the key is never shown."""

    certificate: bytes
    key: bytes = field(repr=False)

    @property
    def parsed(self) -> x509.Certificate:
        """The certificate, read.

        Raises:
            AuthorityError: it is none.
        """
        try:
            return x509.load_pem_x509_certificate(self.certificate)
        except ValueError as error:
            message = f"the authority's certificate cannot be read ({error}): restore it, or make a new one"
            raise AuthorityError(message) from error


@dataclass(frozen=True, slots=True)
class _Leaf:
    """What a certificate of one end of a connection says."""

    uri: str
    usage: ObjectIdentifier
    life: timedelta
    names: tuple[str, ...] = ()


def make_authority(now: datetime) -> KeyPair:
    """Make a new authority that signs itself; it is introduced at `now`, which its validity begins with."""
    key = _new_key()
    # The serial in the name: verifiers look for an issuer by name, and two generations are trusted at a time.
    serial = x509.random_serial_number()
    name = _name(f"xdsserver authority {serial:x}")
    certificate = (
        _builder(name, key, serial)
        .issuer_name(name)
        .not_valid_before(now)
        .not_valid_after(now + AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    return _pair(certificate, key)


def issue_server(signer: KeyPair, names: tuple[str, ...], now: datetime) -> KeyPair:
    """Make a server's certificate for `SERVER_LIFE`; `names` are those that clients other than Envoy may check.

    Raises:
        AuthorityError: the signer's key or certificate cannot be read.
    """
    return _issue(signer, _Leaf(SERVER_URI, ExtendedKeyUsageOID.SERVER_AUTH, SERVER_LIFE, names), now)


def issue_replica(signer: KeyPair, now: datetime) -> KeyPair:
    """Make what a server proves itself with to another, for `SERVER_LIFE`; it cannot be shown to those who connect.

    Raises:
        AuthorityError: the signer's key or certificate cannot be read.
    """
    return _issue(signer, _Leaf(SERVER_URI, ExtendedKeyUsageOID.CLIENT_AUTH, SERVER_LIFE), now)


def issue_client(signer: KeyPair, fleet: str, life: timedelta, now: datetime) -> KeyPair:
    """Make the certificate that the Envoys of a fleet prove themselves with.

    Raises:
        ValueError: `fleet` is not the name of a fleet.
        AuthorityError: the signer's key or certificate cannot be read.
    """
    return _issue(signer, _Leaf(fleet_uri(fleet), ExtendedKeyUsageOID.CLIENT_AUTH, life), now)


def _issue(signer: KeyPair, leaf: _Leaf, now: datetime) -> KeyPair:
    issuer, key = signer.parsed, _new_key()
    alternatives = [x509.UniformResourceIdentifier(leaf.uri), *map(x509.DNSName, leaf.names)]
    certificate = (
        _builder(_name(leaf.uri.rpartition("/")[2]), key, x509.random_serial_number())
        .issuer_name(issuer.subject)
        .not_valid_before(now - _SKEW)
        # Nothing outlives the authority that vouches for it: chains are refused from then on anyway.
        .not_valid_after(min(now + leaf.life, issuer.not_valid_after_utc))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([leaf.usage]), critical=False)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(_issuer_id(issuer), critical=False)
        .sign(_read_key(signer.key), hashes.SHA256())
    )
    return _pair(certificate, key)


def _issuer_id(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    found = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(found)


def _builder(subject: x509.Name, key: ec.EllipticCurvePrivateKey, serial: int) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key.public_key())
        .serial_number(serial)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common_name: str) -> x509.Name:
    # An upper bound of X.520: longer common names are refused by some readers, and nobody compares them.
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64])])


def _new_key() -> ec.EllipticCurvePrivateKey:
    # P-256: a key is made in microseconds, and BoringSSL has its fastest code for it.
    return ec.generate_private_key(ec.SECP256R1())


def _read_key(pem: bytes) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as error:
        message = f"the authority's private key cannot be read ({error}): restore it, or make a new authority"
        raise AuthorityError(message) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        message = "the authority's private key is not an elliptic curve key: restore the one that was made here"
        raise AuthorityError(message)
    return key


def _pair(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> KeyPair:
    return KeyPair(
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )


def utc_now() -> datetime:
    """Return the time, as certificates count it."""
    return datetime.now(UTC)
