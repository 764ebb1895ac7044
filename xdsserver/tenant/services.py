"""The three Services of a Tenant: the S3 API, the console, and the names of single servers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xdsserver.tenant.names import (
    CONSOLE_PORT,
    S3_PORT,
    console_service,
    headless_service,
    io_service,
    metadata,
    selector,
)

if TYPE_CHECKING:
    from xdsserver.objects.tenant import Tenant


def services(tenant: Tenant) -> tuple[dict[str, Any], ...]:
    """Give the Services; the pools of a Tenant share them."""
    return (
        _service(tenant, io_service(tenant), ("http-rustfs", S3_PORT), {"type": "ClusterIP"}),
        _service(tenant, console_service(tenant), ("http-console", CONSOLE_PORT), {"type": "ClusterIP"}),
        # Servers must find each other before any of them is ready.
        _service(
            tenant,
            headless_service(tenant),
            ("http-rustfs", S3_PORT),
            {"type": "ClusterIP", "clusterIP": "None", "publishNotReadyAddresses": True},
        ),
    )


def _service(tenant: Tenant, name: str, port: tuple[str, int], spec: dict[str, Any]) -> dict[str, Any]:
    named, number = port
    ports = [{"name": named, "port": number, "targetPort": number, "protocol": "TCP"}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(tenant, name),
        "spec": spec | {"selector": selector(tenant), "ports": ports},
    }
