"""The Gateway API's own examples: the invalid ones are refused, the valid ones are accepted."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest

from xdsserver.objects.decode import decode, decode_json
from xdsserver.objects.identity import Identity, Support, identify
from xdsserver.objects.kinds import BY_NAME
from xdsserver.objects.validation import validate

FIXTURES = Path(__file__).parent.parent / "fixtures" / "gateway-api"

REFUSED_ON_PURPOSE = {
    # Holds the placeholder {GATEWAY_CONTROLLER_NAME}, which the conformance suite replaces before it applies it.
    ("tests/gatewayclass-observed-generation-bump.yaml", "spec.controllerName"),
    # Hold the placeholders PLACEHOLDER_USABLE_ADDRS and PLACEHOLDER_UNUSABLE_ADDRS, replaced likewise.
    ("tests/gateway-static-addresses.yaml", "spec.addresses[1].value"),
    ("tests/gateway-static-addresses.yaml", "spec.addresses[2].value"),
    # Versions of TLSRoute that an API server does not serve any more.
    ("examples/experimental/v1alpha2/tls-routing/tls-route.yaml", "apiVersion"),
    ("examples/experimental/v1alpha3/tls-routing/tls-route.yaml", "apiVersion"),
}


@cache
def load(name: str) -> list[tuple[str, dict[str, Any]]]:
    lines = [json.loads(line) for line in (FIXTURES / name).read_text().splitlines()]
    return [(line["source"], line["document"]) for line in lines]


@pytest.mark.parametrize(("source", "document"), load("invalid.jsonl"), ids=lambda part: str(part)[-60:])
def test_f7_every_upstream_invalid_example_is_refused(source: str, document: dict[str, Any]) -> None:
    """F7: same validation as the API server: structural schema + list-map keys + CEL: 36/36 of Gateway API's own
    invalid examples caught."""
    checked = validate(document)
    assert checked.document is None, source
    assert all(error.message for error in checked.errors)


def test_f7_there_are_36_invalid_examples() -> None:
    """F7: 36/36."""
    assert len(load("invalid.jsonl")) == 36


def test_f7_every_upstream_valid_example_is_accepted_without_a_word() -> None:
    """F7: valid objects accepted bar placeholder files."""
    valid = load("valid.jsonl")
    errors = {(source, error.field) for source, document in valid for error in validate(document).errors}
    unknown = {(source, field.field) for source, document in valid for field in validate(document).unknown}
    assert len(valid) > 600
    assert errors == REFUSED_ON_PURPOSE
    assert unknown == set()


def test_f7_defaults_of_structs_are_those_of_the_crds() -> None:
    """F7: msgspec defaults == CRD defaults: a document decodes to the same struct with and without them filled in."""
    compared = 0
    for source, document in load("valid.jsonl"):
        identity, checked = identify(document), validate(document)
        if not isinstance(identity, Identity) or identity.support is not Support.READ or checked.document is None:
            continue
        kind = BY_NAME[identity.kind]
        plain = {name: part for name, part in document.items() if name != "stringData"}
        filled = {name: part for name, part in checked.document.items() if name != "stringData"}
        assert decode(kind, filled) == decode(kind, plain), source
        assert decode_json(kind, msgspec.json.encode(plain)) == decode(kind, plain), source
        compared += 1
    assert compared > 400
