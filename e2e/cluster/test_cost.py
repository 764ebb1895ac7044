"""What the API server is asked to write when a pod of Envoy comes and goes."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from e2e.cluster.release import NAMESPACE, WITHIN_S

if TYPE_CHECKING:
    from e2e.cluster.release import Release

GATEWAYS = 100
WRITTEN = {"endpointslices", "services", "gateways", "gatewayclasses", "secrets"}


async def test_what_a_pod_that_comes_and_goes_costs_the_api_server_at_100_gateways(release: Release) -> None:
    """Each Gateway of another namespace has a slice that mirrors the pods: a write for each step of a pod, and no more.

    A pod takes five: it ends, its successor is there, is ready, the old one serves no more, and is gone. One whose
    readiness changes takes more.
    """
    fleet = {
        "apiVersion": "gateway.xdsserver.io/v1alpha1",
        "kind": "EnvoyFleet",
        "metadata": {"name": "many", "namespace": NAMESPACE},
        "spec": {"exposure": {"type": "Service", "service": {"type": "ClusterIP"}}, "workload": {"replicas": 1}},
    }
    parameters = {"group": "gateway.xdsserver.io", "kind": "EnvoyFleet", "name": "many", "namespace": NAMESPACE}
    class_ = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "GatewayClass",
        "metadata": {"name": "many"},
        "spec": {"controllerName": "gateway.xdsserver.io/controller", "parametersRef": parameters},
    }
    gateways = [
        {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "Gateway",
            "metadata": {"name": f"many-{number}", "namespace": "default", "labels": {"many": "yes"}},
            "spec": {"gatewayClassName": "many", "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}]},
        }
        for number in range(GATEWAYS)
    ]
    await release.apply(fleet, namespace=NAMESPACE)
    await release.apply(class_, *gateways, namespace="default")
    programmed = ("wait", "--for=condition=Programmed", "gateway", "--selector=many", f"--timeout={WITHIN_S}s")
    await release.kubectl(*programmed, namespace="default")
    await release.rolled_out("deployment/fleet-many")
    (pod,) = await release.pods("gateway.xdsserver.io/fleet=fleet-many")
    before = await writes(release)
    await release.kubectl("delete", "pod", pod)
    await release.rolled_out("deployment/fleet-many")
    after = await writes(release)
    cost = {name: count - before.get(name, 0) for name, count in after.items() if count != before.get(name, 0)}
    print(f"\na pod replaced at {GATEWAYS} Gateways: {cost}")
    assert 0 < cost["endpointslices APPLY"] <= 8 * GATEWAYS
    assert "gateways PATCH" not in cost
    await release.kubectl("delete", "gateway", "--selector=many", namespace="default")
    await release.kubectl("delete", "gatewayclass/many", "envoyfleet/many")


async def writes(release: Release) -> Counter[str]:
    """Count what the API server was asked to write of what we write: by resource and verb, ours is APPLY of slices."""
    found: Counter[str] = Counter()
    for line in (await release.kubectl("get", "--raw", "/metrics")).splitlines():
        if line.startswith("apiserver_request_total{"):
            labels = dict(re.findall(r'(\w+)="([^"]*)"', line))
            if labels["resource"] in WRITTEN and labels["verb"] in {"APPLY", "PATCH", "DELETE", "POST", "PUT"}:
                found[f"{labels['resource']} {labels['verb']}"] += int(float(line.rsplit(" ", 1)[1]))
    return found
