"""Secrets and trust bundles of worlds: good, bad, and good again, and listeners that show them."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from tests.certificates import key_pem
from xdsserver.objects import gateway as gw
from xdsserver.objects.clustertrustbundle import ClusterTrustBundle, ClusterTrustBundleSpec
from xdsserver.objects.meta import Name, ObjectReference, SecretObjectReference
from xdsserver.objects.secret import Secret, SecretBytes

if TYPE_CHECKING:
    from tests.properties.gateway_worlds import Dice


def pair(number: int) -> tuple[bytes, bytes]:
    """Give a certificate with its key, the same for the same number, since Ed25519 signs without chance."""
    key = Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{number}")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), number, start, start + dt.timedelta(days=number))
    return builder.sign(key, None).public_bytes(Encoding.PEM), key_pem(key)


PAIRS = tuple(pair(number) for number in (1, 2))


def secret(dice: Dice, name: Name) -> Secret:
    (one, key), (other, other_key) = PAIRS
    chain, private = dice.pick(
        (one, key),
        (other, other_key),
        (other + one, other_key),
        (one, other_key),
        (one[:200], key),
        (b"", b""),
    )
    data = {"tls.crt": SecretBytes(chain), "tls.key": SecretBytes(private), "ca.crt": SecretBytes(one)}
    return Secret(
        metadata=dice.metadata(name),
        type=dice.pick("kubernetes.io/tls", "Opaque"),
        data=dice.pick(data, data, data, {**data, "tls.key": SecretBytes(None)}, {}),
    )


def cluster_trust_bundle(dice: Dice, name: Name) -> ClusterTrustBundle:
    text = dice.pick(PAIRS[0][0], PAIRS[0][0] + PAIRS[1][0], b"no certificate").decode()
    return ClusterTrustBundle(metadata=dice.metadata(name), spec=ClusterTrustBundleSpec(trust_bundle=text))


def tls(dice: Dice) -> gw.ListenerTLS:
    one, more = reference(dice), reference(dice)
    return gw.ListenerTLS(
        mode=dice.pick("Terminate", "Terminate", "Passthrough", None),
        certificate_refs=dice.pick((one,), (one,), (one, more), ()),
    )


def reference(dice: Dice) -> SecretObjectReference:
    return SecretObjectReference(
        name=dice.pick("cert", "cert", "other", "missing"),
        namespace=dice.pick(None, None, None, "pay", "shop"),
        kind=dice.pick("Secret", "Secret", "Secret", "Secret", "ConfigMap"),
    )


def gateway_tls(dice: Dice) -> gw.GatewayTLS:
    """Ask clients for certificates, show one to backends, or both."""
    return gw.GatewayTLS(
        frontend=dice.any(_frontend(dice), _frontend(dice), None),
        backend=dice.any(None, gw.BackendTLS(client_certificate_ref=reference(dice)), gw.BackendTLS()),
    )


def _frontend(dice: Dice) -> gw.FrontendTLS:
    """Name authorities that are there, missing, forbidden or none."""

    def validation() -> gw.FrontendTLSConfig:
        kind = dice.any("ConfigMap", "Secret", "Secret", "ClusterTrustBundle", "Service")
        reference = ObjectReference(
            group="certificates.k8s.io" if kind == "ClusterTrustBundle" else "",
            kind=kind,
            name="roots" if kind == "ClusterTrustBundle" else dice.any("ca", "cert", "other", "missing"),
            namespace=dice.pick(None, None, "pay"),
        )
        found = gw.FrontendValidation(
            ca_certificate_refs=(reference,), mode=dice.pick("AllowValidOnly", "AllowInsecureFallback", None)
        )
        return gw.FrontendTLSConfig(validation=dice.pick(found, found, None))

    per_port = dice.sample((80, 8080), most=2)
    return gw.FrontendTLS(
        default=validation(), per_port=tuple(gw.FrontendTLSPort(port=port, tls=validation()) for port in per_port)
    )


MAKERS = {
    "Secret": (secret, (Name("shop", "cert"), Name("shop", "other"), Name("pay", "cert"))),
    "ClusterTrustBundle": (cluster_trust_bundle, (Name("", "roots"),)),
}
