"""Certificates and keys, made when they are asked for."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import NameOID

from xdsserver.objects.meta import Name, ObjectMeta
from xdsserver.objects.secret import Secret, SecretBytes

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes

PKCS1 = PrivateFormat.TraditionalOpenSSL
"""Of RSA keys; of keys on a curve it is what their own standard says (SEC 1)."""

SHOP = Name("shop", "cert")
NOW = dt.datetime.now(dt.UTC)


@cache
def rsa_key(bits: int = 2048, number: int = 0) -> rsa.RSAPrivateKey:
    """Give an RSA key, another one for each number; made once, since that takes long."""
    del number
    return rsa.generate_private_key(65537, bits)


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate to be: valid for `days` from now; issued by itself where there is no `issuer`."""

    key: CertificateIssuerPrivateKeyTypes
    hostnames: tuple[str, ...] = ("shop.example.com",)
    days: tuple[float, float] = (-1, 30)
    name: str = "shop"
    authority: bool = False
    issuer: Certificate | None = None
    extensions: tuple[x509.ExtensionType, ...] = ()

    @property
    def pem(self) -> bytes:
        """The certificate alone."""
        issuer = self.issuer or self
        start, end = (NOW + dt.timedelta(days=days) for days in self.days)
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(self.name))
            .issuer_name(_name(issuer.name))
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(end)
            .add_extension(x509.BasicConstraints(ca=self.authority, path_length=None), critical=True)
        )
        names = x509.SubjectAlternativeName([x509.DNSName(one) for one in self.hostnames])
        for extension in (*((names,) if self.hostnames else ()), *self.extensions):
            builder = builder.add_extension(extension, critical=False)
        plain = isinstance(issuer.key, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey)
        return builder.sign(issuer.key, None if plain else hashes.SHA256()).public_bytes(Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        """Its key, as most write it today."""
        return key_pem(self.key)


def authority(name: str = "authority") -> Certificate:
    """Give the certificate of an authority."""
    return Certificate(curve_key(), hostnames=(), name=name, authority=True)


def curve_key(curve: ec.EllipticCurve | None = None) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(curve or ec.SECP256R1())


def key_pem(
    key: CertificateIssuerPrivateKeyTypes,
    form: PrivateFormat = PrivateFormat.PKCS8,
    password: bytes = b"",
) -> bytes:
    return key.private_bytes(Encoding.PEM, form, BestAvailableEncryption(password) if password else NoEncryption())


def public_pem(key: CertificateIssuerPrivateKeyTypes) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def on_days(certificate: Certificate, start: float, end: float) -> Certificate:
    """Give the same certificate with another time."""
    return replace(certificate, days=(start, end))


def secret(chain: bytes, key: bytes, name: Name = SHOP) -> Secret:
    """Give a Secret of type kubernetes.io/tls."""
    return Secret(
        metadata=ObjectMeta(name=name.name, namespace=name.namespace),
        type="kubernetes.io/tls",
        data={"tls.crt": SecretBytes(chain), "tls.key": SecretBytes(key)},
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
