"""What a scrape says of Tenants, after their operator ran."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from tests.kube.virtual import in_virtual_time
from tests.tenant.scene import TENANT, a_pool, a_secret, a_tenant, operating, world
from xdsserver.app.census import tenants_measured
from xdsserver.app.operator import Operator, OperatorSurroundings
from xdsserver.observe.tenancy import FAILED, RESULTS, STATES
from xdsserver.tenant.workload import Making


def test_states_and_servers_are_those_of_now() -> None:
    """A state that nobody is in any more is 0, and there: a series that ends would look like one that cannot be had."""

    async def story() -> None:
        cluster = world(a_secret(), a_tenant(pools=[a_pool(servers=4)]))
        async with operating(cluster) as scene:
            await scene.settle()
            assert scene.scraped()["xdsserver_tenants"] == {"Ready": 1}
            assert scene.scraped()["xdsserver_tenant_servers"] == {"wanted": 4, "ready": 4}
            scene.change(credsSecret={"name": "nowhere"})
            await scene.settle()
            assert scene.scraped()["xdsserver_tenants"] == {"Blocked": 1}
            # What runs is not stopped by it.
            assert scene.scraped()["xdsserver_tenant_servers"] == {"wanted": 4, "ready": 4}
            assert all(
                scene.registry.get_sample_value("xdsserver_tenants", {"state": one}) == (one == "Blocked")
                for one in STATES
            )
            cluster.remove(TENANT)
            await scene.settle()
            assert "xdsserver_tenants" not in scene.scraped()
            assert scene.scraped()["xdsserver_tenant_reconciles_total"]["Deleted"] == 1

    in_virtual_time(story())


def test_a_tenant_that_waits_for_nothing_is_not_decided_on_again() -> None:
    async def story() -> None:
        cluster = world(a_secret(), a_tenant())
        async with operating(cluster) as scene:
            await scene.settle()
            before = scene.scraped()
            assert before["xdsserver_tenant_reconcile_seconds_count"][""] >= 2
            await scene.settle(3000)
            assert scene.scraped() == before

    in_virtual_time(story())


def test_looks_without_news_are_counted_by_how_long_they_waited() -> None:
    async def story() -> None:
        cluster = world(a_secret(), a_tenant())
        async with operating(cluster) as scene:
            await scene.settle()
            assert "60" not in scene.scraped().get("xdsserver_tenant_requeues_total", {})
            scene.change(credsSecret={"name": "nowhere"})
            await scene.settle(630)
            # Each minute somebody may have done what the status asks for; that decides nothing anew.
            assert scene.scraped()["xdsserver_tenant_requeues_total"]["60"] == 10
            assert scene.scraped()["xdsserver_tenant_reconciles_total"]["Blocked"] == 1

    in_virtual_time(story())


def test_a_fault_of_ours_is_a_result() -> None:
    """The log has it, and an alert asks for this number."""
    registry = CollectorRegistry()
    metrics = tenants_measured(registry, lambda: operator.story, lambda: True)
    cluster = world(a_secret(), a_tenant())
    incomplete = object.__new__(Making)
    around = OperatorSurroundings(cluster, lambda: True, reconciled=metrics.reconciled, making=incomplete)
    operator = Operator(around)
    operator.take(*cluster.listed())
    results = [
        one for one in RESULTS if registry.get_sample_value("xdsserver_tenant_reconciles_total", {"result": one})
    ]
    assert results == [FAILED]
