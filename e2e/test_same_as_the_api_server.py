"""What is refused in a folder is what an API server refuses, and defaults are the ones that it fills in."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from xdsserver.objects.decode import decode, decode_json
from xdsserver.objects.kinds import BY_NAME
from xdsserver.objects.validation import validate

if TYPE_CHECKING:
    from e2e.conftest import Cluster

FIXTURES = Path(__file__).parent.parent / "tests" / "fixtures" / "gateway-api"

SERVED = {
    (f"{kind.group}/{version}" if kind.group else version, kind.name)
    for kind in BY_NAME.values()
    for version in kind.versions
}


@cache
def documents() -> dict[str, dict[str, Any]]:
    """Give every example of the Gateway API of a kind that we read, by a name of its own that it is applied under."""
    lines = [
        json.loads(line)
        for name in ("valid", "invalid")
        for line in (FIXTURES / f"{name}.jsonl").read_text().splitlines()
    ]
    found: dict[str, dict[str, Any]] = {}
    for number, line in enumerate(lines):
        document = line["document"]
        if (document["apiVersion"], document["kind"]) in SERVED:
            name = f"case-{number}"
            metadata = (
                {"name": name, "namespace": "default"} if BY_NAME[document["kind"]].namespaced else {"name": name}
            )
            found[name] = {**document, "metadata": metadata | {"labels": document["metadata"].get("labels", {})}}
    return found


@pytest.fixture(scope="module")
def answers(cluster: Cluster) -> dict[str, dict[str, Any]]:
    """Ask the API server what it would store of each; those that it refuses are missing."""
    everything = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(documents().values())})
    # Without kubectl's own check, which refuses the whole list for one bad object: the server is asked.
    how = ("--dry-run=server", "--validate=false", "--output=json")
    answer = cluster.run("create", *how, "--filename=-", stdin=everything)
    decoder = json.JSONDecoder()
    stored: list[dict[str, Any]] = []
    text = answer.stdout
    while text := text.strip():
        part, end = decoder.raw_decode(text)
        stored.extend(part["items"] if part["kind"] == "List" else [part])
        text = text[end:]
    assert stored, answer.stderr
    refused = set(re.findall(r"case-\d+", answer.stderr))
    assert refused.isdisjoint(one["metadata"]["name"] for one in stored)
    return {one["metadata"]["name"]: one for one in stored}


def test_f7_what_an_api_server_refuses_is_refused_here(answers: dict[str, dict[str, Any]]) -> None:
    """F7: same validation as the API server."""
    refused_there = documents().keys() - answers.keys()
    refused_here = {name for name, document in documents().items() if validate(document).document is None}
    assert len(refused_there) >= 30
    assert {name: documents()[name] for name in refused_there ^ refused_here} == {}


def test_defaults_are_those_of_the_api_server(answers: dict[str, dict[str, Any]]) -> None:
    compared = 0
    for name, document in documents().items():
        kind = BY_NAME[document["kind"]]
        checked = validate(document)
        if checked.document is None or name not in answers or kind.group == "":
            continue
        here = decode(kind, checked.document)
        there = decode_json(kind, msgspec.json.encode(answers[name]))
        assert msgspec.structs.replace(here, metadata=there.metadata) == there, document
        compared += 1
    assert compared > 300
