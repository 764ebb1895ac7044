"""Precedence: which of several matching rules of one virtual host answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xdsserver.gatewayapi.hostnames import specificity

if TYPE_CHECKING:
    from xdsserver.model.routing import RequestMatch, Rule


def precedence(original: str, match: RequestMatch, rule: Rule, created: str) -> tuple[Any, ...]:
    """Give what matches are sorted by, first wins; nothing is equal but one match of one rule under one hostname.

    The most specific hostname that the route itself asked for, then path (or call), method, number of headers and of
    query parameters, then the oldest route, its namespace and name, then the order within the route. A rule keeps its
    place also when its backend is invalid. Sources: HTTPRouteRule.matches, GRPCRouteRule.matches and
    HTTPRouteSpec.hostnames (v1.7).
    """
    characters, length = specificity(original)
    return (
        -characters,
        -length,
        *_path(match),
        match.method is None,
        -len(match.headers),
        -len(match.query),
        created,
        # Compared as one text, as the specification has it: `a-b/x` comes before `a/x`.
        f"{rule.owner.namespace}/{rule.owner.name}",
        rule.owner.kind,
        rule.position,
        rule.matches.index(match),
    )


def _path(match: RequestMatch) -> tuple[int, int, int]:
    """Rank by service, then by method; or by path.

    Under one hostname calls meet the rules of GRPCRoutes before those of HTTPRoutes, which other requests meet alone:
    so both kinds are served, each in the order that it is promised.
    """
    if match.call is not None:
        return (0, -len(match.call.service), -len(match.call.method))
    return (1, match.path.kind.value, -len(match.path.value))
