"""Folders as users write them."""

from __future__ import annotations

from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "examples" / "quickstart" / "gateway"

GATEWAY = """\
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: xdsserver}
spec: {controllerName: gateway.xdsserver.io/controller}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge}
spec:
  gatewayClassName: xdsserver
  listeners:
  - {name: http, protocol: HTTP, port: 8080}
"""

ROUTE = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop}
spec:
  parentRefs:
  - name: edge
  rules:
  - backendRefs:
    - {name: shop, port: 80}
"""

SHOP = """\
apiVersion: v1
kind: Service
metadata: {name: shop}
spec:
  ports: [{port: 80}]
"""


def folder(at: Path, **files: str) -> Path:
    """Write files of these names (and `.yaml`) into a folder."""
    at.mkdir(exist_ok=True)
    for name, text in files.items():
        (at / f"{name}.yaml").write_text(text)
    return at
