"""Structs from what an API server sends and from checked documents."""

import json

import msgspec
import pytest

from tests.objects.documents import http_route
from xdsserver.objects.decode import decode, decode_json
from xdsserver.objects.httproute import HTTPRoute
from xdsserver.objects.kinds import BY_NAME
from xdsserver.objects.metadata import LAST_APPLIED

ROUTE = BY_NAME["HTTPRoute"]


def test_what_would_wake_a_computation_for_nothing_is_dropped() -> None:
    quiet = http_route(hostnames=["a.example.com"])
    noisy = http_route(hostnames=["a.example.com"])
    noisy["metadata"] |= {
        "resourceVersion": "17",
        "managedFields": [{"manager": "kubectl"}],
        "annotations": {LAST_APPLIED: "{}"},
    }
    noisy["status"] = {"parents": []}
    assert decode_json(ROUTE, json.dumps(noisy).encode()) == decode_json(ROUTE, json.dumps(quiet).encode())
    assert decode(ROUTE, noisy) == decode(ROUTE, quiet)


def test_other_annotations_stay() -> None:
    route = http_route()
    route["metadata"]["annotations"] = {LAST_APPLIED: "{}", "example.com/a": "b"}
    assert decode(ROUTE, route).metadata.annotations == {"example.com/a": "b"}


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_older_versions_and_fields_of_older_releases_decode(version: str) -> None:
    """Release 1.6 had `sessionName` and `cookieConfig`, which 1.7 took away: an API server of 1.6 still sends them."""
    old = {"sessionName": "s", "type": "Cookie", "cookieConfig": {"lifetimeType": "Session"}}
    route = http_route(rules=[{"sessionPersistence": old, "backendRefs": [{"name": "a", "port": 80}]}])
    route["apiVersion"] = f"gateway.networking.k8s.io/{version}"
    decoded = decode_json(ROUTE, json.dumps(route).encode())
    assert isinstance(decoded, HTTPRoute)
    assert decoded.spec.rules[0].backend_refs[0].name == "a"


def test_lists_that_go_writes_as_null_are_empty() -> None:
    data = {
        "metadata": {"name": "a", "creationTimestamp": None},
        "addressType": "IPv4",
        "endpoints": None,
        "ports": None,
    }
    decoded = decode_json(BY_NAME["EndpointSlice"], json.dumps(data).encode())
    assert decoded == decode(BY_NAME["EndpointSlice"], {"metadata": {"name": "a"}, "addressType": "IPv4"})


def test_a_wrong_shape_names_its_path() -> None:
    with pytest.raises(msgspec.ValidationError, match=r"\$\.spec\.hostnames"):
        decode(ROUTE, http_route(hostnames=5))


def test_a_secret_does_not_show_its_values() -> None:
    data = {"metadata": {"name": "a"}, "data": {"tls.key": "aHVudGVyMg=="}}
    assert "aHVudGVyMg" not in repr(decode(BY_NAME["Secret"], data))
