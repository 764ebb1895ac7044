"""Which Gateway API is installed: releases and channel, as the annotations of its CRDs tell them.

A cluster may be between two releases: each CRD tells for itself, and what is claimed is what all of them have.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from xdsserver.objects.meta import GATEWAY_GROUP
from xdsserver.objects.schemas import BUNDLE_VERSION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xdsserver.objects.meta import KubeObject, Name

VERSION_ANNOTATION = "gateway.networking.k8s.io/bundle-version"
CHANNEL_ANNOTATION = "gateway.networking.k8s.io/channel"

STANDARD, EXPERIMENTAL = "standard", "experimental"

_RELEASE = re.compile(r"v(\d+)\.(\d+)\.")


@dataclass(frozen=True, slots=True)
class Installed:
    """The Gateway API that objects are checked by.

    `versions` are its releases (`v1.7.0`; several during an update). `in_cluster`: its CRDs told, and what is made for
    Gateways is made.
    """

    versions: tuple[str, ...]
    channel: str = EXPERIMENTAL
    in_cluster: bool = False

    @property
    def experimental(self) -> bool:
        """Whether all of it is of the experimental channel."""
        return self.channel == EXPERIMENTAL

    @property
    def release(self) -> tuple[int, int]:
        """Major and minor version of the oldest of it; (0, 0) where it is no version."""
        return min(map(release_of, self.versions), default=(0, 0))


OUR_SCHEMAS = Installed((BUNDLE_VERSION,))
"""What objects are checked by that no API server has checked."""


def release_of(version: str) -> tuple[int, int]:
    """Give major and minor of a version; (0, 0) for what is none."""
    found = _RELEASE.match(version)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def is_gateway_api(name: Name) -> bool:
    """Whether a CRD is of the Gateway API proper; those of its X-kinds are experimental always, and tell nothing."""
    return name.name.endswith(f".{GATEWAY_GROUP}")


def installed(definitions: Sequence[KubeObject]) -> Installed | None:
    """Tell what is installed from its CRDs; None where none of them tells its release."""
    told = [one.metadata.annotations for one in definitions]
    versions = sorted({one[VERSION_ANNOTATION] for one in told if VERSION_ANNOTATION in one})
    if not versions:
        return None
    experimental = all(one.get(CHANNEL_ANNOTATION) == EXPERIMENTAL for one in told)
    return Installed(tuple(versions), EXPERIMENTAL if experimental else STANDARD, in_cluster=True)
