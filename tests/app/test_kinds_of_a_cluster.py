"""What people and probes are told of the kinds of a cluster."""

from __future__ import annotations

import pytest

from xdsserver.app.watching import lacking
from xdsserver.kube.following import Standing
from xdsserver.kube.source import KindState


def state(kind: str, standing: Standing, words: str = "") -> KindState:
    return KindState(kind, "", standing, words, None, 0, 0)


def test_k8_that_the_gateway_api_is_not_installed_is_one_line_that_says_what_to_do() -> None:
    """K8: absence is told once, whatever the number of kinds; what is there is followed."""
    none = [state(kind, Standing.ABSENT) for kind in ("GatewayClass", "Gateway", "HTTPRoute", "TCPRoute")]
    words = lacking([*none, state("Service", Standing.SYNCED)])
    assert "CustomResourceDefinitions of the Gateway API are not installed" in words
    assert "\n" not in words


@pytest.mark.parametrize(
    "states",
    [
        [state("GatewayClass", Standing.SYNCED), state("Gateway", Standing.SYNCED), state("TCPRoute", Standing.ABSENT)],
        [state("GatewayClass", Standing.WAITING), state("Gateway", Standing.WAITING)],
        [state("GatewayClass", Standing.SYNCED), state("Gateway", Standing.ABSENT, "its namespace does not exist")],
        [],
    ],
)
def test_a_channel_without_some_kinds_and_a_start_are_no_such_thing(states: list[KindState]) -> None:
    assert lacking(states) == ""
