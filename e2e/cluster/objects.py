"""Objects that tests add to a release."""

from __future__ import annotations

from typing import Any


def route(name: str, path: str, gateway: str = "shop") -> dict[str, Any]:
    rule = {"matches": [{"path": {"type": "PathPrefix", "value": path}}], "backendRefs": [{"name": "shop", "port": 80}]}
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"parentRefs": [{"name": gateway}], "rules": [rule]},
    }
