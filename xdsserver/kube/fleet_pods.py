"""Where the pods of fleets are: what an Envoy says of itself must agree with what the API server says of its pod."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdsserver.infrastructure.identity import FLEET_LABEL, name_of_fleet
from xdsserver.objects.meta import Name

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from xdsserver.kube.pods import Pods

SELECTOR = FLEET_LABEL
"""All pods that carry the label, whatever its value is."""


class FleetPods:
    """Answers for the pods of all fleets, out of what is followed; `namespace_of` says where those of a fleet are."""

    def __init__(self, followed: Sequence[Pods], namespace_of: Callable[[str], str]) -> None:
        self._followed = followed
        self._namespace_of = namespace_of

    def addresses(self, fleet: str, pod: str) -> Collection[str] | None:
        """Return the addresses of a pod in canonical form; None where the fleet has no such pod.

        A pod is of a fleet by its namespace and its label. Whoever may make pods in the namespace of a fleet may mount
        its certificate too, so the label proves as much as that.
        """
        name = Name(self._namespace_of(fleet), pod)
        for one in self._followed:
            found = one.known.get(name)
            if found is not None and found.metadata.labels.get(FLEET_LABEL) == name_of_fleet(fleet):
                return found.addresses
        return None
