"""Filter chains of each bind."""

from __future__ import annotations

from itertools import count, takewhile
from typing import TYPE_CHECKING

from xdsserver.translation.chains import http_chain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xdsserver.model.places import ChainKey, ListenerKey
    from xdsserver.pipeline.rows import Serving
    from xdsserver.pipeline.story import Pipeline
    from xdsserver.tables import Read
    from xdsserver.translation.chains import Chain


def plain_chain_of(_key: ListenerKey, serving: Serving) -> ChainKey | None:
    return serving.chain if serving.protocol == "HTTP" else None


def to_plain_chains(tables: Pipeline, read: Read, key: ChainKey, _count: int) -> Mapping[ChainKey, Chain]:
    return {key: http_chain(key, _filter_positions(tables, read, key))}


def _filter_positions(tables: Pipeline, read: Read, chain: ChainKey) -> int:
    taken = (read(tables.filter_position_counts, (chain, number)) for number in count())
    return sum(1 for _ in takewhile(bool, taken))
