"""A Gateway that answers without a backend: all that is needed to see that an Envoy serves what was applied."""

from __future__ import annotations

import asyncio


def redirecting(namespace: str, port: int) -> str:
    """Give a namespace with the Gateway `edge`, whose route sends every request elsewhere, and their class."""
    return f"""
apiVersion: v1
kind: Namespace
metadata: {{name: {namespace}}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {{name: xdsserver}}
spec: {{controllerName: gateway.xdsserver.io/controller}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: edge, namespace: {namespace}}}
spec:
  gatewayClassName: xdsserver
  listeners: [{{name: http, port: {port}, protocol: HTTP}}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: away, namespace: {namespace}}}
spec:
  parentRefs: [{{name: edge}}]
  rules: [{{filters: [{{type: RequestRedirect, requestRedirect: {{hostname: elsewhere.example, port: 80}}}}]}}]
"""


async def redirects(ip: str, port: int) -> bool:
    """Ask its listener once, and tell whether it sent us elsewhere."""
    reader, writer = await asyncio.open_connection(ip, port)
    writer.write(b"GET / HTTP/1.1\r\nhost: a.example\r\nconnection: close\r\n\r\n")
    head = await reader.readuntil(b"\r\n\r\n")
    writer.close()
    return head.startswith(b"HTTP/1.1 302")
