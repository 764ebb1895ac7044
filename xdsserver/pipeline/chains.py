"""Filter chains of each bind, and the certificates that they show."""

from __future__ import annotations

from itertools import count, takewhile
from typing import TYPE_CHECKING

from xdsserver.gatewayapi.termination import terminate
from xdsserver.pipeline.profiles import plain_profile
from xdsserver.pipeline.telemetry import tracing_at
from xdsserver.translation.chains import HttpSettings, closing_chain, http_chain
from xdsserver.xds.fragments import NOBODY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xdsserver.gatewayapi.listeners import Listener
    from xdsserver.gatewayapi.termination import ResolvedTermination
    from xdsserver.model.places import ChainKey, ListenerKey
    from xdsserver.model.profiles import Profile
    from xdsserver.model.tracing import Tracing
    from xdsserver.pipeline.rows import CertificateUse, Serving
    from xdsserver.pipeline.story import Pipeline
    from xdsserver.tables import Read
    from xdsserver.translation.chains import Chain


def to_terminations(
    tables: Pipeline, read: Read, key: ListenerKey, listener: Listener
) -> Mapping[ListenerKey, ResolvedTermination]:
    found = terminate(read, tables.certificate_tables, listener)
    return {} if found is None else {key: found}


def to_certificate_uses(
    tables: Pipeline, read: Read, key: ListenerKey, found: ResolvedTermination
) -> Mapping[CertificateUse, bool]:
    """Only what is shown somewhere is sent, so that a permission that is taken away takes the key away too."""
    serving = read(tables.binds, key)
    if serving is None or found.termination is None:
        return {}
    return {(serving.bind.fleet, secret, key): True for secret in found.termination.certificates}


def plain_chain_of(_key: ListenerKey, serving: Serving) -> ChainKey | None:
    return serving.chain if serving.protocol == "HTTP" else None


def to_plain_chains(tables: Pipeline, read: Read, key: ChainKey, _count: int) -> Mapping[ChainKey, Chain]:
    tracing, profile = tracing_at(tables, read, key.bind), plain_profile(tables, read, key)
    return {key: http_chain(key, _settings(tables, read, key, tracing, profile), None, NOBODY)}


def to_https_chains(tables: Pipeline, read: Read, key: ListenerKey, serving: Serving) -> Mapping[ChainKey, Chain]:
    if serving.protocol != "HTTPS":
        return {}
    found = read(tables.terminations, key)
    chain = serving.chain
    if found is None or found.termination is None:
        return {chain: closing_chain(chain)}
    listener = read(tables.listeners, key)
    tracing = None if listener is None else read(tables.tracings, listener.gateway)
    settings = _settings(tables, read, chain, tracing, serving.profile)
    return {chain: http_chain(chain, settings, found.termination, key)}


def _settings(tables: Pipeline, read: Read, chain: ChainKey, tracing: Tracing | None, profile: Profile) -> HttpSettings:
    taken = (read(tables.filter_position_counts, (chain, number)) for number in count())
    return HttpSettings(sum(1 for _ in takewhile(bool, taken)), tracing, profile)
