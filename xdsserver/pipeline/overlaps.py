"""Listeners of one port that overlap: found by the names that they have in common, not pair by pair.

Of all that have a name two are kept, so that one more of many wakes none of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdsserver.gatewayapi import hostnames
from xdsserver.gatewayapi.last_good import LastGood
from xdsserver.gatewayapi.overlaps import same_certificates, same_names, wildcard_over
from xdsserver.model.certificates import ServerCertificate
from xdsserver.pipeline.rows import TLS_PROTOCOLS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from xdsserver.gatewayapi.conditions import Problem
    from xdsserver.gatewayapi.overlaps import Overlap
    from xdsserver.gatewayapi.termination import ResolvedTermination
    from xdsserver.model.places import Bind, ListenerKey
    from xdsserver.objects.meta import Name
    from xdsserver.pipeline.rows import Serving
    from xdsserver.pipeline.story import Pipeline
    from xdsserver.tables import Read

ShownName = tuple["Bind", str, "ListenerKey"]
"""A name that a certificate is good for which a listener of a bind shows."""


def to_certificate_names(
    _read: Read, key: Name, found: ServerCertificate | LastGood | Problem
) -> Mapping[Name, tuple[str, ...]]:
    """Narrow a certificate down to its names, which a new one mostly has too."""
    certificate = found.certificate if isinstance(found, LastGood) else found
    return {key: certificate.hostnames} if isinstance(certificate, ServerCertificate) else {}


def to_shown_names(
    tables: Pipeline, read: Read, key: ListenerKey, found: ResolvedTermination
) -> Mapping[ShownName, bool]:
    serving = read(tables.binds, key)
    if serving is None or found.termination is None:
        return {}
    certificates = (read(tables.certificate_names, one) or () for one in found.termination.certificates)
    return {(serving.bind, name, key): True for names in certificates for name in names}


def name_of(key: ShownName, _true: bool) -> tuple[Bind, str]:  # noqa: FBT001 # a row
    return key[:2]


def wildcard_of(key: ShownName, _true: bool) -> tuple[Bind, str] | None:  # noqa: FBT001 # a row
    bind, name, _ = key
    wildcard = wildcard_over(name)
    return None if wildcard is None else (bind, wildcard)


def two(_name: tuple[Bind, str], members: Sequence[tuple[ShownName, bool]]) -> tuple[ListenerKey, ...]:
    """Keep two different ones: whoever is one of them finds another."""
    found: list[ListenerKey] = []
    for (_, _, listener), _ in members:
        if listener not in found:
            found.append(listener)
        if len(found) == 2:  # noqa: PLR2004 # that is the point
            break
    return tuple(found)


def one_below(_name: tuple[Bind, str], members: Sequence[tuple[tuple[Bind, str, str], bool]]) -> str:
    return members[0][0][2]


def to_overlaps(tables: Pipeline, read: Read, key: ListenerKey, serving: Serving) -> Mapping[ListenerKey, Overlap]:
    if serving.protocol not in TLS_PROTOCOLS:
        return {}
    # Where both are true, that of certificates is said (ListenerReasonOverlappingCertificates).
    found = next(_shown_by_others(tables, read, key, serving.bind), None) or _named_by_others(tables, read, serving)
    return {} if found is None else {key: found}


def _named_by_others(tables: Pipeline, read: Read, serving: Serving) -> Overlap | None:
    bind, own = serving.place
    covers = (one for one in hostnames.covering(own) if one != own)
    above = next((one for one in covers if read(tables.sni_names, (bind, one))), None)
    other = above or read(tables.one_sni_name_below, (bind, own))
    return None if other is None else same_names(own, other)


def _shown_by_others(tables: Pipeline, read: Read, key: ListenerKey, bind: Bind) -> Iterator[Overlap]:
    termination = read(tables.terminations, key)
    if termination is None or termination.termination is None:
        return
    for certificate in termination.termination.certificates:
        for name in read(tables.certificate_names, certificate) or ():
            wildcard = wildcard_over(name)
            groups = (
                read(tables.shown_by, (bind, name)),
                read(tables.shown_below, (bind, name)),
                None if wildcard is None else read(tables.shown_by, (bind, wildcard)),
            )
            others = (other for group in groups if group for other in group if other != key)
            for other in others:
                yield same_certificates(name, other)
