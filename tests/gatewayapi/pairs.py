"""Certificates with keys, good and bad, as they come out of tools and editors; Envoy is the judge of each."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.certificates import PKCS1, Certificate, authority, curve_key, key_pem, on_days, public_pem, rsa_key

if TYPE_CHECKING:
    from collections.abc import Iterator

BOM = b"\xef\xbb\xbf"
STAPLE = x509.TLSFeature([x509.TLSFeatureType.status_request])
UNKNOWN_FEATURE = x509.UnrecognizedExtension(x509.TLSFeature.oid, bytes.fromhex("3003020133"))


class Pair(NamedTuple):
    """What stands in a Secret, and the words that refuse it ("" where it is good)."""

    chain: bytes
    key: bytes
    refused: str = ""


def pairs() -> dict[str, Pair]:
    """Give all of them by name."""
    return dict((*_keys(), *_chains(), *_key_texts(), *_texts()))


def _of(key: Certificate, *, form: PrivateFormat = PrivateFormat.PKCS8, refused: str = "") -> Pair:
    return Pair(key.pem, key_pem(key.key, form), refused)


def _keys() -> Iterator[tuple[str, Pair]]:
    """Kinds of keys: P5 and P7."""
    yield "RSA 2048", _of(Certificate(rsa_key()))
    yield "RSA 2048, PKCS #1", _of(Certificate(rsa_key()), form=PKCS1)
    yield "RSA 2040", _of(Certificate(rsa_key(2040)), refused="is for an RSA key of 2040 bits")
    yield "RSA 1024", _of(Certificate(rsa_key(1024)), refused="is for an RSA key of 1024 bits")
    for curve in (ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()):
        yield curve.name, _of(Certificate(curve_key(curve)))
        yield f"{curve.name}, SEC 1", _of(Certificate(curve_key(curve)), form=PKCS1)
    for other in (ec.SECP224R1(), ec.SECP256K1(), ec.BrainpoolP256R1()):
        yield other.name, _of(Certificate(curve_key(other)), refused=f"is for a key on the curve {other.name}")
    yield "Ed25519", _of(Certificate(ed25519.Ed25519PrivateKey.generate()))
    unknown = "is for a kind of key that Envoy does not know"
    yield "Ed448", _of(Certificate(ed448.Ed448PrivateKey.generate()), refused=unknown)
    yield "DSA", _of(Certificate(dsa.generate_private_key(2048)), refused=unknown)
    yield "must staple", _of(Certificate(curve_key(), extensions=(STAPLE,)), refused="asks for stapled OCSP answers")
    yield "an unknown TLS feature", _of(Certificate(curve_key(), extensions=(UNKNOWN_FEATURE,)))
    yield "no name", _of(Certificate(curve_key(), hostnames=()))
    yield "expired", _of(on_days(Certificate(curve_key()), -30, -1))
    yield "not valid yet", _of(on_days(Certificate(curve_key()), 1, 30))


def _chains() -> Iterator[tuple[str, Pair]]:
    """Several certificates in one text."""
    root = authority()
    leaf = Certificate(curve_key(), issuer=root)
    chain, key, above = leaf.pem, leaf.key_pem, root.pem
    yield "chain of two", Pair(chain + above, key)
    yield "chain with one of them twice", Pair(chain + chain + above, key)
    yield "chain with text between", Pair(chain + b"\n# the authority\n\n" + above, key)
    yield "chain with an expired authority", Pair(chain + on_days(root, -30, -1).pem, key)
    yield "chain with a weak authority", Pair(chain + Certificate(rsa_key(1024)).pem, key)
    mismatch = "tls.key is not the key of the first certificate of tls.crt"
    yield "chain in the wrong order", Pair(above + chain, key, mismatch)
    second = "holds a certificate, number 2, that cannot be read"
    yield "second is no certificate", Pair(chain + _block(b"CERTIFICATE", b"AAAA"), key, second)
    yield "second is empty", Pair(chain + _block(b"CERTIFICATE", b""), key, second)
    cut = "after 1 certificates: the end of CERTIFICATE is missing; was it cut off?"
    yield "second is cut off", Pair(chain + above[: len(above) // 2], key, cut)
    yield "second is no base64", Pair(chain + _block(b"CERTIFICATE", b"!!!!"), key, "is not base64 between its dashes")
    yield "another block before", Pair(_block(b"FOO", b"AAAA") + chain, key)
    yield "a broken block before", Pair(_block(b"FOO", b"!!") + chain, key, "a block is not base64")
    yield "a cut block after", Pair(chain + b"-----BEGIN FOO-----\nAAAA\n", key, "the end of a block is missing")
    yield "the key in the chain", Pair(chain + key, key)
    yield "the key before the chain", Pair(key + chain, key)
    yield "the chain in the key", Pair(chain, chain + key)
    yield "key of another", Pair(chain, key_pem(curve_key()), mismatch)
    yield "key of another kind", Pair(chain, key_pem(rsa_key()), mismatch)
    yield "key of another, RSA", Pair(Certificate(rsa_key()).pem, key_pem(rsa_key(number=1)), mismatch)


def _key_texts() -> Iterator[tuple[str, Pair]]:
    """Keys as tools write them."""
    one = Certificate(curve_key())
    chain, key, old = one.pem, one.key_pem, key_pem(one.key, PKCS1)
    rsa_pair = Certificate(rsa_key())
    rsa_chain, rsa_old = rsa_pair.pem, key_pem(rsa_pair.key, PKCS1)
    encrypted = "holds a private key that is encrypted; store it without a password"
    yield "encrypted key", Pair(chain, key_pem(one.key, password=b"x"), encrypted)
    yield "encrypted key, PKCS #1", Pair(rsa_chain, key_pem(rsa_pair.key, PKCS1, b"x"), encrypted)
    yield (
        "key cut off",
        Pair(chain, key[: len(key) // 2], "tls.key cannot be read: the end of PRIVATE KEY is missing"),
    )
    nothing = "tls.key holds no private key in PEM"
    yield "no key", Pair(chain, b"", nothing)
    yield "no PEM for a key", Pair(chain, b"hello", nothing)
    yield "a certificate for a key", Pair(chain, chain, nothing)
    yield "a public key for a key", Pair(chain, public_pem(one.key), nothing)
    openssh = one.key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    yield "a key of OpenSSH", Pair(chain, openssh, nothing)
    parameters = _block(b"EC PARAMETERS", b"BggqhkjOPQMBBw==")
    yield "curve before key", Pair(chain, parameters + old)
    yield "curve after key", Pair(chain, old + parameters)
    yield "two keys, the first right", Pair(chain, key + key_pem(rsa_key()))
    mismatch = "tls.key is not the key of"
    yield "two keys, the second right", Pair(chain, key_pem(rsa_key()) + key, mismatch)
    yield "key, then a cut block", Pair(chain, key + b"-----BEGIN FOO-----\n")
    unreadable = "tls.key holds a private key that cannot be read"
    yield "PKCS #8 labelled EC", Pair(chain, key.replace(b"PRIVATE", b"EC PRIVATE"))
    yield "PKCS #8 labelled RSA", Pair(rsa_chain, key_pem(rsa_key()).replace(b"PRIVATE", b"RSA PRIVATE"))
    yield (
        "RSA in PKCS #8 labelled EC",
        Pair(rsa_chain, key_pem(rsa_key()).replace(b"PRIVATE", b"EC PRIVATE"), unreadable),
    )
    yield "SEC 1 labelled RSA", Pair(chain, old.replace(b"EC PRIVATE", b"RSA PRIVATE"), unreadable)
    yield "SEC 1 labelled PKCS #8", Pair(chain, old.replace(b"EC PRIVATE", b"PRIVATE"), unreadable)
    yield "PKCS #1 labelled PKCS #8", Pair(rsa_chain, rsa_old.replace(b"RSA PRIVATE", b"PRIVATE"), unreadable)
    short = key_pem(ed25519.Ed25519PrivateKey.generate()).replace(b"AwBQYDK2Vw", b"AwBQYDK2Vv")
    yield "a key of X448 with half of its bytes", Pair(chain, short, unreadable)
    wrong = bytearray(_der(rsa_old))
    wrong[-20] ^= 1
    inconsistent = "tls.key holds an RSA key whose numbers do not belong together"
    yield "RSA key with a wrong bit", Pair(rsa_chain, _block(b"RSA PRIVATE KEY", base64.b64encode(wrong)), inconsistent)


def _texts() -> Iterator[tuple[str, Pair]]:
    """The same certificate, as editors, systems and shells may have left it."""
    one = Certificate(curve_key())
    chain, key = one.pem, one.key_pem
    body = b"".join(chain.splitlines()[1:-1])
    nothing = "tls.crt holds no certificate in PEM"
    yield "CRLF", Pair(chain.replace(b"\n", b"\r\n"), key.replace(b"\n", b"\r\n"))
    one_line = "all of it is in one line; dashes have lines of their own"
    yield "CR", Pair(chain.replace(b"\n", b"\r"), key, one_line)
    yield "no line ends", Pair(chain.replace(b"\n", b""), key, one_line)
    yield "spaces for line ends, in the key", Pair(chain, key.replace(b"\n", b" "), one_line)
    yield "no chain", Pair(b"", key, nothing)
    yield "no PEM", Pair(b"hello", key, nothing)
    yield "DER", Pair(_der(chain), key, nothing)
    yield "cut off", Pair(chain[: len(chain) // 2], key, "tls.crt cannot be read after 0 certificates")
    yield "text around", Pair(b"subject=shop\n\n" + chain + b"bye", b"hello\n" + key + b"bye")
    yield "text that is no UTF-8", Pair(b"caf\xe9\n" + chain, key)
    yield "no line end at the end", Pair(chain.rstrip(), key.rstrip())
    yield "a byte order mark", Pair(BOM + chain, key, nothing)
    yield "NUL after", Pair(chain + b"\0", key + b"\0")
    yield "first line indented", Pair(b"  " + chain, key, nothing)
    yield "indented", Pair(b"".join(b"  " + line for line in chain.splitlines(keepends=True)), key, nothing)
    yield "blanks at line ends", Pair(chain.replace(b"\n", b"  \n"), key)
    yield "blank lines", Pair(chain.replace(b"\n", b"\n\n"), key)
    yield "blanks in base64", Pair(chain.replace(b"MII", b"M\tI I", 1), key)
    yield "a vertical tab in base64", Pair(chain.replace(b"MII", b"M\x0bII", 1), key, "is not base64")
    yield "one long line", Pair(_block(b"CERTIFICATE", body), key)
    lines = b"\n".join(body[start : start + 76] for start in range(0, len(body), 76))
    yield "lines of 76", Pair(_block(b"CERTIFICATE", lines), key)
    yield "no padding", Pair(_block(b"CERTIFICATE", base64.b64encode(_der(chain) + b"\0" * 4)[:-2]), key, "not base64")
    yield (
        "bytes after",
        Pair(_block(b"CERTIFICATE", base64.b64encode(_der(chain) + b"abc")), key, "number 1, that cannot"),
    )
    yield (
        "a header",
        Pair(chain.replace(b"-----\nMII", b"-----\nA: b\n\nMII", 1), key, "has headers between its dashes"),
    )
    yield "label X509", Pair(chain.replace(b"CERTIFICATE", b"X509 CERTIFICATE"), key)
    yield "label TRUSTED", Pair(chain.replace(b"CERTIFICATE", b"TRUSTED CERTIFICATE"), key)
    spelt = "the end of CERTIFICATE is not spelt as its beginning"
    yield "end with four dashes", Pair(chain.replace(b"-----END", b"----END"), key, "is missing")
    yield "end of something else", Pair(chain.replace(b"END CERTIFICATE", b"END X509 CERTIFICATE"), key, spelt)


def _block(label: bytes, body: bytes) -> bytes:
    return b"-----BEGIN " + label + b"-----\n" + body + b"\n-----END " + label + b"-----\n"


def _der(pem: bytes) -> bytes:
    return base64.b64decode(b"".join(pem.splitlines()[1:-1]))
