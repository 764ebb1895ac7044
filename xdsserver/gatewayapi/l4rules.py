"""Rules of TLSRoute, TCPRoute and UDPRoute: backends and weights, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdsserver.gatewayapi.rules import ParsedBackend, ParsedFilters, ParsedRule
from xdsserver.objects.meta import ObjectKey

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xdsserver.objects.l4route import L4Route


def parse_l4(kind: str, route: L4Route) -> Iterator[ParsedRule]:
    """Understand the rules of a route of this kind one by one; a weight that is not given is 1."""
    for position, spec in enumerate(route.spec.rules):
        yield ParsedRule(
            owner=ObjectKey(kind, *route.name),
            created=route.metadata.creation_timestamp,
            position=position,
            name=spec.name or "",
            matches=(),
            filters=ParsedFilters(()),
            backends=tuple(
                ParsedBackend(reference, 1 if reference.weight is None else reference.weight, ParsedFilters(()))
                for reference in spec.backend_refs
            ),
            problems=(),
        )
