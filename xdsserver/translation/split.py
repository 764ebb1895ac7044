"""Splitting: how many Envoy routes one rule needs, since Envoy cannot apply every filter to one weighted cluster.

Where a backend has such a filter, each backend becomes a route of its own with the same match. Which one answers is
drawn once a request: routes are tried in order, each takes what is below its cumulative share (Envoy's RouteMatch
.runtime_fraction compares one random number of the request), the last one takes the rest.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from xdsserver.filters.registry import BY_TYPE
from xdsserver.model.routing import MILLION, Forward, Respond, unserved

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xdsserver.model.routing import Action, Filter, Rule, Share


@dataclass(frozen=True, slots=True)
class Variant:
    """One Envoy route of a rule: `drawn` says which requests end here, by the number that was drawn for them."""

    filters: tuple[Filter, ...]
    action: Action
    drawn: range = range(MILLION)


def split(rule: Rule) -> Iterator[Variant]:
    """Give the routes that a rule needs, in the order in which they must stand: mostly one.

    Envoy edits for a share first and for its route after, so that the route would have the last word. Where a backend
    has a filter of a type that its rule has too, the rule's becomes the first of each share.
    """
    match rule.action:
        case Forward(shares):
            own = tuple(filter_ for share in shares for filter_ in share.filters)
            types = {filter_.type for filter_ in own}
            moved = tuple(filter_ for filter_ in rule.filters if filter_.type in types)
            if all(BY_TYPE[one.type].per_share(one) for one in (*moved, *own)):
                for_all = tuple(filter_ for filter_ in rule.filters if filter_.type not in types)
                yield Variant(for_all, Forward(_preceded(moved, shares)))
            else:
                yield from _one_each(rule, shares)
        case Respond():
            yield Variant(rule.filters, rule.action)


def _preceded(filters: tuple[Filter, ...], shares: tuple[Share, ...]) -> tuple[Share, ...]:
    """Put filters before those of each share that has a backend."""
    if not filters:
        return shares
    return tuple(replace(share, filters=(*filters, *share.filters)) if share.cluster else share for share in shares)


def _one_each(rule: Rule, shares: tuple[Share, ...]) -> Iterator[Variant]:
    total = sum(share.weight for share in shares)
    sums = accumulate((share.weight for share in shares), initial=0)
    bounds = pairwise(round(part * MILLION / total) for part in sums)
    for share, (start, stop) in zip(shares, bounds, strict=True):
        served = share.cluster is not None
        action: Action = Forward((replace(share, filters=()),)) if served else Respond(unserved(rule.owner))
        yield Variant((*rule.filters, *share.filters), action, range(start, stop))
