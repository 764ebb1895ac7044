"""Whether a cluster that a route names can be reached: its backend with endpoints, or the status in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdsserver.inspection.answers import BackendSeen
from xdsserver.inspection.endpoints import endpoints_of
from xdsserver.inspection.naming import ObjectNamed
from xdsserver.model.backends import FromDns, FromSlices, Nowhere
from xdsserver.xds.resource import CLUSTER

if TYPE_CHECKING:
    from xdsserver.inspection.endpoints import EndpointAnswer
    from xdsserver.model.routing import ClusterKey
    from xdsserver.pipeline import Pipeline

UNAVAILABLE = 503


def reach(pipeline: Pipeline, fleet: str, name: str) -> tuple[BackendSeen | None, str]:
    """Give the backend of a cluster of this name, and why it cannot be reached (empty where it can).

    Without a backend there is no such cluster in the fleet.
    """
    named = pipeline.clusters_named.rows.get((fleet, CLUSTER, name), ())
    found = pipeline.clusters.rows.get(named[0]) if named else None
    if found is None:
        return None, "the backend does not exist, or may not be used"
    key, secure = found.key, found.tls is not None
    match found.discovery:
        case Nowhere():
            return _seen(key, tls=True), "TLS towards it is asked for that cannot be had"
        case FromDns(hostname, port):
            return _seen(key, tls=secure, hostname=f"{hostname}:{port}"), ""
        case FromSlices(wanted):
            members = tuple(endpoints_of(pipeline, wanted))
            reachable = any(one.served for one in members)
            seen = _seen(key, tls=secure, endpoints=members)
            return seen, "" if reachable else "it has no endpoint that is ready"


def _seen(key: ClusterKey, *, tls: bool, hostname: str = "", endpoints: tuple[EndpointAnswer, ...] = ()) -> BackendSeen:
    return BackendSeen(ObjectNamed(*key[:3]), key.port, key.protocol, str(key), tls, hostname, endpoints)
