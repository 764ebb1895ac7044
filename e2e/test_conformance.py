"""The official suite, once and whole: five profiles, core and extended, nothing failed and nothing skipped."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from e2e.conformance import summary
from e2e.conformance.run import LOGS, UNUSABLE, USABLE
from e2e.conformance.stage import CLASS, Served, Stage, serving
from e2e.conformance.suite import PROFILES, Suite, found

if TYPE_CHECKING:
    from e2e.conftest import Cluster

CLAIMED = 106
"""Extended features on the experimental channel of release 1.7, added up over the profiles."""


def test_the_suite_of_the_gateway_api_passes_whole(cluster: Cluster) -> None:
    binary = found("1.7.0")
    if binary is None:
        pytest.skip("no suite: CONFORMANCE_SUITE names none, and the rig has built none")
    LOGS.mkdir(parents=True, exist_ok=True)
    stage = Stage(cluster.kubeconfig, cluster.kubectl)
    with serving(stage, LOGS, Served()):
        output = Suite(binary, CLASS, USABLE, UNUSABLE).run(stage.kubeconfig, LOGS)
    failed = [(test.name, *words) for test, words in output.failures()]
    assert not failed
    report = summary.read(LOGS / "report.yaml")
    print("\n".join(summary.lines(report)))
    assert {profile["name"] for profile in report["profiles"]} == set(PROFILES)
    assert summary.whole(report)
    assert summary.claimed(report) >= CLAIMED
