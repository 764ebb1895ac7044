"""Certificates as users write them: told from what Envoy would refuse, which would cost more than themselves.

A rejected Secret leaves its listener without a certificate; a rejected cluster or listener holds back all changes of
its kind. So each is read here first and by Envoy's own rules: nothing that it refuses is sent, and nothing that it
takes is refused. It takes what is expired or not valid yet; saying so needs a clock, which nobody here has
(`ServerCertificate.valid_until`).
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar, assert_never

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509.oid import PublicKeyAlgorithmOID

from xdsserver.gatewayapi.conditions import RESOLVED_REFS, Problem
from xdsserver.gatewayapi.pem import Broken, blocks, to_pem
from xdsserver.model.certificates import ServerCertificate, TrustBundle
from xdsserver.objects.clustertrustbundle import CERTIFICATES_GROUP, ClusterTrustBundle
from xdsserver.objects.core import ConfigMap
from xdsserver.objects.secret import Secret, SecretBytes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

    from xdsserver.gatewayapi.pem import Block

E = TypeVar("E", bound=x509.ExtensionType)

CHAIN, KEY, AUTHORITIES = "tls.crt", "tls.key", "ca.crt"
"""Keys of the data of Secrets and ConfigMaps (https://kubernetes.io/docs/concepts/configuration/secret/#tls-secrets)."""

AUTHORITY_HOLDERS = frozenset({("", "ConfigMap"), ("", "Secret"), (CERTIFICATES_GROUP, "ClusterTrustBundle")})
"""What may hold authorities, by group and kind."""

_CERTIFICATES = frozenset({"CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"})
_PRIVATE_KEYS: dict[str, type[PrivateKeyTypes] | None] = {
    "PRIVATE KEY": None,
    "ENCRYPTED PRIVATE KEY": None,
    "RSA PRIVATE KEY": rsa.RSAPrivateKey,
    "EC PRIVATE KEY": ec.EllipticCurvePrivateKey,
}
"""Labels of private keys, each with what must be in it, None for any."""

_REVOCATIONS = "X509 CRL"
_MIN_RSA_BITS = 2048
_CURVES = frozenset({"secp256r1", "secp384r1", "secp521r1"})
_KINDS = "use RSA of 2048 bits or more, P-256, P-384, P-521 or Ed25519"


def parse_server_certificate(secret: Secret) -> ServerCertificate | Problem:
    """Read the certificate and the key of a Secret, or say why Envoy would not take them.

    The Secret is of type kubernetes.io/tls, or of any other with the same keys.
    """
    found = _server_certificate(secret)
    if isinstance(found, str):
        return Problem(RESOLVED_REFS, "InvalidCertificateRef", f"Secret {secret.name}: {found}")
    return found


def parse_trust_bundle(text: str | SecretBytes) -> TrustBundle | Problem:
    """Read certificates of authorities, one at least, or say what is wrong with the text.

    Private keys beside them are left out. Lists of what is revoked are refused: half of what was meant would be served.
    """
    if isinstance(text, SecretBytes) and not text.readable:
        return Problem(RESOLVED_REFS, "InvalidCACertificateRef", "is not base64")
    found = _certificates(text.reveal() if isinstance(text, SecretBytes) else text.encode(errors="replace"))
    if isinstance(found, str):
        return Problem(RESOLVED_REFS, "InvalidCACertificateRef", found)
    return joined((TrustBundle(tuple(_pem(one) for one in found)),))


def authorities_of(holder: ConfigMap | Secret | ClusterTrustBundle) -> TrustBundle | Problem:
    """Read the authorities that an object holds: under `ca.crt`, or all of a ClusterTrustBundle."""
    text: str | SecretBytes | None
    match holder:
        case ClusterTrustBundle():
            text, place = holder.spec.trust_bundle, f"ClusterTrustBundle {holder.name}: spec.trustBundle"
        case ConfigMap():
            text, place = holder.data.get(AUTHORITIES), f"ConfigMap {holder.name}: data {AUTHORITIES}"
        case Secret():
            text, place = holder.data.get(AUTHORITIES), f"Secret {holder.name}: data {AUTHORITIES}"
        case _:
            assert_never(holder)
    if text is None:
        found: TrustBundle | Problem = Problem(RESOLVED_REFS, "InvalidCACertificateRef", "is missing")
    else:
        found = parse_trust_bundle(text)
    return replace(found, message=f"{place} {found.message}") if isinstance(found, Problem) else found


def joined(bundles: Iterable[TrustBundle]) -> TrustBundle:
    """Put several bundles together: in order, each certificate once."""
    return TrustBundle(tuple(dict.fromkeys(one for bundle in bundles for one in bundle.certificates)))


def _server_certificate(secret: Secret) -> ServerCertificate | str:
    for name in (CHAIN, KEY):
        if name not in secret.data:
            return f"data has no {name}; a Secret of type kubernetes.io/tls has {CHAIN} and {KEY}"
        if not secret.data[name].readable:
            return f"data {name} is not base64"
    chain = _certificates(secret.data[CHAIN].reveal())
    if isinstance(chain, str):
        return f"{CHAIN} {chain}"
    leaf = chain[0]
    if refusal := _refusal(leaf):
        return f"{CHAIN} {refusal}"
    key = _key_block(secret.data[KEY].reveal())
    if isinstance(key, str):
        return f"{KEY} {key}"
    private = _private_key(key)
    if private is None:
        return f"{KEY} holds a private key that cannot be read; {_KINDS}"
    if _public(private) != _public(leaf):
        return f"{KEY} is not the key of the first certificate of {CHAIN}"
    if isinstance(private, rsa.RSAPrivateKey) and not _whole(private):
        return f"{KEY} holds an RSA key whose numbers do not belong together"
    return ServerCertificate(
        chain="".join(_pem(one) for one in chain),
        key=SecretBytes(key.pem),
        valid_from=leaf.not_valid_before_utc,
        valid_until=leaf.not_valid_after_utc,
        hostnames=_hostnames(leaf),
        fingerprint=leaf.fingerprint(SHA256()).hex(),
    )


def _certificates(text: bytes) -> tuple[x509.Certificate, ...] | str:
    """Read all certificates of a text, one at least, or say what is wrong."""
    found: list[x509.Certificate] = []
    for block in blocks(text):
        if isinstance(block, Broken):
            return f"cannot be read after {len(found)} certificates: {block.words}"
        if block.label == _REVOCATIONS:
            return "holds a list of revoked certificates, which is not supported; remove it"
        if block.label in _CERTIFICATES:
            certificate = _certificate(block)
            if certificate is None:
                return f"holds a certificate, number {len(found) + 1}, that cannot be read"
            found.append(certificate)
    return tuple(found) or "holds no certificate in PEM"


def _certificate(block: Block) -> x509.Certificate | None:
    try:
        with warnings.catch_warnings():
            # Oddities of certificates that others made (a negative number, say) are no business of our log.
            warnings.simplefilter("ignore")
            certificate = x509.load_der_x509_certificate(block.content.reveal())
            # Read when they are asked for: here, where what is wrong with them is an answer.
            _ = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    except Exception:  # noqa: BLE001 (see _private_key)
        return None
    return certificate


def _refusal(leaf: x509.Certificate) -> str:
    """Say why Envoy would not show this certificate to clients, which are more demanding than it is of authorities."""
    public = _public_key(leaf)
    match public:
        case rsa.RSAPublicKey() if leaf.public_key_algorithm_oid != PublicKeyAlgorithmOID.RSAES_PKCS1_v1_5:
            return f"is for a kind of RSA key that Envoy does not know; {_KINDS}"
        case rsa.RSAPublicKey() if public.key_size < _MIN_RSA_BITS:
            return f"is for an RSA key of {public.key_size} bits; {_KINDS}"
        case ec.EllipticCurvePublicKey() if public.curve.name not in _CURVES:
            return f"is for a key on the curve {public.curve.name}; {_KINDS}"
        case rsa.RSAPublicKey() | ec.EllipticCurvePublicKey() | ed25519.Ed25519PublicKey():
            return "asks for stapled OCSP answers, which are not supported" if _must_staple(leaf) else ""
        case _:
            return f"is for a kind of key that Envoy does not know; {_KINDS}"


def _public_key(certificate: x509.Certificate) -> object:
    try:
        return certificate.public_key()
    except Exception:  # noqa: BLE001 (see _private_key)
        return None


def _key_block(text: bytes) -> Block | str:
    """Find the private key: the first one counts, and what stands after it does not."""
    for block in blocks(text):
        if isinstance(block, Broken):
            return f"cannot be read: {block.words}"
        if block.label in _PRIVATE_KEYS:
            return "holds a private key that is encrypted; store it without a password" if block.encrypted else block
    return "holds no private key in PEM"


def _private_key(block: Block) -> PrivateKeyTypes | None:
    """Read a key; Envoy reads one of PKCS #8 under any label."""
    for label in dict.fromkeys((block.label, "PRIVATE KEY")):
        try:
            # Without looking whether the factors are primes, which takes 50 ms and longer; Envoy does not ask either.
            key = load_pem_private_key(to_pem(label, block.content.reveal()), None, unsafe_skip_rsa_key_validation=True)
        except Exception:  # noqa: BLE001, S112
            # Of bytes that are no key the library says more than it promises: an error of the OpenSSL below it, for a
            # key of a wrong length, is neither a ValueError nor any other that it documents.
            continue
        wanted = _PRIVATE_KEYS[block.label]
        return key if wanted is None or isinstance(key, wanted) else None
    return None


def _public(holder: x509.Certificate | PrivateKeyTypes) -> bytes:
    return holder.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _whole(key: rsa.RSAPrivateKey) -> bool:
    """Check the numbers of a key as BoringSSL does (RSA_check_key)."""
    private = key.private_numbers()
    p, q = private.p, private.q
    return (
        min(p, q) > 1
        and p * q == private.public_numbers.n
        and private.dmp1 == private.d % (p - 1)
        and private.dmq1 == private.d % (q - 1)
        and all(private.d * private.public_numbers.e % (prime - 1) == 1 for prime in (p, q))
        and private.iqmp * q % p == 1
    )


def _must_staple(certificate: x509.Certificate) -> bool:
    feature = _extension(certificate, x509.TLSFeature)
    return feature is not None and x509.TLSFeatureType.status_request in feature


def _hostnames(certificate: x509.Certificate) -> tuple[str, ...]:
    names = _extension(certificate, x509.SubjectAlternativeName)
    return () if names is None else tuple(sorted({name.lower() for name in names.get_values_for_type(x509.DNSName)}))


def _extension(certificate: x509.Certificate, kind: type[E]) -> E | None:
    """Give an extension; None where there is none, or one that cannot be read, which is nothing to Envoy either."""
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except Exception:  # noqa: BLE001 (a KeyError for a TLS feature that it does not know; and see _private_key)
        return None


def _pem(certificate: x509.Certificate) -> str:
    return to_pem("CERTIFICATE", certificate.public_bytes(Encoding.DER)).decode()
