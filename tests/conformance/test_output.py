"""What the suite prints is made short without losing which test failed, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from e2e.conformance import summary
from e2e.conformance.output import Output

if TYPE_CHECKING:
    from pathlib import Path

PRINTED = """\
=== RUN   TestConformance
    suite.go:412: Test Setup: Ensuring GatewayClass has been accepted
=== RUN   TestConformance/HTTPRouteWeight
=== RUN   TestConformance/HTTPRouteWeight/Requests_should_have_a_distribution
    weight.go:68: distribution of infra-backend-v1 is 0.10, wanted 0.70
    weight.go:91: Weighted distribution tests failed
=== NAME  TestConformance/HTTPRouteWeight
    apply.go:282: Deleting weighted-backends HTTPRoute
--- FAIL: TestConformance (10.12s)
    --- FAIL: TestConformance/HTTPRouteWeight (4.01s)
        --- FAIL: TestConformance/HTTPRouteWeight/Requests_should_have_a_distribution (2.00s)
    --- PASS: TestConformance/HTTPRouteMethodMatching (0.52s)
    --- SKIP: TestConformance/MeshBasic (0.00s)
FAIL
"""

BESIDE = """\
=== RUN   TestConformance/GatewayOne
=== PAUSE TestConformance/GatewayOne
=== RUN   TestConformance/GatewayTwo
=== PAUSE TestConformance/GatewayTwo
=== CONT  TestConformance/GatewayOne
    one.go:1: words of one
=== CONT  TestConformance/GatewayTwo
    two.go:1: words of two
    --- PASS: TestConformance/GatewayOne (1.00s)
    --- FAIL: TestConformance/GatewayTwo (2.00s)
"""

REPORT = """\
gatewayAPIVersion: v1.7.0
gatewayAPIChannel: standard
profiles:
- name: GATEWAY-TLS
  core: {result: success, statistics: {Passed: 21, Failed: 0, Skipped: 0}}
  extended:
    result: partial
    statistics: {Passed: 17, Failed: 0, Skipped: 1}
    supportedFeatures: [A, B]
    unsupportedFeatures: [C]
- name: GATEWAY-GRPC
  core: {result: success, statistics: {Passed: 17, Failed: 0, Skipped: 0}}
"""


def test_a_test_that_fails_is_told_with_the_words_of_its_parts() -> None:
    output = Output()
    began = [name for line in PRINTED.splitlines() if (name := output.take(line))]
    assert began == ["HTTPRouteWeight", "HTTPRouteWeight/Requests_should_have_a_distribution"]
    assert [(one.name, one.how) for one in output.tests()] == [
        ("HTTPRouteWeight", "FAIL"),
        ("HTTPRouteMethodMatching", "PASS"),
        ("MeshBasic", "SKIP"),
    ]
    ((failed, words),) = output.failures()
    assert failed.seconds == 4.01
    assert words == (
        "[whole]",
        "apply.go:282: Deleting weighted-backends HTTPRoute",
        "[Requests_should_have_a_distribution]",
        "weight.go:68: distribution of infra-backend-v1 is 0.10, wanted 0.70",
        "weight.go:91: Weighted distribution tests failed",
    )


def test_words_of_tests_beside_each_other_are_told_apart() -> None:
    output = Output()
    for line in BESIDE.splitlines():
        output.take(line)
    ((failed, words),) = output.failures()
    assert (failed.name, words) == ("GatewayTwo", ("[whole]", "two.go:1: words of two"))


def test_a_summary_tells_both_halves_of_each_profile(tmp_path: Path) -> None:
    file = tmp_path / "report.yaml"
    file.write_text(REPORT)
    report = summary.read(file)
    assert not summary.whole(report)
    assert summary.claimed(report) == 2
    head, grpc, tls, _ = summary.lines(report)
    assert head == "Gateway API v1.7.0, standard channel"
    assert " ".join(grpc.split()) == "GATEWAY-GRPC core success 17 passed, 0 failed, 0 skipped features 0 of 0"
    assert "extended partial 17 passed, 0 failed, 1 skipped  features 2 of 3" in tls


def test_a_suite_that_ended_before_its_first_test_has_told_nothing(tmp_path: Path) -> None:
    file = tmp_path / "report.yaml"
    file.write_text("gatewayAPIVersion: v1.7.0\ngatewayAPIChannel: standard\nprofiles: null\n")
    report = summary.read(file)
    assert not summary.whole(report)
    assert list(summary.lines(report)) == ["Gateway API v1.7.0, standard channel", "  claimed: 0 extended features"]
