"""What Envoys reject, brought to the objects that it concerns: their own pieces, and the backends that they use."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from xdsserver.gatewayapi.rejections import RejectedAt, in_words
from xdsserver.objects.meta import ObjectKey
from xdsserver.xds.case import Blame
from xdsserver.xds.fragments import NOBODY
from xdsserver.xds.resource import CLUSTER, ENDPOINTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from xdsserver.model.backends import Cluster
    from xdsserver.model.places import ListenerKey
    from xdsserver.model.routing import ClusterKey, EndpointsKey
    from xdsserver.pipeline.rows import ClusterUse, FleetCluster, ResourceKey
    from xdsserver.pipeline.story import Pipeline
    from xdsserver.tables import Read
    from xdsserver.xds.case import Rejection


class RejectedUse(NamedTuple):
    """An object that uses a backend behind a listener, and what of the backend is rejected."""

    user: ObjectKey
    listener: ListenerKey
    type_url: str
    cluster: ClusterKey


def cluster_resource_of(key: FleetCluster, _cluster: Cluster) -> ResourceKey:
    return (key[0], CLUSTER, str(key[1]))


def endpoint_resource_of(key: tuple[str, EndpointsKey, ClusterKey], _true: object) -> ResourceKey:
    return (key[0], ENDPOINTS, str(key[1]))


def to_rejected_uses(tables: Pipeline, read: Read, blame: Blame, said: Rejection) -> Mapping[RejectedUse, str]:
    """A cluster is nobody's piece: its users are told, since their requests go where they went before, or nowhere."""
    resource = blame[:3]
    named, reading = read(tables.clusters_named, resource), read(tables.clusters_reading, resource)
    found = (*(named or ()), *((fleet, cluster) for fleet, _, cluster in reading or ()))
    uses = (use for one in found for use in read(tables.users_of_clusters, one) or ())
    return {
        RejectedUse(user, use[2], blame.type_url, use[1]): _of_backend(use[1], said)
        for use in uses
        if (user := _user(tables, read, use)) is not None
    }


def _user(tables: Pipeline, read: Read, use: ClusterUse) -> ObjectKey | None:
    """Say whose use of a cluster it is; of connections by name the route that gets them."""
    _, _, listener, user = use
    if isinstance(user, ObjectKey):
        return user
    found = read(tables.first_streams, (listener, user))
    return found.owner if found is not None else None


def _of_backend(cluster: ClusterKey, said: Rejection) -> str:
    port = f" port {cluster.port}" if cluster.port else ""
    return f"backend {cluster.kind} {cluster.namespace}/{cluster.name}{port}: {in_words(said.nodes, said.words)}"


def rejected_listener(tables: Pipeline, read: Read, key: ListenerKey, resources: Iterable[ResourceKey]) -> str:
    """Say what Envoys reject of a listener itself, and which of these resources they reject whoever is to blame."""
    found = (read(tables.rejections, Blame(*one, NOBODY)) for one in resources)
    whole = (in_words(said.nodes, said.words) for said in found if said is not None)
    return "; ".join(dict.fromkeys((*whole, *(words for _, words in _pieces(tables, read, key)))))


def words_against(tables: Pipeline, read: Read, owner: ObjectKey) -> str:
    """Say what Envoys reject of the settings of an object with listeners, and of the backends of its filters."""
    uses = (read(tables.rejected_uses, use) for use in read(tables.rejected_uses_of, owner) or ())
    words = (*(said for _, said in _pieces(tables, read, owner)), *(said for said in uses if said is not None))
    return "; ".join(dict.fromkeys(words))


def rejected_at(
    tables: Pipeline, read: Read, owner: ObjectKey, listeners: Iterable[ListenerKey]
) -> Iterator[RejectedAt]:
    """Give those listeners of a route where Envoys reject it, or a backend of it."""
    for use in read(tables.rejected_uses_of, owner) or ():
        words = read(tables.rejected_uses, use)
        if words is not None:
            yield RejectedAt(use.listener, words)
    pieces = tuple(_pieces(tables, read, owner))
    for listener in dict.fromkeys(listeners) if pieces else ():
        awaited = read(tables.awaited, listener)
        places = awaited.resources if awaited is not None else ()
        yield from (RejectedAt(listener, words) for blame, words in pieces if blame[:3] in places)


def _pieces(tables: Pipeline, read: Read, owner: ObjectKey | ListenerKey) -> Iterator[tuple[Blame, str]]:
    """Give what Envoys reject of what an object came to."""
    for blame in read(tables.rejections_of, owner) or ():
        said = read(tables.rejections, blame)
        if said is not None:
            yield blame, in_words(said.nodes, said.words)
