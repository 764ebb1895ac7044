"""Plurals are those of the definitions of the kinds."""

from __future__ import annotations

import pytest

from xdsserver.objects.kinds import plural


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        ("Gateway", "gateways"),
        ("GatewayClass", "gatewayclasses"),
        ("BackendTLSPolicy", "backendtlspolicies"),
        ("HTTPRoute", "httproutes"),
        ("EndpointSlice", "endpointslices"),
    ],
)
def test_a_path_names_a_kind_by_its_plural(kind: str, found: str) -> None:
    assert plural(kind) == found
