"""`xdsserver check`: every problem with file and line, and an exit code that a pipeline can go by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cli.folders import EXAMPLE, GATEWAY, ROUTE, SHOP, folder
from tests.cli.run import xdsserver

if TYPE_CHECKING:
    from pathlib import Path


def test_a_good_folder_is_exit_0() -> None:
    answer = xdsserver("check", EXAMPLE)
    assert answer == (0, "9 objects, no problems\n", "")


def test_quiet_prints_problems_only() -> None:
    assert xdsserver("check", "--quiet", EXAMPLE) == (0, "", "")


def test_a_warning_is_printed_and_is_exit_0(tmp_path: Path) -> None:
    at = folder(tmp_path, a=GATEWAY, b=ROUTE.replace("  rules:", "  colour: red\n  rules:"), c=SHOP)
    answer = xdsserver("check", at)
    assert answer.code == 0
    assert answer.lines[0].startswith(f"{at}/b.yaml:7: warning: HTTPRoute default/shop spec.colour: unknown field")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param(("kind: HTTPRoute", "kind: ["), "b.yaml:4: error: is not valid YAML", id="yaml"),
        pytest.param(
            ("port: 80}", "port: eighty}"),
            "b.yaml:9: error: HTTPRoute default/shop spec.rules[0].backendRefs[0].port: ",
            id="type",
        ),
        pytest.param(
            ("name: shop, port", "name: shoes, port"),
            "b.yaml:1: error: HTTPRoute default/shop BackendNotFound: spec.rules[0].backendRefs[0]: "
            "Service default/shoes does not exist",
            id="condition",
        ),
        pytest.param(
            ("- name: edge", "- name: egde"),
            "b.yaml:1: error: HTTPRoute default/shop spec.parentRefs[0]: no Gateway default/egde",
            id="parent",
        ),
    ],
)
def test_a_problem_is_exit_1_with_file_and_line(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    at = folder(tmp_path, a=GATEWAY, b=ROUTE.replace(*change), c=SHOP)
    answer = xdsserver("check", at)
    assert answer.code == 1
    assert answer.lines[0].startswith(f"{at}/{said}")
    assert answer.lines[-1].endswith(", 1 problem")


def test_a_class_that_is_not_there_is_named(tmp_path: Path) -> None:
    at = folder(tmp_path, a=GATEWAY.replace("gatewayClassName: xdsserver", "gatewayClassName: other"))
    answer = xdsserver("check", at)
    assert answer.code == 1
    assert answer.lines[0] == (
        f"{at}/a.yaml:6: error: Gateway default/edge spec.gatewayClassName: no GatewayClass other; "
        "this Gateway is served by nobody"
    )


TENANT = """\
apiVersion: rustfs.com/v1alpha1
kind: Tenant
metadata: {name: store}
spec:
  pools: [{name: one, servers: 4, persistence: {volumesPerServer: 1}}]
  gateway: {parentRefs: [{name: edge}]}
"""


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("name: edge", "name: egde"), "spec.gateway.parentRefs[0]: no Gateway default/egde"),
        (("name: edge", "name: edge"), "NotAllowedByListeners: spec.gateway.api: Gateway default/edge: listener http"),
        (("servers: 4", "servers: 0"), "spec.pools[0].servers: "),
        (("name: edge", "nam: edge"), "spec.gateway.parentRefs[0].name: is required"),
    ],
)
def test_a_tenant_of_a_folder_is_checked_by_its_own_definition(
    tmp_path: Path, change: tuple[str, str], said: str
) -> None:
    answer = xdsserver("check", folder(tmp_path, a=GATEWAY, b=TENANT.replace(*change)))
    assert answer.code == 1
    assert any(f"Tenant default/store {said}" in line for line in answer.lines), answer.lines


def test_all_errors_of_an_object_are_told_together(tmp_path: Path) -> None:
    bad = ROUTE.replace("port: 80}", "port: eighty}").replace("- name: edge", "- name: 7")
    answer = xdsserver("check", folder(tmp_path, a=GATEWAY, b=bad, c=SHOP))
    assert [line.split(": ")[0] for line in answer.lines[:-1]] == [f"{tmp_path}/b.yaml:6", f"{tmp_path}/b.yaml:9"]


def test_two_objects_of_one_name_in_two_files_name_both(tmp_path: Path) -> None:
    answer = xdsserver("check", folder(tmp_path, a=GATEWAY, b=ROUTE, c=SHOP, d=f"\n{ROUTE}"))
    assert answer.code == 1
    first, second, count = answer.lines
    assert first.startswith(f"{tmp_path}/b.yaml:1: error: HTTPRoute default/shop")
    assert "d.yaml:2" in first
    assert second.startswith(f"{tmp_path}/d.yaml:2: error: HTTPRoute default/shop")
    assert "b.yaml:1" in second
    assert count == "4 objects, 2 problems"


@pytest.mark.parametrize("arguments", [(), ("nowhere",), (str(EXAMPLE / "routes.yaml"),), ("--colour", str(EXAMPLE))])
def test_a_wrong_command_line_is_exit_2(arguments: tuple[str, ...]) -> None:
    answer = xdsserver("check", *arguments)
    assert answer.code == 2
    assert "Usage: xdsserver check" in answer.err


def test_a_rule_that_no_request_reaches_is_a_warning_that_names_both(tmp_path: Path) -> None:
    other = f"\n{ROUTE.replace('name: shop}', 'name: ship}', 1)}"
    answer = xdsserver("check", folder(tmp_path, a=GATEWAY, b=ROUTE, c=SHOP, d=other))
    assert (answer.code, answer.lines[-1]) == (0, "5 objects, no problems")
    assert answer.lines[0] == (
        f"{tmp_path}/b.yaml:1: warning: HTTPRoute default/shop spec.rules[0] never answers paths under / on any host "
        "of listener http: HTTPRoute default/ship spec.rules[0] asks for the same and comes first; change one of them"
    )
