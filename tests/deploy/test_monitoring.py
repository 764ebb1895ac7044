"""Boards and alerts ask for metrics that exist."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.deploy.charts import CHART, of_kind, presets
from tests.deploy.envoy_metrics import ENVOY
from tools.dashboards import BOARDS
from xdsserver.observe.metrics import FAMILIES, KUBE_FAMILIES
from xdsserver.observe.tenancy import TENANT_FAMILIES

if TYPE_CHECKING:
    from tools.dashboards import Board

_METRIC = re.compile(r"\b(?:xdsserver|envoy|process)_[a-z_]+\b")
_LABELS = {"envoy_http_conn_manager_prefix", "envoy_cluster_name", "envoy_response_code_class"}
_OF_PROCESS = {"process_cpu_seconds_total", "process_resident_memory_bytes"}
"""Of prometheus-client, on Linux."""


def asked(expression: str) -> set[str]:
    found = {re.sub("_(bucket|sum|count)$", "", name) for name in _METRIC.findall(expression)}
    return found - _LABELS


def known() -> set[str]:
    return {one.name for one in (*FAMILIES, *KUBE_FAMILIES, *TENANT_FAMILIES)} | ENVOY | _OF_PROCESS


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.id)
def test_a_board_asks_for_metrics_that_exist(board: Board) -> None:
    queries = [query for panel in board.panels for query, _ in panel.queries]
    assert all(asked(query) for query in queries)
    assert {name for query in queries for name in asked(query)} - known() == set()


def test_an_alert_asks_for_metrics_that_exist() -> None:
    groups: list[dict[str, Any]] = yaml.safe_load((CHART / "files/alerts.yaml").read_text(encoding="utf-8"))["groups"]
    alerts = [rule for group in groups for rule in group["rules"]]
    assert {name for rule in alerts for name in asked(rule["expr"])} - known() == set()
    assert all(rule["annotations"].keys() == {"summary", "description"} for rule in alerts)
    # What every installation must hear of: rejections, a watch that is stale, certificates that end, nobody who leads.
    names = {rule["alert"] for rule in alerts}
    assert {"XdsserverRejectedByEnvoy", "XdsserverStaleWatch", "XdsserverCertificateEnds", "XdsserverNoLeader"} <= names


def test_the_chart_brings_four_boards_and_the_alerts() -> None:
    values = presets()["monitoring"]
    boards = [one for one in of_kind(values, "ConfigMap") if "grafana_dashboard" in one["metadata"]["labels"]]
    titles = [json.loads(text)["title"] for one in boards for text in one["data"].values()]
    assert sorted(titles) == sorted(board.title for board in BOARDS)
    assert len(titles) == 4
    (rule,) = of_kind(values, "PrometheusRule")
    assert rule["spec"]["groups"][0]["rules"]
    assert "{{ $labels.fleet }}" in rule["spec"]["groups"][0]["rules"][0]["annotations"]["summary"]
    (pods,), (servers,) = of_kind(values, "PodMonitor"), of_kind(values, "ServiceMonitor")
    assert pods["spec"]["podMetricsEndpoints"][0] == {"port": "probes", "path": "/stats/prometheus", "interval": "30s"}
    assert servers["spec"]["endpoints"][0]["port"] == "health"


def test_the_operator_of_tenants_is_scraped_where_there_is_one() -> None:
    """No alert of the servers counts it: it has a metric of its own for who leads, and no Service of theirs."""
    values = presets()["monitoring"]
    assert "xdsserver-tenants" not in {one["metadata"]["name"] for one in of_kind(values, "PodMonitor")}
    values |= {"tenants": {"enabled": True}}
    (monitor,) = of_kind(values, "PodMonitor", name="xdsserver-tenants")
    selected = monitor["spec"]["selector"]["matchLabels"].items()
    templates = [one["spec"]["template"] for one in of_kind(values, "Deployment")]
    (operator,) = [one for one in templates if selected <= one["metadata"]["labels"].items()]
    ports = {port["name"] for one in operator["spec"]["containers"] for port in one["ports"]}
    assert monitor["spec"]["podMetricsEndpoints"][0]["port"] in ports
