"""Which resources of one type a stream wants, as a plain value, with the odd cases of the protocol.

Quotations are from https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol, whose section is named at each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from xdsserver.xds.names import NO_NAMES, edited, shared
from xdsserver.xds.resource import WILDCARD_TYPES

if TYPE_CHECKING:
    from collections.abc import Collection

    from xdsserver.xds.names import Names


@dataclass(frozen=True, slots=True)
class Subscription:
    """The names that a stream asked for, and whether it asked for everything besides.

    `legacy` says that an empty request still means everything. "Once the client does explicitly subscribe to a
    resource name (whether it be "*" or any other name), then this legacy semantic is no longer available" (How the
    client specifies what resources to return).
    """

    wildcard: bool = False
    names: Names = NO_NAMES
    legacy: bool = False

    def covers(self, name: str) -> bool:
        """Say whether changes of this name concern the stream."""
        return self.wildcard or name in self.names

    def covered(self, names: frozenset[str]) -> frozenset[str]:
        """Keep the names that concern the stream."""
        return names if self.wildcard else self.names & names


NO_SUBSCRIPTION: Final = Subscription()
"""Nothing was asked for."""


@dataclass(frozen=True, slots=True)
class Turn:
    """How one request changes a subscription, and which names it obliges the server to answer, changed or not."""

    after: Subscription
    asked: frozenset[str] = NO_NAMES
    everything: bool = False
    """The wildcard was asked for (again): all that it covers is to be answered."""


def fresh(type_url: str) -> Subscription:
    """Return the subscription of a stream that has not asked for this type yet."""
    return Subscription(legacy=type_url in WILDCARD_TYPES)


def turn_delta(before: Subscription, subscribe: Collection[str], unsubscribe: Collection[str]) -> Turn:
    """Apply the two lists of a `DeltaDiscoveryRequest`.

    A name in both lists ends up subscribed: serving too much is the lesser error.
    """
    if not subscribe and not unsubscribe:
        # "The request must have no resources in both resource_names_subscribe and resource_names_unsubscribe"
        # (Incremental xDS, of the legacy wildcard). Later empty requests, as every ACK is, leave it as it is.
        if before.legacy and not before.wildcard:
            return Turn(Subscription(wildcard=True, legacy=True), everything=True)
        return Turn(before)
    wildcard, legacy = before.wildcard, before.legacy
    # "It can simply ignore these phantom unsubscriptions": what was not there is not in `dropped`.
    dropped = before.names.intersection(unsubscribe)
    added = _without_star(subscribe)
    if "*" in unsubscribe:
        # Otherwise the next ACK, which is an empty request, would bring the legacy wildcard back.
        wildcard = legacy = False
    # "The server must send a response that includes the specific resource in either the removed_resources field (if it
    # is not included in the wildcard) or in the resources field (if it *is*)" (Unsubscribing from Resources).
    # Names that are subscribed already are asked for too: "the server *must* still provide those resources in the
    # response; [...] the client may have "forgotten" those resources" (Subscribing to Resources).
    asked = dropped | added if wildcard and dropped else added
    if subscribe:
        legacy = False
        # "Server interprets this as continuing the existing subscription to "*" and adding a new subscription to "A"".
        wildcard = wildcard or "*" in subscribe
    after = Subscription(wildcard, edited(before.names, added, dropped), legacy)
    return Turn(after, asked, everything="*" in subscribe)


def turn_sotw(before: Subscription, names: Collection[str]) -> Turn:
    """Apply the full list of a state-of-the-world `DiscoveryRequest`."""
    if not names and before.legacy:
        return Turn(Subscription(wildcard=True, legacy=True), everything=not before.wildcard)
    wildcard = "*" in names
    wanted = _without_star(names)
    # "When the client sends a new request that changes the set of resources being requested, the server must resend
    # any newly requested resources, even if it previously sent those resources without having been asked for them".
    # An emptied list comes here too: "the client is no longer interested in any resources of the specified type".
    after = Subscription(wildcard, wanted, legacy=before.legacy and not names)
    asked = wanted - before.names if before.names else wanted
    return Turn(after, asked, everything=wildcard and not before.wildcard)


def _without_star(names: Collection[str]) -> Names:
    return shared(name for name in names if name != "*") if "*" in names else shared(names)
