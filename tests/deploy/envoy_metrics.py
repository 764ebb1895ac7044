"""Names of Envoy's metrics that boards and alerts ask for; `e2e/cluster` finds each in a scrape of a pod."""

from __future__ import annotations

from typing import Final

ENVOY: Final = {
    "envoy_cluster_membership_healthy",
    "envoy_cluster_membership_total",
    "envoy_cluster_upstream_cx_active",
    "envoy_cluster_upstream_cx_connect_fail",
    "envoy_cluster_upstream_rq_retry",
    "envoy_cluster_upstream_rq_time",
    "envoy_cluster_upstream_rq_total",
    "envoy_cluster_upstream_rq_xx",
    "envoy_control_plane_connected_state",
    "envoy_http_downstream_cx_active",
    "envoy_http_downstream_cx_rx_bytes_total",
    "envoy_http_downstream_cx_tx_bytes_total",
    "envoy_http_downstream_rq_time",
    "envoy_http_downstream_rq_total",
    "envoy_http_downstream_rq_xx",
    "envoy_http_no_route",
}
