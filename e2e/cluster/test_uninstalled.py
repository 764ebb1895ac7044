"""A release that is taken away; its file is run after those that need it."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from e2e.cluster.release import Release


async def test_nothing_is_left_behind(release: Release) -> None:
    """Of what the guide says that it keeps, and of nothing else, the rest is gone."""
    await asyncio.to_thread(release.shell.do, "uninstall", "In a cluster")
    kinds = "namespace,clusterrole,clusterrolebinding,gatewayclass,crd"
    left = (await release.sh(f"kubectl get {kinds} --output=name")).splitlines()
    assert [one for one in left if "xdsserver" in one or "tenants" in one] == []
    named = "service,endpointslice,daemonset,deployment,secret,configmap,serviceaccount,pod"
    inside = (await release.sh(f"kubectl get {named} --all-namespaces --output=name")).splitlines()
    assert [one for one in inside if re.search("xdsserver|fleet-|gateway-shop", one)] == []
