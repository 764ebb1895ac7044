"""What is wrong with a document is said in full, at its place, in words for its writer."""

import json
from copy import deepcopy
from typing import Any

import pytest
from jsonschema_rs import ValidationError

from tests.objects.documents import endpoint_slice, http_route, secret, service
from xdsserver.objects.schema import CheckedRule, Node, engine, linear_validator
from xdsserver.objects.validation import _broken_rules, validate

HOSTNAME = "a DNS name such as example.com or *.example.com, in lower case and without a port"
PATH_TYPES = "Exact, PathPrefix, RegularExpression"


def errors(document: object) -> list[str]:
    return [str(error) for error in validate(document).errors]


def unknown(document: object) -> list[str]:
    return [str(field) for field in validate(document).unknown]


def test_all_errors_are_said_not_the_first() -> None:
    route = http_route(
        hostnames=["Shop.example.com"],
        rules=[{"matches": [{"path": {"type": "Prefix", "value": 1}}], "backendRefs": [{"port": 70000}]}],
    )
    assert errors(route) == [
        f'spec.hostnames[0]: found "Shop.example.com", expected {HOSTNAME}',
        "spec.rules[0].backendRefs[0].name: is required",
        "spec.rules[0].backendRefs[0].port: found the number 70000, expected at most 65535",
        f'spec.rules[0].matches[0].path.type: found "Prefix", expected one of {PATH_TYPES}; did you mean "PathPrefix"?',
        "spec.rules[0].matches[0].path.value: found the number 1, expected text; put it in quotes",
    ]


def test_a_choice_is_explained_by_the_branch_that_was_meant() -> None:
    gateway = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "a"},
        "spec": {
            "gatewayClassName": "x",
            "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}],
            "addresses": [{"value": "1.2.3"}],
        },
    }
    assert errors(gateway) == ['spec.addresses[0].value: found "1.2.3", expected an IPv4 address or an IPv6 address']


def test_unknown_fields_are_warnings_with_a_suggestion_and_are_left_out() -> None:
    route = http_route(hostname=["a.example.com"], rules=[{"backendrefs": [], "xyzzy": 1}])
    route["metadata"]["label"] = {}
    checked = validate(route)
    assert sorted(map(str, checked.unknown)) == [
        'metadata.label: unknown field, ignored; did you mean "labels"?',
        'spec.hostname: unknown field, ignored; did you mean "hostnames"?',
        'spec.rules[0].backendrefs: unknown field, ignored; did you mean "backendRefs"?',
        "spec.rules[0].xyzzy: unknown field, ignored",
    ]
    assert checked.document is not None
    assert "hostname" not in checked.document["spec"]


def test_the_document_itself_is_not_changed() -> None:
    route = http_route(rules=[{}], nonsense=None)
    before = deepcopy(route)
    validate(route)
    assert route == before


def test_defaults_are_filled_in() -> None:
    checked = validate(http_route(rules=[{"backendRefs": [{"name": "a", "port": 80}]}]))
    assert checked.document is not None
    assert checked.document["spec"]["rules"][0] == {
        "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
        "backendRefs": [{"name": "a", "port": 80, "group": "", "kind": "Service", "weight": 1}],
    }


def test_null_means_not_given() -> None:
    checked = validate(http_route(hostnames=None, rules=[{"matches": None}]))
    assert checked.document is not None
    assert "hostnames" not in checked.document["spec"]
    assert checked.document["spec"]["rules"][0]["matches"]


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({}, "metadata.name: is required"),
        ({"generateName": "a-"}, "metadata.name: is required; generateName needs an API server"),
        ({"name": 1}, "metadata.name: found the number 1, expected text; put it in quotes"),
        ({"name": "My_Route"}, 'metadata.name: found "My_Route", expected lower-case letters'),
        ({"name": "a" * 254}, "metadata.name: found "),
        ({"name": "a", "namespace": "a.b"}, 'metadata.namespace: found "a.b", expected lower-case letters'),
        ({"name": "a", "labels": {"a b": "x"}}, 'metadata.labels["a b"]: expected a key such as example.com/name'),
        ({"name": "a", "labels": {"a": "x y"}}, 'metadata.labels.a: found "x y", expected letters'),
        ({"name": "a", "labels": {"a": 1}}, "metadata.labels.a: found the number 1, expected text; put it in quotes"),
        ({"name": "a", "labels": ["a"]}, "metadata.labels: found a list, expected a mapping of text to text"),
        ({"name": "a", "creationTimestamp": "now"}, 'metadata.creationTimestamp: found "now", expected a time in UTC'),
    ],
)
def test_metadata_follows_the_rules_of_kubernetes(metadata: dict[str, Any], message: str) -> None:
    found = errors(http_route() | {"metadata": metadata})
    assert len(found) == 1
    assert found[0].startswith(message)


def test_p2_an_object_over_a_mebibyte_or_with_256_kib_of_annotations_is_refused() -> None:
    """P2: size limits per object."""
    route = http_route()
    route["metadata"]["annotations"] = {"example.com/a": "x" * (300 * 1024)}
    assert errors(route) == ["metadata.annotations: hold 300 KiB together, expected at most 256 KiB"]
    big = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"a": "x" * (1100 * 1024)}}
    assert errors(big) == ["has 1100 KiB, expected at most 1024 KiB for one object"]


@pytest.mark.parametrize(
    "hostname",
    ["shöp.example.com", "shop.example.com.", "SHOP.example.com", "a\0b.com", "a\u202eb.com", "a" * 254, "1.2.3.4:80"],
)
def test_p8_odd_hostnames_are_refused_and_shown_escaped(hostname: str) -> None:
    """P8: schema refuses; file mode too; logs and UI escape."""
    found = errors(http_route(hostnames=[hostname]))
    assert found
    assert all(line.isprintable() for line in found)


@pytest.mark.parametrize("hostname", ["xn--shp-0qa.example.com", ".".join(["a" * 62] * 4)])
def test_p8_punycode_and_long_hostnames_are_accepted(hostname: str) -> None:
    """P8: unicode / punycode / 253-char hostnames."""
    assert errors(http_route(hostnames=[hostname])) == []


def test_p12_patterns_of_schemas_take_linear_time() -> None:
    """P12: schema pattern ReDoS in file mode: jsonschema-rs defaults to fancy-regex (backtracking): linear time."""
    with pytest.raises(ValidationError):
        linear_validator({"type": "string", "pattern": "^(?=a)(a+)+$"})
    # `([\t ]?[!-~]+)*` over 4,000 characters would take a backtracking engine longer than the universe has time.
    header = {"name": "a", "value": "a" * 4000 + "\x7f"}
    modifier = {"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [header]}}
    assert errors(http_route(rules=[{"filters": [modifier]}]))


def test_secrets_are_never_repeated_in_a_message() -> None:
    broken = [
        secret(data={"tls.key": 123456789}),
        secret(data={"tls.key": ["hunter2"]}),
        secret(type=987654321),
        secret(stringData="hunter2"),
        secret(immutable="hunter2"),
    ]
    for document in broken:
        found = " ".join(errors(document))
        assert found
        assert not any(canary in found for canary in ("hunter2", "123456789", "987654321"))


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (service(ports=[{"port": 0}]), "spec.ports[0].port: found the number 0, expected at least 1"),
        (service(ports=[]), "spec: a Service needs at least one port"),
        (service(type="ExternalName", ports=[]), "spec: a Service of type ExternalName needs externalName"),
        (service(ports=[{"port": 1}, {"port": 2}]), "spec.ports: every port needs a name where there are several"),
        (service(ports=[{"port": 1, "name": "a"}, {"port": 1, "name": "b"}]), "spec.ports[1]: repeats the port and"),
        (service(name="a.b"), 'metadata.name: found "a.b", expected lower-case letters'),
        (service(type="Cluster"), 'spec.type: found "Cluster", expected one of ClusterIP'),
        (endpoint_slice("IPv4", "::1"), "addressType IPv4 needs IPv4 addresses such as 127.0.0.1"),
        (endpoint_slice("IPv6", "127.0.0.1"), "addressType IPv6 needs IPv6 addresses such as ::1"),
        (endpoint_slice("FQDN", "127.0.0.1"), "addressType FQDN needs DNS names"),
        (endpoint_slice("IPv4"), "endpoints[0].addresses: must not be empty"),
        (endpoint_slice("DNS", "a"), 'addressType: found "DNS", expected one of IPv4, IPv6, FQDN'),
    ],
)
def test_core_kinds_have_real_limits(document: dict[str, Any], message: str) -> None:
    found = errors(document)
    assert len(found) == 1
    assert found[0].startswith(message)


@pytest.mark.parametrize(
    "document",
    [
        endpoint_slice("IPv4", "127.0.0.1"),
        endpoint_slice("IPv6", "::1"),
        endpoint_slice("FQDN", "db.example.com"),
        service(type="ExternalName", externalName="db.example.com", ports=[]),
        service(clusterIP="None", ports=[], selector={"app": "x"}),
        service(ports=[{"port": 53, "name": "t"}, {"port": 53, "protocol": "UDP", "name": "u"}]),
    ],
)
def test_backends_of_any_address_are_accepted(document: dict[str, Any]) -> None:
    assert errors(document) == []
    assert unknown(document) == []


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (None, "found nothing, expected an object with apiVersion, kind and metadata"),
        ([], "found a list, expected an object with apiVersion, kind and metadata"),
        ({}, "apiVersion: is required"),
        ({"apiversion": "v1"}, 'apiVersion: is required; is it "apiversion"?'),
        ({"apiVersion": "v1"}, "kind: is required"),
        ({"apiVersion": "v2", "kind": "Service"}, 'apiVersion: found "v2", expected v1 for kind Service'),
        ({"apiVersion": "v1", "kind": "Service"}, "metadata: is required"),
        ({"apiVersion": "v1", "kind": "Servise"}, 'kind: found "Servise"; did you mean "Service"?'),
        (
            {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HttpRoute"},
            'kind: found "HttpRoute", expected a kind of the Gateway API; did you mean "HTTPRoute"?',
        ),
        (
            {"apiVersion": "networking.k8s.io/v1", "kind": "HTTPRoute"},
            "apiVersion: expected gateway.networking.k8s.io/v1 for kind HTTPRoute",
        ),
        ({"apiVersion": "v1", "kind": "../../../etc/passwd"}, 'kind: no schema for "../../../etc/passwd" of "v1"'),
    ],
)
def test_what_is_no_object_is_said_so(document: object, message: str) -> None:
    assert errors(document) == [message]


def test_a_rule_that_cannot_be_decided_refuses_the_object() -> None:
    """A missing key is an error of evaluation, neither true nor false."""
    node = Node(rules=(CheckedRule(engine().compile("self.a == 1"), "a must be 1"),))
    assert [str(error) for error in _broken_rules({}, node, ("spec",))] == [
        "spec: could not be checked for this rule: a must be 1",
    ]
    assert [*_broken_rules({"a": 1}, node, ("spec",))] == []


def test_a_value_that_json_cannot_hold_refuses_the_object() -> None:
    assert errors(http_route(rules=[{"name": "\ud800"}])) == [
        "holds a value that JSON cannot hold, such as half a character or endless nesting",
    ]


def test_numbers_beyond_64_bits_are_refused() -> None:
    found = errors(http_route(rules=[{"backendRefs": [{"name": "a", "port": 2**70}]}]))
    assert len(found) == 1
    assert json.dumps(found)
