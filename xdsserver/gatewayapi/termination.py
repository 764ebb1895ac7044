"""TLS that ends at a listener: the certificates that it names, found and permitted (ListenerTLSConfig).

A certificate that cannot be had spoils its listener and no other. Where a listener has several, the good ones serve.
What is asked of clients is the business of its Gateway (`frontends`), for HTTPS.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from xdsserver.gatewayapi.conditions import RESOLVED_REFS, Problem
from xdsserver.gatewayapi.frontends import Asked
from xdsserver.gatewayapi.grants import Referrer, permitted
from xdsserver.gatewayapi.last_good import LastGood
from xdsserver.model.certificates import ServerCertificate
from xdsserver.model.tls import Frontend, Termination
from xdsserver.objects.meta import GATEWAY_GROUP, Name, ObjectKey

if TYPE_CHECKING:
    from xdsserver.gatewayapi.grants import Permission
    from xdsserver.gatewayapi.listeners import Listener
    from xdsserver.objects.meta import SecretObjectReference
    from xdsserver.tables import Read, Table


_NOTHING = Asked(None)


@dataclass(frozen=True, slots=True)
class CertificateTables:
    """Where certificates are found: what is permitted across namespaces, and each Secret as it was understood.

    `asked` is what Gateways ask of clients.
    """

    grants: Table[Permission, int]
    certificates: Table[Name, ServerCertificate | LastGood | Problem]
    asked: Table[Frontend, Asked]


@dataclass(frozen=True, slots=True)
class ResolvedTermination:
    """What a listener shows to clients, None where it has nothing to show, and what is wrong with its references."""

    termination: Termination | None
    problems: tuple[Problem, ...] = ()


def terminate(read: Read, tables: CertificateTables, listener: Listener) -> ResolvedTermination | None:
    """Find the certificates of a listener; None for one that ends no TLS."""
    if not ends_tls(listener):
        return None
    references = listener.tls.certificate_refs if listener.tls is not None else ()
    if not references:
        message = f"listener {listener.key.name}: tls.certificateRefs is missing; name the Secret of a certificate"
        return ResolvedTermination(None, (Problem(RESOLVED_REFS, "InvalidCertificateRef", message),))
    referrer = Referrer(GATEWAY_GROUP, listener.key.kind, listener.key.namespace)
    field = f"listener {listener.key.name}: tls.certificateRefs"
    found = [
        one
        for number, each in enumerate(references)
        for one in find_certificate(read, tables, referrer, f"{field}[{number}]", each)
    ]
    good = tuple(dict.fromkeys(one for one in found if isinstance(one, Name)))
    problems = tuple(one for one in found if isinstance(one, Problem))
    asked = _asked(read, tables, listener)
    whole = Termination(good, asked.clients) if good and not asked.closed else None
    return ResolvedTermination(whole, (*problems, *(_of_listener(listener, one) for one in asked.problems)))


def _asked(read: Read, tables: CertificateTables, listener: Listener) -> Asked:
    """Give what is asked of clients: on the port, where its Gateway says something of it, or else by default."""
    if listener.protocol != "HTTPS":
        return _NOTHING
    on_port = read(tables.asked, Frontend(listener.gateway, listener.port))
    return on_port or read(tables.asked, Frontend(listener.gateway)) or _NOTHING


def _of_listener(listener: Listener, problem: Problem) -> Problem:
    return replace(problem, message=f"listener {listener.key.name}: Gateway {listener.gateway} {problem.message}")


def ends_tls(listener: Listener) -> bool:
    """Tell whether TLS ends at a listener; at others it is passed on whole, or there is none."""
    passes_on = listener.tls is not None and listener.tls.mode == "Passthrough"
    return listener.protocol == "HTTPS" or (listener.protocol == "TLS" and not passes_on)


def find_certificate(
    read: Read, tables: CertificateTables, referrer: Referrer, field: str, reference: SecretObjectReference
) -> tuple[Name | Problem, ...]:
    """Give the Secret that a field names, or what is wrong, or both where what was good before serves on."""
    group, kind = reference.group or "", reference.kind or "Secret"
    if (group, kind) != ("", "Secret"):
        return (_invalid(f"{field}: {group or 'core'}/{kind} is no kind of certificate; name a Secret"),)
    name = Name(reference.namespace or referrer.namespace, reference.name)
    if not permitted(read, tables.grants, referrer, "", ObjectKey("Secret", *name)):
        message = (
            f"{field}: Secret {name} is in another namespace, and no ReferenceGrant there lets a {referrer.kind} of "
            f"{referrer.namespace} refer to it"
        )
        return (Problem(RESOLVED_REFS, "RefNotPermitted", message),)
    match read(tables.certificates, name):
        case None:
            return (_invalid(f"{field}: no Secret {name}"),)
        case Problem(message=words):
            return (_invalid(f"{field}: {words}"),)
        case LastGood(problem=problem):
            return (name, _invalid(f"{field}: {problem.message}"))
        case ServerCertificate():
            return (name,)


def _invalid(message: str) -> Problem:
    return Problem(RESOLVED_REFS, "InvalidCertificateRef", message)
