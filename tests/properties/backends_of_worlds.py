"""Backends of worlds other than Services: what references may lead to besides, well or wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.golden.cases import HERE
from tests.properties import secrets_of_worlds as secrets
from xdsserver.objects import backendtlspolicy as bp
from xdsserver.objects import core
from xdsserver.objects import httproute as hr
from xdsserver.objects import xbackend as xb
from xdsserver.objects.meta import LocalObjectReference, Name
from xdsserver.objects.serviceimport import (
    MULTICLUSTER_GROUP,
    SERVICE_NAME_LABEL,
    ServiceImport,
    ServiceImportPort,
    ServiceImportSpec,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.properties.gateway_worlds import Dice

AUTHORITY = (HERE / "authority.pem").read_text()
SELECTORS: tuple[Mapping[str, str], ...] = ({"app": "web"}, {"app": "web"}, {"app": "api"}, {})


def group_and_kind(dice: Dice) -> tuple[str, str]:
    """Choose what a reference names: mostly a Service."""
    return dice.pick(
        *[("", "Service")] * 10,
        (MULTICLUSTER_GROUP, "ServiceImport"),
        (MULTICLUSTER_GROUP, "ServiceImport"),
        (xb.XGATEWAY_GROUP, "XBackend"),
        (xb.XGATEWAY_GROUP, "XBackend"),
        ("", "ConfigMap"),
        ("example.com", "Service"),
    )


def labels(dice: Dice, owner: str | None) -> dict[str, str]:
    """Choose by which labels a slice belongs to an owner."""
    keys = dice.pick((core.SERVICE_NAME_LABEL,), (SERVICE_NAME_LABEL,), (core.SERVICE_NAME_LABEL, SERVICE_NAME_LABEL))
    return dict.fromkeys(keys, owner) if owner else {}


def service_import(dice: Dice, name: Name) -> ServiceImport:
    ports = (
        ServiceImportPort(port=80, name=dice.pick("http", "")),
        ServiceImportPort(port=8080, name="alt", app_protocol=dice.pick(None, "kubernetes.io/h2c")),
        ServiceImportPort(port=53, name="dns", protocol="UDP"),
    )
    return ServiceImport(
        metadata=dice.metadata(name),
        spec=ServiceImportSpec(type="ClusterSetIP", ports=dice.pick(ports[:1], ports, ports[1:], ())),
    )


def x_backend(dice: Dice, name: Name) -> xb.XBackend:
    outside = dice.pick(1, 1, 0)
    session = hr.SessionPersistence(cookie=hr.CookieConfig(name=dice.pick(None, "s", "bad name")))
    return xb.XBackend(
        metadata=dice.metadata(name),
        spec=xb.XBackendSpec(
            type="ExternalHostname" if outside else "EndpointSelector",
            port=xb.BackendPort(number=dice.pick(443, 8443, 80, None)),
            external_hostname=_hostname(dice) if outside else None,
            endpoint_selector=None if outside else _selector(dice),
            protocol=dice.pick(None, "HTTP", "HTTP11", "HTTP2", "H2C", "GRPC", "WSS", "TCP", "MCP"),
            tls=dice.pick(xb.BackendTLS(mode="None"), _tls(dice), _tls(dice), None),
            session_persistence=dice.pick(None, None, session, hr.SessionPersistence(type="Header")),
        ),
    )


def _selector(dice: Dice) -> xb.EndpointSelector:
    return xb.EndpointSelector(match_labels=dice.pick({"app": "web"}, {"app": "api"}, {"app": "nobody"}))


def _hostname(dice: Dice) -> xb.ExternalHostname | None:
    names = ("api.example.com", "10.0.0.1", "web.shop.svc.cluster.local")
    return dice.pick(*[xb.ExternalHostname(hostname=name) for name in names], None)


def _tls(dice: Dice) -> xb.BackendTLS:
    validation = _validation(dice)
    mode = dice.pick("ServerOnly", "ClientAndServer", "None")
    return xb.BackendTLS(
        mode=mode,
        client_certificate_ref=secrets.reference(dice) if mode == "ClientAndServer" else None,
        validation=dice.pick(validation, validation, None),
    )


def _validation(dice: Dice) -> bp.BackendTLSValidation:
    names = (
        bp.SubjectAltName(type="Hostname", hostname="*.example.com"),
        bp.SubjectAltName(type="URI", uri="spiffe://a/b"),
        bp.SubjectAltName(type="URI"),
    )
    references = tuple(LocalObjectReference(group="", kind="ConfigMap", name=one) for one in ("ca", "missing"))
    others = (
        LocalObjectReference(group="", kind="Secret", name="cert"),
        LocalObjectReference(group="certificates.k8s.io", kind="ClusterTrustBundle", name="roots"),
        LocalObjectReference(group="", kind="Service", name="web"),
    )
    given: tuple[LocalObjectReference, ...] = dice.pick(
        references[:1], references, others[:1], others, references[1:], ()
    )
    return bp.BackendTLSValidation(
        hostname="api.example.com",
        ca_certificate_refs=given,
        well_known_ca_certificates=dice.pick(None, "System", "example.com/ours"),
        subject_alt_names=dice.sample(names, most=3),
    )


def backend_tls_policy(dice: Dice, name: Name) -> bp.BackendTLSPolicy:
    def target() -> bp.PolicyTarget:
        return bp.PolicyTarget(
            group=dice.pick("", "", "", "multicluster.x-k8s.io"),
            kind=dice.pick("Service", "Service", "Service", "ServiceImport"),
            name=dice.any("web", "api", "missing"),
            section_name=dice.pick(None, None, "http", "", "missing"),
        )

    return bp.BackendTLSPolicy(
        metadata=dice.metadata(name),
        spec=bp.BackendTLSPolicySpec(target_refs=dice.some(target, least=1, most=3), validation=_validation(dice)),
    )


def config_map(dice: Dice, name: Name) -> core.ConfigMap:
    good, bad = {"ca.crt": AUTHORITY}, {"ca.crt": "no certificate"}
    data = dice.pick(good, good, bad, {}, {"other": AUTHORITY})
    return core.ConfigMap(metadata=dice.metadata(name), data=data)


MAKERS = {
    "ServiceImport": (service_import, (Name("shop", "web"), Name("pay", "web"))),
    "XBackend": (x_backend, (Name("shop", "web"), Name("shop", "api"), Name("pay", "web"))),
    "BackendTLSPolicy": (backend_tls_policy, (Name("shop", "one"), Name("shop", "two"), Name("pay", "one"))),
    "ConfigMap": (config_map, (Name("shop", "ca"), Name("pay", "ca"))),
}
