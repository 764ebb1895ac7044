"""Gateway API objects as documents of a folder, with only what a test is about."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any, TypeAlias

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

Document: TypeAlias = "dict[str, Any]"

_GATEWAY = "gateway.networking.k8s.io/v1"


def write(path: Path, documents: Iterable[Document]) -> None:
    """Write a file as an editor saves it: in place, in one go."""
    path.write_text(dump(documents))


def dump(documents: Iterable[Document]) -> str:
    """Give the documents as YAML text that ends with a line break."""
    return str(yaml.dump_all(documents, Dumper=yaml.CSafeDumper, sort_keys=False, explicit_start=True))


def gateway_class() -> Document:
    spec = {"controllerName": "gateway.xdsserver.io/controller"}
    return {"apiVersion": _GATEWAY, "kind": "GatewayClass", "metadata": {"name": "xdsserver"}, "spec": spec}


def gateway(*listeners: Document, name: str = "edge") -> Document:
    spec = {"gatewayClassName": "xdsserver", "listeners": list(listeners)}
    return {"apiVersion": _GATEWAY, "kind": "Gateway", "metadata": {"name": name}, "spec": spec}


def listener(port: int, *, name: str = "http", hostname: str | None = None) -> Document:
    found: Document = {"name": name, "port": port, "protocol": "HTTP"}
    return found if hostname is None else {**found, "hostname": hostname}


def https_listener(port: int, *secrets: str, name: str = "https", hostname: str | None = None) -> Document:
    """Give a listener that shows the certificates of these Secrets of the Gateway's namespace."""
    tls = {"certificateRefs": [{"name": secret} for secret in secrets]}
    return {**listener(port, name=name, hostname=hostname), "protocol": "HTTPS", "tls": tls}


def tls_secret(name: str, pair: tuple[bytes, bytes], *, namespace: str = "default") -> Document:
    """Give a Secret with a certificate and its key, both in PEM."""
    data = {key: b64encode(value).decode() for key, value in zip(("tls.crt", "tls.key"), pair, strict=True)}
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "kubernetes.io/tls", "data": data}


def authorities(name: str, pem: bytes, *, kind: str = "ConfigMap", namespace: str = "default") -> Document:
    """Give a ConfigMap or a Secret that holds authorities."""
    field = "data" if kind == "ConfigMap" else "stringData"
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata, field: {"ca.crt": pem.decode()}}


def service(name: str, port: int | None, *, namespace: str = "default") -> list[Document]:
    """Give a Service with one endpoint on loopback, or with none where `port` is None."""
    metadata = {"name": name, "namespace": namespace}
    labels = {"kubernetes.io/service-name": name}
    return [
        {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"ports": [{"port": 80}]}},
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {**metadata, "labels": labels},
            "addressType": "IPv4",
            "ports": [{"port": port or 1, "name": ""}],
            "endpoints": [] if port is None else [{"addresses": ["127.0.0.1"]}],
        },
    ]


def backend_tls_policy(
    name: str, hostname: str, *refs: Document, target: str = "", port: str | None = None, **more: object
) -> Document:
    """Give a policy for a Service of its own name, or another; authorities are those of ConfigMap `ours`."""
    validation = {"hostname": hostname, "caCertificateRefs": list(refs) or [ca("ours")], **more}
    if "wellKnownCACertificates" in more:
        del validation["caCertificateRefs"]
    reference = {
        "group": "",
        "kind": "Service",
        "name": target or name,
        **({} if port is None else {"sectionName": port}),
    }
    spec = {"targetRefs": [reference], "validation": validation}
    return {"apiVersion": _GATEWAY, "kind": "BackendTLSPolicy", "metadata": {"name": name}, "spec": spec}


def ca(name: str, kind: str = "ConfigMap") -> Document:
    """Give a reference to whoever holds authorities."""
    return {"group": "certificates.k8s.io" if kind == "ClusterTrustBundle" else "", "kind": kind, "name": name}


def external_name(name: str, target: str) -> Document:
    spec = {"type": "ExternalName", "externalName": target}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def http_route(name: str, *rules: Document, hostnames: Iterable[str] = (), **parent: str) -> Document:
    """Give a route of Gateway `edge`; `parent` narrows the reference (`sectionName=...`)."""
    spec: Document = {"parentRefs": [{"name": "edge", **parent}], "rules": list(rules)}
    if hosts := list(hostnames):
        spec["hostnames"] = hosts
    return {"apiVersion": _GATEWAY, "kind": "HTTPRoute", "metadata": {"name": name}, "spec": spec}


def grpc_route(name: str, *rules: Document, hostnames: Iterable[str] = (), **parent: str) -> Document:
    """Give a route of gRPC; otherwise as `http_route`."""
    return {**http_route(name, *rules, hostnames=hostnames, **parent), "kind": "GRPCRoute"}


def stream_route(
    kind: str, name: str, *backends: Document, hostnames: Iterable[str] = (), year: int = 2026, **parent: object
) -> Document:
    """Give a TLSRoute, TCPRoute or UDPRoute of this age to these backends."""
    spec: Document = {"parentRefs": [{"name": "edge", **parent}], "rules": [{"backendRefs": list(backends)}]}
    if hosts := list(hostnames):
        spec["hostnames"] = hosts
    metadata = {"name": name, "creationTimestamp": f"{year}-01-01T00:00:00Z"}
    return {"apiVersion": _GATEWAY, "kind": kind, "metadata": metadata, "spec": spec}


def rule(*backends: Document, matches: Iterable[Document] = (), filters: Iterable[Document] = ()) -> Document:
    found: Document = {"backendRefs": list(backends)}
    if asked := list(matches):
        found["matches"] = asked
    if edits := list(filters):
        found["filters"] = edits
    return found


def to(
    name: str, *filters: Document, weight: int | None = None, port: int = 80, namespace: str | None = None
) -> Document:
    found: Document = {"name": name, "port": port, "weight": weight, "namespace": namespace}
    found["filters"] = list(filters) or None
    return {field: value for field, value in found.items() if value is not None}


def method(service: str = "", method: str = "", kind: str = "Exact") -> Document:
    """Give a match of a GRPCRoute."""
    found = {"type": kind, "service": service, "method": method}
    return {"method": {field: value for field, value in found.items() if value}}


def path(value: str, kind: str = "PathPrefix") -> Document:
    return {"path": {"type": kind, "value": value}}


def request_headers(
    set_: Iterable[tuple[str, str]] = (), add: Iterable[tuple[str, str]] = (), remove: Iterable[str] = ()
) -> Document:
    return {"type": "RequestHeaderModifier", "requestHeaderModifier": _edits(set_, add, remove)}


def response_headers(
    set_: Iterable[tuple[str, str]] = (), add: Iterable[tuple[str, str]] = (), remove: Iterable[str] = ()
) -> Document:
    return {"type": "ResponseHeaderModifier", "responseHeaderModifier": _edits(set_, add, remove)}


def _edits(set_: Iterable[tuple[str, str]], add: Iterable[tuple[str, str]], remove: Iterable[str]) -> Document:
    edits: Document = {
        "set": [{"name": name, "value": value} for name, value in set_],
        "add": [{"name": name, "value": value} for name, value in add],
        "remove": list(remove),
    }
    return {field: value for field, value in edits.items() if value}


def redirect(**to_: object) -> Document:
    """Give a RequestRedirect with these fields as they are written in YAML."""
    return {"type": "RequestRedirect", "requestRedirect": to_}


def rewrite(**to_: object) -> Document:
    """Give a URLRewrite with these fields as they are written in YAML."""
    return {"type": "URLRewrite", "urlRewrite": to_}


def full_path(value: str) -> Document:
    return {"type": "ReplaceFullPath", "replaceFullPath": value}


def prefix(value: str) -> Document:
    return {"type": "ReplacePrefixMatch", "replacePrefixMatch": value}


def reference_grant(namespace: str, from_namespace: str = "default", kind: str = "HTTPRoute") -> Document:
    spec = {
        "from": [{"group": "gateway.networking.k8s.io", "kind": kind, "namespace": from_namespace}],
        "to": [{"group": "", "kind": "Service"}],
    }
    metadata = {"name": "routes", "namespace": namespace}
    return {
        "apiVersion": "gateway.networking.k8s.io/v1beta1",
        "kind": "ReferenceGrant",
        "metadata": metadata,
        "spec": spec,
    }
