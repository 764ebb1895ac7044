"""The metrics are those of the table: names, labels, values."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter

from xdsserver.observe.metrics import FAMILIES, KUBE_FAMILIES, KubeMetrics, KubeState, Metrics, Watched, WriteResult
from xdsserver.observe.tenancy import TENANT_FAMILIES, Census, TenantMetrics


def test_a_name_says_its_unit_and_a_counter_that_it_counts() -> None:
    for family in (*FAMILIES, *KUBE_FAMILIES, *TENANT_FAMILIES):
        assert family.name.startswith("xdsserver_")
        assert family.name.endswith("_total") is (family.type is Counter)


def test_what_is_registered_is_what_is_listed() -> None:
    registry = CollectorRegistry()
    Metrics(registry)
    KubeMetrics(registry, KubeState(tuple, lambda: False))
    TenantMetrics(registry, lambda: Census({}, 0, 0), lambda: False)
    listed = {family.name.removesuffix("_total") for family in (*FAMILIES, *KUBE_FAMILIES, *TENANT_FAMILIES)}
    assert {one.name for one in registry.collect()} == listed


def test_values_are_read_back_under_their_labels() -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    metrics.acknowledged("Cluster", 0.02)
    metrics.rejected("Listener", "infra/fleet")
    metrics.joined("infra/fleet")
    metrics.joined("infra/fleet")
    metrics.left("infra/fleet")
    metrics.round()
    metrics.lagged(-0.001)
    metrics.expires(1.8e9)

    value = registry.get_sample_value
    assert value("xdsserver_object_to_ack_seconds_bucket", {"type": "Cluster", "le": "0.025"}) == 1
    assert value("xdsserver_object_to_ack_seconds_bucket", {"type": "Cluster", "le": "0.01"}) == 0
    assert value("xdsserver_xds_rejections_total", {"type": "Listener", "fleet": "infra/fleet"}) == 1
    assert value("xdsserver_xds_streams", {"fleet": "infra/fleet"}) == 1
    assert value("xdsserver_rounds_total") == 1
    assert value("xdsserver_event_loop_lag_seconds_sum") == 0
    assert value("xdsserver_certificate_expiry_timestamp_seconds") == 1.8e9


def test_k4_the_age_of_a_watch_is_counted_when_it_is_scraped() -> None:
    """K4: how long the API server has said nothing about a kind; of several namespaces the longest, with all lists."""
    watched = [Watched("HTTPRoute", 30.0, 2), Watched("HTTPRoute", 90.0, 1), Watched("Gateway", None, 0)]
    registry = CollectorRegistry()
    KubeMetrics(registry, KubeState(lambda: watched, lambda: True))
    value = registry.get_sample_value
    assert value("xdsserver_watch_age_seconds", {"kind": "HTTPRoute"}) == 90
    assert value("xdsserver_watch_age_seconds", {"kind": "Gateway"}) is None
    assert value("xdsserver_relists_total", {"kind": "HTTPRoute"}) == 3
    watched[1] = Watched("HTTPRoute", 1.0, 1)
    assert value("xdsserver_watch_age_seconds", {"kind": "HTTPRoute"}) == 30


def test_what_happens_with_an_api_server_is_counted() -> None:
    registry, leads = CollectorRegistry(), False
    metrics = KubeMetrics(registry, KubeState(tuple, lambda: leads))
    metrics.wrote_status("Gateway", WriteResult.CONFLICT)

    written = {"kind": "Gateway", "result": "conflict"}
    assert registry.get_sample_value("xdsserver_status_writes_total", written) == 1
    assert registry.get_sample_value("xdsserver_leader") == 0
    leads = True
    assert registry.get_sample_value("xdsserver_leader") == 1
