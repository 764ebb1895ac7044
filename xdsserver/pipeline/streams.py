"""Whole connections, by the names of TLS handshakes or by ports, and the filter chains that pass them on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdsserver.gatewayapi.streams import L4_KINDS, Behind, stream
from xdsserver.gatewayapi.termination import ends_tls
from xdsserver.model.places import ChainKey
from xdsserver.pipeline.routes import owns
from xdsserver.pipeline.rows import STREAM_PROTOCOLS
from xdsserver.pipeline.rules import rules_at
from xdsserver.translation.chains import closing_chain, stream_chain
from xdsserver.translation.datagrams import datagram_chain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xdsserver.gatewayapi.streams import Stream
    from xdsserver.model.places import ListenerKey
    from xdsserver.model.routing import Hosts
    from xdsserver.objects.meta import ObjectKey
    from xdsserver.pipeline.rows import ClusterUse, Serving
    from xdsserver.pipeline.story import Pipeline
    from xdsserver.tables import Read
    from xdsserver.translation.chains import Chain


def to_streams(
    tables: Pipeline, read: Read, key: tuple[ListenerKey, ObjectKey], hosts: tuple[Hosts, ...]
) -> Mapping[tuple[ListenerKey, str, ObjectKey], Stream]:
    listener, route = key
    if route.kind not in L4_KINDS:
        return {}
    rules = rules_at(tables, read, listener, route)
    found_at = read(tables.listeners, listener)
    whole = route.kind == "TLSRoute" and found_at is not None and not ends_tls(found_at)
    found = ((host.effective, stream(route, host, rules, whole=whole)) for host in hosts)
    return {(listener, hostname, route): one for hostname, one in found if one is not None}


def to_behind(
    tables: Pipeline, read: Read, key: tuple[ListenerKey, str, ObjectKey], _stream: Stream
) -> Mapping[tuple[ListenerKey, str, ObjectKey], Behind]:
    listener, hostname, route = key
    found = read(tables.first_streams, (listener, hostname))
    return {} if found is None or found.owner == route else {key: Behind(listener, hostname, found.owner)}


def to_own_names(_read: Read, key: ListenerKey, serving: Serving) -> Mapping[tuple[ListenerKey, str, None], bool]:
    """A listener answers for its own name also where it has no route for it: by closing."""
    return {(key, serving.hostname, None): True} if serving.protocol in STREAM_PROTOCOLS else {}


def to_asked_names(
    _read: Read, key: tuple[ListenerKey, str], found: Stream
) -> Mapping[tuple[ListenerKey, str, ObjectKey], bool]:
    return {(*key, found.owner): True}


def to_passed_on(
    tables: Pipeline, read: Read, key: tuple[ListenerKey, str], _count: int
) -> Mapping[tuple[ListenerKey, str], Stream]:
    """Names whose connections get somewhere; all others are closed."""
    listener, _ = key
    serving = read(tables.binds, listener)
    if serving is None or not _answers_for(tables, read, key, serving):
        return {}
    found = read(tables.first_streams, key)
    tls = read(tables.terminations, listener)
    if found is None or not found.clusters or (tls is not None and not tls.termination):
        return {}
    return {key: found}


def to_stream_chains(
    tables: Pipeline, read: Read, key: tuple[ListenerKey, str], _count: int
) -> Mapping[ChainKey, Chain]:
    listener, hostname = key
    serving = read(tables.binds, listener)
    if serving is None or not _answers_for(tables, read, key, serving):
        return {}
    chain = ChainKey(serving.bind, hostname if serving.protocol == "TLS" else "")
    found = read(tables.passed_on, key)
    if serving.protocol == "UDP":
        return {chain: datagram_chain(chain, next(iter(found.clusters), None) if found is not None else None)}
    if found is None:
        return {chain: closing_chain(chain)}
    tls = read(tables.terminations, listener)
    return {chain: stream_chain(chain, found.shares, tls.termination if tls is not None else None, found.owner)}


def to_stream_cluster_uses(
    tables: Pipeline, read: Read, key: tuple[ListenerKey, str], found: Stream
) -> Mapping[ClusterUse, bool]:
    """Only the route that gets the connections has clusters; those that stand behind it have none."""
    listener, hostname = key
    serving = read(tables.binds, listener)
    return {} if serving is None else {(serving.bind.fleet, one, listener, hostname): True for one in found.clusters}


def _answers_for(tables: Pipeline, read: Read, key: tuple[ListenerKey, str], serving: Serving) -> bool:
    return serving.protocol in STREAM_PROTOCOLS and owns(tables, read, key[0], serving.bind, key[1])
