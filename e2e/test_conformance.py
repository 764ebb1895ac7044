"""The official suite, once and whole: five profiles, core and extended, nothing failed and nothing skipped."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from e2e.conformance import summary
from e2e.conformance.run import LOGS, Wanted, suite
from e2e.conformance.stage import CLASS, Stage, serving

if TYPE_CHECKING:
    from e2e.conftest import Cluster

PROFILES = {"GATEWAY-HTTP", "GATEWAY-GRPC", "GATEWAY-TLS", "GATEWAY-TCP", "GATEWAY-UDP"}
CLAIMED = 101
"""Extended features on the experimental channel of release 1.7, added up over the profiles."""


def test_the_suite_of_the_gateway_api_passes_whole(cluster: Cluster) -> None:
    rig = os.environ.get("XDSSERVER_RIG")
    if not rig:
        pytest.skip("no suite: XDSSERVER_RIG is not set")
    LOGS.mkdir(parents=True, exist_ok=True)
    stage = Stage(cluster.kubeconfig, cluster.kubectl, Path(rig))
    wanted = Wanted("1.7.0", "experimental", Path(rig), cluster.kubeconfig, CLASS)
    with serving(stage, LOGS):
        output = suite(stage, wanted)
    failed = [(test.name, *words) for test, words in output.failures()]
    assert not failed
    report = summary.read(LOGS / "report.yaml")
    print("\n".join(summary.lines(report)))
    assert {profile["name"] for profile in report["profiles"]} == PROFILES
    assert summary.whole(report)
    assert summary.claimed(report) >= CLAIMED
