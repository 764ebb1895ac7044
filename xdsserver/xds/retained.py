"""Clusters that nothing wanted names any more, and that what is served instead of it still does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from xdsserver.xds.resource import CLUSTER, ENDPOINTS, LISTENER, ROUTE

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from xdsserver.xds.cache import Cache, ResourceKey
    from xdsserver.xds.proofs import Proofs
    from xdsserver.xds.resource import Resource

    After = Callable[[ResourceKey], Resource | None]

_MAX_GONE: Final = 4096
"""Removed clusters and endpoints that are remembered while a change is not acknowledged; then the oldest are not."""


class Retained:
    """Keeps what the last good version of a rejected resource needs.

    A route that moves to another backend takes its old cluster out of what is wanted. Where that change is rejected the
    old route goes on, and so must its cluster, with the endpoints that it had.
    """

    def __init__(self) -> None:
        self._gone: dict[ResourceKey, Resource] = {}
        self._kept: set[ResourceKey] = set()

    def added_to(
        self, changes: Mapping[ResourceKey, Resource | None], cache: Cache, rejected: Collection[ResourceKey]
    ) -> Mapping[ResourceKey, Resource | None]:
        """Add to changes of a cache what they leave necessary; `rejected` are the resources that may need something."""
        for key, resource in changes.items():
            if resource is None and key[1] in (CLUSTER, ENDPOINTS):
                self._remember(key, cache)
        if not (rejected or self._kept):
            return changes
        out = dict(changes)

        def after(key: ResourceKey) -> Resource | None:
            return out[key] if key in out else cache.resources(key[0], key[1]).get(key[2])

        needed: set[ResourceKey] = set()
        for key in rejected:
            resource = after(key)
            for name in (name for names in resource.clusters for name in names) if resource is not None else ():
                needed.update(self._with_endpoints((key[0], CLUSTER, name), after))
        self._kept = {key for key in self._kept if changes.get(key) is None}
        for key in self._kept - needed:
            out[key] = None
        self._kept &= needed
        for key in needed:
            if after(key) is None and (resource := self._gone.get(key)) is not None:
                out[key] = resource
                self._kept.add(key)
        return out

    def purge(self, fleet: str, proofs: Proofs) -> None:
        """Forget what is gone, once all that may have named it has been acknowledged without it."""
        if self._gone and not any(proofs.open(fleet, type_url) for type_url in (LISTENER, ROUTE)):
            self._gone = {key: resource for key, resource in self._gone.items() if key[0] != fleet}

    def _with_endpoints(self, key: ResourceKey, after: After) -> Iterator[ResourceKey]:
        yield key
        cluster = after(key) or self._gone.get(key)
        if cluster is not None and cluster.endpoints is not None:
            yield (key[0], ENDPOINTS, cluster.endpoints)

    def _remember(self, key: ResourceKey, cache: Cache) -> None:
        resource = cache.resources(key[0], key[1]).get(key[2])
        if resource is not None:
            self._gone[key] = resource
            if len(self._gone) > _MAX_GONE:
                del self._gone[next(iter(self._gone))]
