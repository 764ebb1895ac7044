"""What was found out about a rejected resource, so that a process that comes later need not find it out again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xdsserver.xds.cache import ResourceKey
    from xdsserver.xds.rulings import Verdict


@dataclass(frozen=True, slots=True)
class Precedent:
    """The verdicts about a resource, and what Envoys may hold of it.

    It holds digests and versions and no content: where that is another now, nothing matches and nothing is believed.

    Attributes:
        key: of the resource.
        verdicts: about pieces of it, or versions.
        wanted: the version that was wanted.
        served: those that were served for it, as good as it can be: who announces one of these needs nothing else.
    """

    key: ResourceKey
    verdicts: tuple[Verdict, ...]
    wanted: str
    served: frozenset[str] = frozenset()
