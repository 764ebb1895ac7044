"""Precedence: which of several matching rules of one virtual host answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xdsserver.gatewayapi.hostnames import specificity

if TYPE_CHECKING:
    from xdsserver.model.routing import RequestMatch, Rule


def precedence(original: str, match: RequestMatch, rule: Rule, created: str) -> tuple[Any, ...]:
    """Give what matches are sorted by, first wins; nothing is equal but one match of one rule under one hostname.

    The most specific hostname that the route itself asked for, then path, method, number of headers and of query
    parameters, then the oldest route, its namespace and name, then the order within the route. A rule keeps its place
    also when its backend is invalid. Sources: HTTPRouteRule.matches and HTTPRouteSpec.hostnames (v1.7).
    """
    characters, length = specificity(original)
    return (
        -characters,
        -length,
        match.path.kind.value,
        -len(match.path.value),
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
