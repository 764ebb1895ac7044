"""The four boards for Grafana, as tables of what they show: JSON is made of them by `make golden`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

_WIDTH: Final = 12
"""Of a panel; a board is 24 wide."""
_HEIGHT: Final = 8


@dataclass(frozen=True, slots=True)
class Panel:
    """One graph: `queries` are (PromQL, legend), `unit` is a name of Grafana's."""

    title: str
    unit: str
    queries: tuple[tuple[str, str], ...]
    means: str = ""


@dataclass(frozen=True, slots=True)
class Board:
    """A page of graphs; its id is the name of its file."""

    id: str
    title: str
    panels: tuple[Panel, ...]


def _rate(metric: str, by: str, where: str = "") -> str:
    return f"sum by ({by}) (rate({metric}{where}[$__rate_interval]))"


def _quantile(share: float, metric: str, by: str) -> str:
    inner = f"sum by (le, {by}) (rate({metric}_bucket[$__rate_interval]))"
    return f"histogram_quantile({share}, {inner})"


def _share(part: str, whole: str) -> str:
    return f"{part} / {whole}"


_SERVERS = '{job=~".*xdsserver.*"}'
_LISTENER = "envoy_http_conn_manager_prefix"
_CLUSTER = "envoy_cluster_name"
_CODE = "envoy_response_code_class"

OVERVIEW: Final = Board(
    "overview",
    "xdsserver / Overview",
    (
        Panel("Envoys connected", "none", (("sum by (fleet) (xdsserver_xds_streams)", "{{fleet}}"),)),
        Panel(
            "Requests, by class of answer",
            "reqps",
            ((_rate("envoy_http_downstream_rq_xx", _CODE), "{{envoy_response_code_class}}xx"),),
        ),
        Panel(
            "Requests answered 5xx",
            "percentunit",
            (
                (
                    _share(
                        'sum(rate(envoy_http_downstream_rq_xx{envoy_response_code_class="5"}[$__rate_interval]))',
                        "sum(rate(envoy_http_downstream_rq_xx[$__rate_interval]))",
                    ),
                    "5xx",
                ),
            ),
        ),
        Panel(
            "From a change to Envoy's acknowledgement",
            "s",
            (
                (_quantile(0.5, "xdsserver_object_to_ack_seconds", "type"), "50 % {{type}}"),
                (_quantile(0.99, "xdsserver_object_to_ack_seconds", "type"), "99 % {{type}}"),
            ),
        ),
        Panel(
            "Responses that Envoys rejected",
            "none",
            (
                (
                    "sum by (type, fleet) (increase(xdsserver_xds_rejections_total[$__rate_interval]))",
                    "{{type}} {{fleet}}",
                ),
            ),
            "The object behind each has a condition with the words of Envoy.",
        ),
        Panel(
            "Until the first certificate ends",
            "s",
            (("min(xdsserver_certificate_expiry_timestamp_seconds) - time()", "left"),),
        ),
    ),
)

CLUSTERS: Final = Board(
    "clusters",
    "xdsserver / Clusters",
    (
        Panel("Requests", "reqps", ((_rate("envoy_cluster_upstream_rq_total", _CLUSTER), "{{envoy_cluster_name}}"),)),
        Panel(
            "Answers, by class",
            "reqps",
            (
                (
                    _rate("envoy_cluster_upstream_rq_xx", f"{_CLUSTER}, {_CODE}"),
                    "{{envoy_cluster_name}} {{envoy_response_code_class}}xx",
                ),
            ),
        ),
        Panel(
            "Time to answer, 99 %",
            "ms",
            ((_quantile(0.99, "envoy_cluster_upstream_rq_time", _CLUSTER), "{{envoy_cluster_name}}"),),
        ),
        Panel(
            "Endpoints that are healthy",
            "percentunit",
            (
                (
                    _share(
                        f"sum by ({_CLUSTER}) (envoy_cluster_membership_healthy)",
                        f"sum by ({_CLUSTER}) (envoy_cluster_membership_total)",
                    ),
                    "{{envoy_cluster_name}}",
                ),
            ),
        ),
        Panel(
            "Connections",
            "none",
            ((f"sum by ({_CLUSTER}) (envoy_cluster_upstream_cx_active)", "{{envoy_cluster_name}}"),),
        ),
        Panel(
            "Connections that failed, and requests tried again",
            "ops",
            (
                (_rate("envoy_cluster_upstream_cx_connect_fail", _CLUSTER), "failed {{envoy_cluster_name}}"),
                (_rate("envoy_cluster_upstream_rq_retry", _CLUSTER), "again {{envoy_cluster_name}}"),
            ),
        ),
    ),
)

TRAFFIC: Final = Board(
    "traffic",
    "xdsserver / Traffic",
    (
        Panel("Requests", "reqps", ((_rate("envoy_http_downstream_rq_total", _LISTENER), f"{{{{{_LISTENER}}}}}"),)),
        Panel(
            "Answers, by class",
            "reqps",
            (
                (
                    _rate("envoy_http_downstream_rq_xx", f"{_LISTENER}, {_CODE}"),
                    f"{{{{{_LISTENER}}}}} {{{{{_CODE}}}}}xx",
                ),
            ),
        ),
        Panel(
            "Time to answer",
            "ms",
            (
                (_quantile(0.5, "envoy_http_downstream_rq_time", _LISTENER), f"50 % {{{{{_LISTENER}}}}}"),
                (_quantile(0.99, "envoy_http_downstream_rq_time", _LISTENER), f"99 % {{{{{_LISTENER}}}}}"),
            ),
        ),
        Panel(
            "Connections",
            "none",
            ((f"sum by ({_LISTENER}) (envoy_http_downstream_cx_active)", f"{{{{{_LISTENER}}}}}"),),
        ),
        Panel(
            "Bytes",
            "Bps",
            (
                (_rate("envoy_http_downstream_cx_rx_bytes_total", _LISTENER), f"in {{{{{_LISTENER}}}}}"),
                (_rate("envoy_http_downstream_cx_tx_bytes_total", _LISTENER), f"out {{{{{_LISTENER}}}}}"),
            ),
        ),
        Panel(
            "Requests that no route matched",
            "reqps",
            ((_rate("envoy_http_no_route", _LISTENER), f"{{{{{_LISTENER}}}}}"),),
        ),
    ),
)

CONTROL_PLANE: Final = Board(
    "control-plane",
    "xdsserver / Control plane",
    (
        Panel("Who leads", "none", (("xdsserver_leader", "{{pod}}"),)),
        Panel("Envoys without a server", "none", (("sum(1 - envoy_control_plane_connected_state)", "Envoys"),)),
        Panel(
            "Age of watches",
            "s",
            (("max by (kind) (xdsserver_watch_age_seconds)", "{{kind}}"),),
            "Over 300 s: what is served is the last that was known.",
        ),
        Panel(
            "Writes of statuses",
            "ops",
            ((_rate("xdsserver_status_writes_total", "kind, result"), "{{kind}} {{result}}"),),
        ),
        Panel(
            "Rounds of deciding, and lists of all objects",
            "ops",
            (
                ("sum(rate(xdsserver_rounds_total[$__rate_interval]))", "rounds"),
                ("sum by (kind) (rate(xdsserver_relists_total[$__rate_interval]))", "lists of {{kind}}"),
            ),
        ),
        Panel(
            "Lag of the event loop, 99 %",
            "s",
            ((_quantile(0.99, "xdsserver_event_loop_lag_seconds", "pod"), "{{pod}}"),),
        ),
        Panel(
            "Processor time",
            "none",
            (('rate(process_cpu_seconds_total{job=~".*xdsserver.*"}[$__rate_interval])', "{{pod}}"),),
        ),
        Panel("Memory", "bytes", (('process_resident_memory_bytes{job=~".*xdsserver.*"}', "{{pod}}"),)),
    ),
)

BOARDS: Final = (OVERVIEW, CLUSTERS, TRAFFIC, CONTROL_PLANE)

_SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}


def rendered(board: Board) -> str:
    """Make the JSON of a board, as Grafana imports it."""
    document = {
        "uid": f"xdsserver-{board.id}",
        "title": board.title,
        "tags": ["xdsserver", "envoy", "gateway-api"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {
            "list": [{"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Prometheus"}]
        },
        "panels": [_panel(number, one) for number, one in enumerate(board.panels)],
    }
    return json.dumps(document, indent=1) + "\n"


def _panel(number: int, panel: Panel) -> dict[str, Any]:
    row, column = divmod(number, 2)
    return {
        "id": number + 1,
        "type": "timeseries",
        "title": panel.title,
        "description": panel.means,
        "datasource": _SOURCE,
        "gridPos": {"x": column * _WIDTH, "y": row * _HEIGHT, "w": _WIDTH, "h": _HEIGHT},
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
        "targets": [
            {"refId": chr(ord("A") + at), "datasource": _SOURCE, "expr": query, "legendFormat": legend}
            for at, (query, legend) in enumerate(panel.queries)
        ],
    }
