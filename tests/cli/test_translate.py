"""`xdsserver translate`: what Envoy would get and what statuses would say, as documents."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import yaml

from tests.cli.folders import EXAMPLE, GATEWAY, ROUTE, folder
from tests.cli.run import xdsserver

if TYPE_CHECKING:
    from pathlib import Path


def test_yaml_and_json_say_the_same() -> None:
    as_yaml, as_json = xdsserver("translate", EXAMPLE), xdsserver("translate", EXAMPLE, "--output", "json")
    assert (as_yaml.code, as_json.code) == (0, 0)
    assert yaml.safe_load(as_yaml.out) == json.loads(as_json.out)


def test_every_resource_and_every_status_is_there() -> None:
    whole = json.loads(xdsserver("translate", EXAMPLE, "-o", "json").out)
    assert {type_: sorted(names) for type_, names in whole["resources"].items()} == {
        "Cluster": ["Service/default/blue/80/http1", "Service/default/green/80/http1"],
        "ClusterLoadAssignment": ["Service/default/blue/80/TCP", "Service/default/green/80/TCP"],
        "Listener": ["tcp/127.0.0.1:8080"],
        "RouteConfiguration": ["tcp/127.0.0.1:8080"],
    }
    assert sorted(whole["statuses"]) == [
        "Gateway default/quickstart",
        "GatewayClass xdsserver",
        "HTTPRoute default/colours",
        "HTTPRoute default/headers",
        "HTTPRoute default/split",
    ]
    (parent,) = whole["statuses"]["HTTPRoute default/split"]["parents"]
    assert [(one["type"], one["status"]) for one in parent["conditions"]] == [
        ("Accepted", "True"),
        ("ResolvedRefs", "True"),
    ]


def test_one_part_only() -> None:
    whole = json.loads(xdsserver("translate", EXAMPLE, "-o", "json").out)
    for part in ("resources", "statuses"):
        assert json.loads(xdsserver("translate", EXAMPLE, "-o", "json", "--only", part).out) == whole[part]


def test_what_is_refused_goes_to_the_error_output_and_is_exit_1(tmp_path: Path) -> None:
    at = folder(tmp_path, a=GATEWAY, b=ROUTE.replace("port: 80}", "port: eighty}"))
    answer = xdsserver("translate", at)
    assert answer.code == 1
    assert answer.err.startswith(f"{at}/b.yaml:9: error: ")
    assert sorted(yaml.safe_load(answer.out)["statuses"]) == ["Gateway default/edge", "GatewayClass xdsserver"]


def test_a_folder_that_is_not_there_is_exit_2() -> None:
    assert xdsserver("translate", "nowhere").code == 2
