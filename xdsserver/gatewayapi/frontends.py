"""Client certificates: what a Gateway asks of those who connect to its HTTPS listeners (`spec.tls.frontend`, GEP-91).

It never falls open: where no authority can be had there is nobody whom a certificate could be from, and the listeners
concerned are closed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from xdsserver.gatewayapi.certificates import AUTHORITY_HOLDERS, joined
from xdsserver.gatewayapi.conditions import ACCEPTED, RESOLVED_REFS, Condition, Problem, Status
from xdsserver.gatewayapi.grants import Referrer, permitted
from xdsserver.model.certificates import TrustBundle
from xdsserver.model.tls import ClientCertificates, Frontend
from xdsserver.objects.meta import GATEWAY_GROUP, Name, ObjectKey

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xdsserver.gatewayapi.grants import Permission
    from xdsserver.objects.gateway import FrontendTLSConfig, FrontendValidation, Gateway
    from xdsserver.objects.meta import ObjectReference
    from xdsserver.tables import Read, Table

_INSECURE = "AllowInsecureFallback"


@dataclass(frozen=True, slots=True)
class AuthorityTables:
    """Where authorities are found: what is permitted across namespaces, and each holder as it was understood.

    `kinds` counts the objects of kinds that a cluster may serve or not.
    """

    grants: Table[Permission, int]
    authorities: Table[ObjectKey, TrustBundle | Problem]
    kinds: Table[str, int]


@dataclass(frozen=True, slots=True)
class ClientValidation:
    """Whose certificates are good, None where nobody's can be: then nobody gets in; and what is wrong with references.

    Without `required` clients get in that show none, or one of somebody else.
    """

    authorities: TrustBundle | None
    required: bool
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """What listeners ask of clients, without whose certificates are good, so that new authorities wake no listener.

    `clients` is None where nothing is asked, or where nobody gets in: then it is `closed`.
    """

    clients: ClientCertificates | None
    closed: bool = False
    problems: tuple[Problem, ...] = ()


def frontends(gateway: Gateway) -> Iterator[tuple[Frontend, FrontendTLSConfig]]:
    """Give what a Gateway asks of clients by default, and on the ports that it says otherwise of."""
    tls = gateway.spec.tls
    if tls is None or tls.frontend is None:
        return
    name = Name(gateway.metadata.namespace, gateway.metadata.name)
    yield Frontend(name), tls.frontend.default
    for one in tls.frontend.per_port:
        yield Frontend(name, one.port), one.tls


def client_validation(
    read: Read, tables: AuthorityTables, frontend: Frontend, spec: FrontendValidation
) -> ClientValidation:
    """Find the authorities that a Gateway names; the good ones count where there are any."""
    found = [_find(read, tables, frontend, *numbered) for numbered in enumerate(spec.ca_certificate_refs)]
    bundles = [one for one in found if isinstance(one, TrustBundle)]
    problems = [one for one in found if isinstance(one, Problem)]
    if not bundles:
        words = f"{_field(frontend)}: without any authority nobody's certificate is good, and nobody gets in"
        problems.append(Problem(ACCEPTED, "NoValidCACertificate", words))
    return ClientValidation(joined(bundles) if bundles else None, spec.mode != _INSECURE, tuple(problems))


def asked(frontend: Frontend, validation: ClientValidation | None) -> Asked:
    """Narrow a validation down to what listeners depend on; None where a Gateway asks for nothing."""
    if validation is None:
        return Asked(None)
    if validation.authorities is None:
        return Asked(None, closed=True, problems=validation.problems)
    return Asked(ClientCertificates(frontend, validation.required), problems=validation.problems)


def insecure_condition(gateway: Gateway) -> tuple[Condition, ...]:
    """Say of a Gateway that it lets in clients whose certificate is not verified, and nothing of another."""
    specs = ((one, config.validation) for one, config in frontends(gateway))
    open_ = [_field(one) for one, spec in specs if spec is not None and spec.mode == _INSECURE]
    if not open_:
        return ()
    message = f"{', '.join(open_)}: clients get in without a certificate that is verified"
    generation = gateway.metadata.generation
    return (Condition("InsecureFrontendValidationMode", Status.TRUE, "ConfigurationChanged", message, generation),)


def _find(
    read: Read, tables: AuthorityTables, frontend: Frontend, number: int, reference: ObjectReference
) -> TrustBundle | Problem:
    field = f"{_field(frontend)}.caCertificateRefs[{number}]"
    group, kind = reference.group, reference.kind
    if (group, kind) not in AUTHORITY_HOLDERS:
        return _wrong_kind(f"{field}: {group or 'core'}/{kind} holds no authorities; name a ConfigMap or a Secret")
    if group and not read(tables.kinds, kind):
        return _wrong_kind(f"{field}: there are no objects of kind {kind} here; name a ConfigMap or a Secret")
    key = ObjectKey(kind, "" if group else reference.namespace or frontend.gateway.namespace, reference.name)
    referrer = Referrer(GATEWAY_GROUP, "Gateway", frontend.gateway.namespace)
    if key.namespace and not permitted(read, tables.grants, referrer, group, key):
        words = f"and no ReferenceGrant there lets a Gateway of {referrer.namespace} refer to it"
        return Problem(RESOLVED_REFS, "RefNotPermitted", f"{field}: {key} is in another namespace, {words}")
    match read(tables.authorities, key):
        case None:
            return Problem(RESOLVED_REFS, "InvalidCACertificateRef", f"{field}: no {key}")
        case Problem(message=words):
            return Problem(RESOLVED_REFS, "InvalidCACertificateRef", f"{field}: {words}")
        case bundle:
            return bundle


def _wrong_kind(message: str) -> Problem:
    return Problem(RESOLVED_REFS, "InvalidCACertificateKind", message)


def _field(frontend: Frontend) -> str:
    place = "default" if frontend.port is None else f"perPort[port={frontend.port}].tls"
    return f"spec.tls.frontend.{place}.validation"
