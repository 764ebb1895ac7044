"""Documents as users write them, for tests."""

from typing import Any


def http_route(name: str = "shop", namespace: str | None = None, **spec: object) -> dict[str, Any]:
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": metadata, "spec": spec}


def service(name: str = "shop", **spec: object) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": {"ports": [{"port": 80}]} | spec}


def endpoint_slice(address_type: str, *addresses: str, **ports: object) -> dict[str, Any]:
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "shop-1", "labels": {"kubernetes.io/service-name": "shop"}},
        "addressType": address_type,
        "endpoints": [{"addresses": [*addresses]}],
        "ports": [{"port": 8080} | ports],
    }


def secret(name: str = "cert", **parts: object) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, **parts}


def envoy_fleet(name: str = "edge", namespace: str = "xdsserver-system", **spec: object) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "gateway.xdsserver.io/v1alpha1", "kind": "EnvoyFleet", "metadata": metadata, "spec": spec}


def tenant(name: str = "data", namespace: str = "storage", **spec: object) -> dict[str, Any]:
    pools = [{"name": "pool-0", "servers": 2, "persistence": {"volumesPerServer": 2}}]
    metadata = {"name": name, "namespace": namespace}
    return {
        "apiVersion": "rustfs.com/v1alpha1",
        "kind": "Tenant",
        "metadata": metadata,
        "spec": {"pools": pools} | spec,
    }
