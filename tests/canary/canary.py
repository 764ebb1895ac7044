"""The secret itself, the documents that carry it, and the search for it."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.certificates import Certificate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_SEED = b"SING-SING-CANARY-IN-THE-COALMINE"
"""Of an Ed25519 key these are the key: 32 bytes, of which nothing public is made but by a one-way function."""

_PREFIX_CHARACTERS = 24
"""Of the body of the PEM: what all keys of the kind have in common, and the first bits of the seed."""


@dataclass(frozen=True)
class Canary:
    """A certificate and its key."""

    certificate: Certificate

    @cached_property
    def chain(self) -> str:
        return self.certificate.pem.decode()

    @cached_property
    def key(self) -> str:
        return self.certificate.key_pem.decode()

    @property
    def body(self) -> str:
        """The one line of base64 in the PEM of the key."""
        return self.key.splitlines()[1]

    @cached_property
    def needles(self) -> frozenset[bytes]:
        """Pieces of the key in every writing, each too long to be met by chance."""
        secret = self.body[_PREFIX_CHARACTERS:].rstrip("=")
        encoded = self.key.encode()
        start = encoded.index(secret.encode())
        # In base64 of base64, as Kubernetes keeps it, the same text looks different at each of three offsets.
        twice = (base64.b64encode(encoded[start + shift :])[: len(secret)].decode() for shift in range(3))
        texts = [secret, *twice, _SEED.hex(), _SEED.hex().upper()]
        pieces = {piece.encode() for text in texts for piece in _pieces(text, 12)}
        return frozenset({*pieces, *(_SEED[at : at + 8] for at in range(0, 25, 4))})

    def seen_in(self, output: str | bytes) -> list[bytes]:
        """Give the pieces that an output holds, however its lines are broken."""
        text = output.encode(errors="replace") if isinstance(output, str) else output
        flat = text.translate(None, b" \t\r\n").replace(b"\\n", b"")
        return [piece for piece in self.needles if piece in text or piece in flat]


def make() -> Canary:
    return Canary(Certificate(Ed25519PrivateKey.from_private_bytes(_SEED), hostnames=("canary.example.com",)))


def good(canary: Canary) -> str:
    """Write the Secret as `kubectl apply` leaves it in a cluster, with its copy in an annotation, as JSON."""
    return json.dumps(document(canary))


def document(canary: Canary) -> dict[str, object]:
    data = {name: base64.b64encode(text.encode()).decode() for name, text in _files(canary).items()}
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/tls",
        "metadata": {"name": "canary", "namespace": "default"},
        "data": data,
    }
    copies = {
        "kubectl.kubernetes.io/last-applied-configuration": json.dumps({**secret, "stringData": _files(canary)}),
    }
    return {**secret, "metadata": {"name": "canary", "namespace": "default", "annotations": copies}}


def bad(canary: Canary) -> Iterator[tuple[str, str]]:
    """Write the Secret wrongly, in all the ways in which people do; each may be answered by a message."""
    whole = document(canary)
    data = dict(whole["data"])  # type: ignore[call-overload]
    yield "no base64", json.dumps({**whole, "data": {"tls.crt": canary.chain, "tls.key": canary.key}})
    yield "a mapping for a value", json.dumps({**whole, "data": {**data, "tls.key": {"pem": canary.key}}})
    yield "a list for a value", json.dumps({**whole, "data": {**data, "tls.key": canary.key.splitlines()}})
    yield "a list for the data", json.dumps({**whole, "data": [canary.key]})
    yield "text for the data", json.dumps({**whole, "data": canary.key})
    yield "the key as a name", json.dumps({**whole, "data": {canary.body: "x"}})
    yield "the key as a field", json.dumps({**whole, canary.body: "x"})
    yield "data misspelt", json.dumps({**whole, "stringdata": {"tls.key": canary.key}, "data": {}})
    yield "data at the top", json.dumps({**whole, "data": {}, "tls.key": canary.key})
    yield "data in the metadata", json.dumps({**whole, "metadata": {"name": "canary", "tls.key": canary.key}})
    yield "kind misspelt", json.dumps({**whole, "kind": "Secert"})
    yield "no kind", json.dumps({name: part for name, part in whole.items() if name != "kind"})
    yield "no name", json.dumps({**whole, "metadata": {}})
    yield "a wrong version", json.dumps({**whole, "apiVersion": "v2"})
    yield "only the key", json.dumps({**whole, "data": {"tls.key": data["tls.key"]}})
    twice = dict.fromkeys(("tls.crt", "tls.key"), data["tls.key"])
    yield "the key as certificate", json.dumps({**whole, "data": twice})
    in_the_open = {"ca.crt": canary.key, "tls.key": canary.key}
    yield "a ConfigMap", json.dumps({**whole, "kind": "ConfigMap", "data": in_the_open})
    for name, text in _texts(canary.key).items():
        yield f"key {name}", json.dumps({**whole, "data": {}, "stringData": {"tls.crt": canary.chain, "tls.key": text}})
        yield f"chain {name}", json.dumps({**whole, "data": {}, "stringData": {"tls.crt": text, "tls.key": canary.key}})
    head = "apiVersion: v1\nkind: Secret\nmetadata: {name: canary}\nstringData:\n"
    yield "not indented", f"{head}  tls.key: |\n{canary.key}"
    yield "not quoted", f"{head}  tls.key: {canary.key.replace(chr(10), ' ')}\n"
    yield "not closed", f'{head}  tls.key: "{canary.key}'
    yield "twice", f"{head}  {canary.body}: a\n  {canary.body}: b\n"
    yield "an alias", f"{head}  tls.key: *{canary.body}\n"
    yield "a tag", f"{head}  tls.key: !{canary.body} x\n"
    yield "a flow", f"{head}  tls.key: [{canary.body}\n"
    yield "the PEM alone", canary.key
    yield "its body alone", f"{canary.body}: {canary.body}\n"


def _files(canary: Canary) -> dict[str, str]:
    return {"tls.crt": canary.chain, "tls.key": canary.key}


def _texts(pem: str) -> dict[str, str]:
    """Give the PEM of the key, damaged."""
    lines = pem.splitlines()
    return {
        "in one line": "".join(lines),
        "with spaces for line ends": " ".join(lines),
        "with CR for line ends": "\r".join(lines),
        "without its end": "\n".join(lines[:2]),
        "with another end": "\n".join((*lines[:2], "-----END CERTIFICATE-----")),
        "cut off": pem[: len(pem) * 3 // 4],
        "with a header": "\n".join((lines[0], f"X: {lines[1]}", "", *lines[1:])),
        "as its own label": f"-----BEGIN {lines[1]}-----\nAAAA\n-----END X-----\n",
        "as a certificate": pem.replace("PRIVATE KEY", "CERTIFICATE"),
        "as revocations": pem.replace("PRIVATE KEY", "X509 CRL"),
        "damaged": pem.replace(lines[1], f"{lines[1][:-8]}!{lines[1][-8:]}"),
        "of another kind": pem.replace("PRIVATE", "RSA PRIVATE"),
        "encrypted": pem.replace("PRIVATE", "ENCRYPTED PRIVATE"),
    }


def _pieces(text: str, length: int) -> Iterable[str]:
    return (text[at : at + length] for at in range(0, len(text) - length + 1, 4))


GATEWAY = """\
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: xdsserver}
spec: {controllerName: gateway.xdsserver.io/controller}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, namespace: default}
spec:
  gatewayClassName: xdsserver
  listeners:
  - name: https
    port: 8443
    protocol: HTTPS
    tls: {certificateRefs: [{name: canary}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop, namespace: default}
spec:
  parentRefs: [{name: edge}]
  rules: [{filters: [{type: RequestRedirect, requestRedirect: {hostname: www.example.com}}]}]
"""
