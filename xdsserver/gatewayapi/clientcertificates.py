"""Certificates that backends are shown: those of Gateways, and of XBackends that have one of their own.

Whoever asks for one wants no backend to be reached without: where it cannot be had, backends with TLS are not reached.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from xdsserver.gatewayapi.termination import find_certificate
from xdsserver.objects.meta import Name

if TYPE_CHECKING:
    from xdsserver.gatewayapi.conditions import Problem
    from xdsserver.gatewayapi.grants import Referrer
    from xdsserver.gatewayapi.termination import CertificateTables
    from xdsserver.objects.gateway import Gateway
    from xdsserver.objects.meta import SecretObjectReference
    from xdsserver.tables import Read


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """The Secret of a certificate for backends, None where it cannot be had, and what is wrong with it."""

    secret: Name | None
    problems: tuple[Problem, ...] = ()


def reference_of(gateway: Gateway) -> SecretObjectReference | None:
    """Give the reference to the certificate that a Gateway shows to backends (GatewayBackendTLS)."""
    tls = gateway.spec.tls
    return tls.backend.client_certificate_ref if tls is not None and tls.backend is not None else None


def client_certificate(
    read: Read, tables: CertificateTables, referrer: Referrer, field: str, reference: SecretObjectReference
) -> ClientCertificate:
    """Find a certificate for backends; what was good before serves on (GatewayReasonInvalidClientCertificateRef)."""
    found = find_certificate(read, tables, referrer, field, reference)
    secret = next((one for one in found if isinstance(one, Name)), None)
    problems = tuple(_of_a_client(one) for one in found if not isinstance(one, Name))
    return ClientCertificate(secret, problems)


def _of_a_client(problem: Problem) -> Problem:
    return problem if problem.reason == "RefNotPermitted" else replace(problem, reason="InvalidClientCertificateRef")
