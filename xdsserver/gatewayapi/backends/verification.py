"""How the certificate of a backend is verified, as a BackendTLSPolicy and an XBackend alike ask for it.

Sources: BackendTLSPolicyValidation (apis/v1/backendtlspolicy_types.go), and GEP-5075 for ClusterTrustBundles.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from xdsserver.gatewayapi.certificates import AUTHORITY_HOLDERS, joined
from xdsserver.gatewayapi.conditions import ACCEPTED, RESOLVED_REFS, Problem
from xdsserver.model.backends import AuthoritiesFile, SubjectName, UpstreamTls
from xdsserver.objects.clustertrustbundle import CERTIFICATES_GROUP
from xdsserver.objects.meta import ObjectKey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from xdsserver.model.certificates import TrustBundle
    from xdsserver.objects.backendtlspolicy import BackendTLSValidation, SubjectAltName
    from xdsserver.objects.meta import LocalObjectReference


@dataclass(frozen=True, slots=True)
class Authorities:
    """Where authorities are found.

    `system` is the file of those that the machine of the Envoy trusts, None where it has none. `held` gives those that
    an object holds, None where there is no such object. `served` tells whether there are objects of a kind at all, of
    those that a cluster may serve or not.
    """

    system: str | None
    held: Callable[[ObjectKey], TrustBundle | Problem | None]
    served: Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Verification:
    """How a backend is verified, and what is wrong with it; without `tls` none can be, so that none is reached."""

    tls: UpstreamTls | None
    problems: tuple[Problem, ...] = ()


def verification(validation: BackendTLSValidation, around: Authorities, *, field: str, namespace: str) -> Verification:
    """Understand how a backend is verified; `field` is where that is written, and objects are of `namespace`.

    Of several authorities the good ones count. Where there is none, nobody is believed.
    """
    # With subjectAltNames the hostname is for SNI only (BackendTLSPolicyValidation.subjectAltNames).
    names = tuple(_names(validation.subject_alt_names)) or (SubjectName("DNS", validation.hostname),)
    known = validation.well_known_ca_certificates
    if known == "System" and around.system is not None:
        return Verification(UpstreamTls(validation.hostname, names, AuthoritiesFile(around.system)))
    if known is not None:
        none = "this system has no authorities of its own; use caCertificateRefs"
        words = none if known == "System" else f"{known} is not supported; use System"
        return Verification(None, (Problem(ACCEPTED, "Invalid", f"{field}.wellKnownCACertificates: {words}"),))
    found = [
        _held(around, f"{field}.caCertificateRefs[{number}]", reference, namespace)
        for number, reference in enumerate(validation.ca_certificate_refs)
    ]
    wrong = tuple(one for one in found if isinstance(one, Problem))
    good = [one for one in found if not isinstance(one, Problem)]
    if good:
        return Verification(UpstreamTls(validation.hostname, names, joined(good).pem), wrong)
    words = "; ".join(one.message for one in wrong) or f"{field} names no authorities; use caCertificateRefs"
    return Verification(None, (*wrong, Problem(ACCEPTED, "NoValidCACertificate", words)))


def _held(around: Authorities, field: str, reference: LocalObjectReference, namespace: str) -> TrustBundle | Problem:
    known = (reference.group, reference.kind) in AUTHORITY_HOLDERS
    if not known or (reference.group and not around.served(reference.kind)):
        kind = f"{reference.group or 'core'}/{reference.kind}"
        words = f"{field}: {kind} holds no authorities; use a ConfigMap, a Secret or a ClusterTrustBundle"
        return Problem(RESOLVED_REFS, "InvalidKind", words)
    holder = ObjectKey(reference.kind, "" if reference.group == CERTIFICATES_GROUP else namespace, reference.name)
    match around.held(holder):
        case None:
            return Problem(RESOLVED_REFS, "InvalidCACertificateRef", f"{field}: {holder} does not exist")
        case Problem(message=words):
            return Problem(RESOLVED_REFS, "InvalidCACertificateRef", f"{field}: {words}")
        case bundle:
            return bundle


def _names(specs: tuple[SubjectAltName, ...]) -> Iterator[SubjectName]:
    for spec in specs:
        if spec.hostname:
            yield SubjectName("DNS", spec.hostname)
        if spec.uri:
            yield SubjectName("URI", spec.uri)
