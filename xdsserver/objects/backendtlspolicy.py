"""BackendTLSPolicy (gateway.networking.k8s.io/v1)."""

from collections.abc import Mapping

import msgspec

from xdsserver.objects.meta import KubeObject, LocalObjectReference, Part


class PolicyTarget(Part):
    """What a policy is for, in its own namespace; of a Service `section_name` is the name of a port."""

    group: str
    kind: str
    name: str
    section_name: str | None = None


class SubjectAltName(Part):
    """A name that the certificate of the backend may have."""

    type: str
    hostname: str | None = None
    uri: str | None = None


class BackendTLSValidation(Part):
    """How the certificate of the backend is verified (BackendTLSPolicyValidation)."""

    hostname: str
    ca_certificate_refs: tuple[LocalObjectReference, ...] = ()
    well_known_ca_certificates: str | None = msgspec.field(default=None, name="wellKnownCACertificates")
    subject_alt_names: tuple[SubjectAltName, ...] = ()


class BackendTLSPolicySpec(Part):
    """BackendTLSPolicy.spec."""

    target_refs: tuple[PolicyTarget, ...]
    validation: BackendTLSValidation
    options: Mapping[str, str] = {}


class BackendTLSPolicy(KubeObject):
    """How a gateway connects to a backend by TLS."""

    spec: BackendTLSPolicySpec
