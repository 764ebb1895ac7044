"""Whatever JSON may hold, checking it never raises, and what it accepts decodes."""

import json
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xdsserver.objects.decode import decode
from xdsserver.objects.identity import Identity, Support, identify
from xdsserver.objects.kinds import BY_NAME
from xdsserver.objects.validation import validate

FIXTURES = Path(__file__).parent.parent / "fixtures" / "gateway-api" / "valid.jsonl"

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@cache
def examples() -> list[dict[str, Any]]:
    documents = [json.loads(line)["document"] for line in FIXTURES.read_text().splitlines()]
    return [document for document in documents if document["kind"] in BY_NAME]


@st.composite
def mutated(draw: st.DrawFn) -> dict[str, Any]:
    """A valid document with one value, at a random place, replaced by anything."""
    document: Any = deepcopy(draw(st.sampled_from(examples())))
    place = document
    for _ in range(draw(st.integers(0, 8))):
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = draw(st.sampled_from(keys))
        if not isinstance(place[key], dict | list) or not place[key]:
            place[key] = draw(JSON)
            return dict(document)
        place = place[key]
    if isinstance(place, dict):
        place[draw(st.text(max_size=8))] = draw(JSON)
    return dict(document)


@given(document=mutated() | JSON)
@settings(max_examples=500, deadline=None, derandomize=True)
def test_checking_never_raises_and_what_it_accepts_decodes(document: object) -> None:
    checked = validate(document)
    assert (checked.document is None) == bool(checked.errors)
    assert all(str(error).isprintable() for error in (*checked.errors, *checked.unknown))
    identity = identify(document)
    if checked.document is not None and isinstance(identity, Identity) and identity.support is Support.READ:
        assert decode(BY_NAME[identity.kind], checked.document).metadata.name


@pytest.mark.parametrize("document", [float("nan"), {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}}])
def test_odd_and_empty_documents(document: object) -> None:
    assert validate(document).errors or validate(document).document
