"""Profiles of filter chains: that of its listener over TLS, and in plain text what all listeners of a port ask for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from xdsserver.model.profiles import Profile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xdsserver.gatewayapi.attachment import Offer
    from xdsserver.gatewayapi.listeners import Listener
    from xdsserver.model.places import ChainKey, ListenerKey
    from xdsserver.objects.meta import ObjectKey
    from xdsserver.pipeline.rows import Serving
    from xdsserver.pipeline.story import Pipeline
    from xdsserver.tables import Read


def edge_chain_of(_key: ListenerKey, serving: Serving) -> ChainKey | None:
    return serving.chain if serving.protocol == "HTTP" and serving.profile is Profile.EDGE else None


def plain_profile(tables: Pipeline, read: Read, chain: ChainKey) -> Profile:
    """Give that of a plain-text port; where its listeners disagree, they are protected."""
    return Profile.EDGE if read(tables.edge_counts, chain) else Profile.S3


def is_overruled(tables: Pipeline, read: Read, serving: Serving) -> bool:
    """Whether a listener is marked as S3, and shares a connection manager with one that is not."""
    return (
        serving.profile is Profile.S3
        and serving.protocol == "HTTP"
        and plain_profile(tables, read, serving.chain) is not Profile.S3
    )


def as_served(tables: Pipeline, read: Read, offer: Offer) -> Offer:
    """Give listeners with the profile that they are served with; one that is not served yet has that of its mark."""

    def served(listener: Listener) -> Listener:
        serving = read(tables.binds, listener.key)
        overruled = serving is not None and is_overruled(tables, read, serving)
        return replace(listener, profile=Profile.EDGE) if overruled else listener

    return replace(offer, listeners=tuple(map(served, offer.listeners)))


def kept_at_edge(tables: Pipeline, read: Read, gateway: ObjectKey) -> Iterator[str]:
    """Give the listeners of a Gateway that are marked as S3 and are not served so."""
    for key in read(tables.listeners_of, gateway) or ():
        serving = read(tables.binds, key)
        if serving is not None and is_overruled(tables, read, serving):
            yield key.name
