"""Backends as fleets reach them: clusters, who uses them, and their endpoints."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Final, assert_never

from xdsserver.inspection.endpoints import EndpointAnswer, endpoints_of
from xdsserver.inspection.paging import Scan, in_order
from xdsserver.model.backends import Cluster, Discovery, FromDns, FromSlices, Nowhere
from xdsserver.model.routing import ClusterKey
from xdsserver.objects.meta import ObjectKey
from xdsserver.pipeline import Pipeline
from xdsserver.pipeline.rows import FleetCluster

_USERS: Final = 20
"""Users of a backend that are named; a shared one may have thousands, and their number is told."""


@dataclass(frozen=True, slots=True)
class BackendAnswer:
    """A cluster: one backend as one fleet reaches it.

    Attributes:
        fleet: whose Envoys.
        cluster: its name in Envoy's configuration and statistics.
        kind: of the backend, such as `Service`.
        namespace: where that is.
        name: how it is called.
        port: 0 for a kind that has one port only.
        protocol: what is spoken to it.
        tls: the name that it must prove by its certificate; "" where TLS is not spoken.
        found_by: `slices`, `dns HOST:PORT`, or `nowhere` where requests to it are answered with 503.
        endpoints: its endpoints; none are known here of what is found by DNS.
        users: routes and Gateways that send to it, the first of them, as `Kind/namespace/name`.
        users_total: how many there are.
    """

    fleet: str
    cluster: str
    kind: str
    namespace: str
    name: str
    port: int
    protocol: str
    tls: str
    found_by: str
    endpoints: tuple[EndpointAnswer, ...]
    users: tuple[str, ...]
    users_total: int


def scan(pipeline: Pipeline, after: str = "", namespace: str = "") -> Scan[BackendAnswer]:
    """Walk the clusters by fleet and name."""
    for name, key in in_order(pipeline.clusters.rows, after, _name):
        wanted = namespace in ("", key[1].namespace)
        yield name, backend(pipeline, key) if wanted else None


def backend(pipeline: Pipeline, key: FleetCluster) -> BackendAnswer | None:
    """Tell of one cluster; None where there is none (any more)."""
    fleet, reached = key
    found = pipeline.clusters.rows.get(key)
    if found is None:
        return None
    users = dict.fromkeys(user for _, _, _, user in pipeline.users_of_clusters.rows.get(key, ()))
    return BackendAnswer(
        fleet,
        str(reached),
        reached.kind,
        reached.namespace,
        reached.name,
        reached.port,
        reached.protocol,
        "" if found.tls is None else found.tls.sni,
        _found_by(found.discovery),
        tuple(_endpoints(pipeline, found)),
        tuple(map(_user, islice(users, _USERS))),
        len(users),
    )


def _endpoints(pipeline: Pipeline, cluster: Cluster) -> Iterable[EndpointAnswer]:
    return endpoints_of(pipeline, cluster.discovery.endpoints) if isinstance(cluster.discovery, FromSlices) else ()


def _found_by(discovery: Discovery) -> str:
    match discovery:
        case FromSlices():
            return "slices"
        case FromDns(hostname, port):
            return f"dns {hostname}:{port}"
        case Nowhere():
            return "nowhere"
        case _:
            assert_never(discovery)


def _name(key: tuple[str, ClusterKey]) -> str:
    return f"{key[0]}/{key[1]}"


def _user(user: ObjectKey | str) -> str:
    return user if isinstance(user, str) else "/".join(user)
