"""What may be given any bytes, and what it then promises."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import msgspec

from tests.certificates import secret
from tests.gatewayapi.pairs import pairs
from xdsserver.gatewayapi.certificates import parse_server_certificate, parse_trust_bundle
from xdsserver.gatewayapi.conditions import Problem
from xdsserver.model.certificates import ServerCertificate, TrustBundle
from xdsserver.objects.decode import decode_json
from xdsserver.objects.kinds import BY_NAME
from xdsserver.objects.secret import Secret, SecretBytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

BETWEEN = b"\0\0"
"""Stands between the certificate and the key."""

MESSAGE_CHARACTERS = 400
"""Of a message about bytes that it does not repeat."""


def server_certificate(data: bytes) -> None:
    """A Secret is a certificate, whose normal form is the same certificate; or a problem in few words."""
    chain, _, key = data.partition(BETWEEN)
    found = parse_server_certificate(secret(chain, key))
    if isinstance(found, ServerCertificate):
        again = parse_server_certificate(secret(found.chain.encode(), found.key.reveal()))
        assert again == found
    else:
        assert_words(found)


def trust_bundle(data: bytes) -> None:
    """A text is a bundle, whose normal form is the same bundle; or a problem in few words."""
    for text in (data.decode(errors="replace"), SecretBytes(data)):
        found = parse_trust_bundle(text)
        if isinstance(found, TrustBundle):
            assert parse_trust_bundle(found.pem) == found
        else:
            assert_words(found)


def secret_object(data: bytes) -> None:
    """JSON of an API server is a Secret, or it is refused without a word of it."""
    try:
        found = decode_json(BY_NAME["Secret"], data)
    except msgspec.DecodeError:
        return
    assert isinstance(found, Secret)
    parsed = parse_server_certificate(found)
    assert isinstance(parsed, ServerCertificate | Problem)


def assert_words(problem: Problem) -> None:
    assert len(problem.message) < MESSAGE_CHARACTERS
    assert problem.message.isascii()


TARGETS: Mapping[str, Callable[[bytes], None]] = {
    one.__name__: one for one in (server_certificate, trust_bundle, secret_object)
}


def seeds(target: str) -> Iterator[bytes]:
    """Give bytes to begin with: certificates and keys as tools and editors leave them."""
    for pair in pairs().values():
        match target:
            case "server_certificate":
                yield pair.chain + BETWEEN + pair.key
            case "trust_bundle":
                yield pair.chain
            case _:
                data = {"tls.crt": base64.b64encode(pair.chain), "tls.key": base64.b64encode(pair.key)}
                texts = {name: text.decode() for name, text in data.items()}
                yield json.dumps({"metadata": {"name": "a"}, "data": texts}).encode()
