"""Which resources of one type a stream wants, as a plain value, with the odd cases of the protocol.

Quotations are from https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol, whose section is named at each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from xdsserver.xds.resource import WILDCARD_TYPES

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

_NONE: Final[frozenset[str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Subscription:
    """The names that a stream asked for, and whether it asked for everything besides.

    `legacy` says that an empty request still means everything. "Once the client does explicitly subscribe to a
    resource name (whether it be "*" or any other name), then this legacy semantic is no longer available" (How the
    client specifies what resources to return).
    """

    wildcard: bool = False
    names: frozenset[str] = _NONE
    legacy: bool = False

    def covers(self, name: str) -> bool:
        """Say whether changes of this name concern the stream."""
        return self.wildcard or name in self.names

    def covered(self, names: Iterable[str]) -> Iterable[str]:
        """Keep the names that concern the stream."""
        return names if self.wildcard else self.names.intersection(names)


@dataclass(frozen=True, slots=True)
class Turn:
    """How one request changes a subscription, and which names it obliges the server to answer, changed or not."""

    after: Subscription
    asked: frozenset[str] = _NONE
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
    wildcard, legacy, names = before.wildcard, before.legacy, set(before.names)
    dropped = names.intersection(unsubscribe)
    names -= dropped  # "It can simply ignore these phantom unsubscriptions": what was not there is not in `dropped`.
    if "*" in unsubscribe:
        # Otherwise the next ACK, which is an empty request, would bring the legacy wildcard back.
        wildcard = legacy = False
    # "The server must send a response that includes the specific resource in either the removed_resources field (if it
    # is not included in the wildcard) or in the resources field (if it *is*)" (Unsubscribing from Resources).
    asked = dropped if wildcard else set()
    if subscribe:
        legacy = False
        # Names that are subscribed already are asked for too: "the server *must* still provide those resources in the
        # response; [...] the client may have "forgotten" those resources" (Subscribing to Resources).
        asked.update(subscribe)
        asked.discard("*")
        names |= asked.intersection(subscribe)
        # "Server interprets this as continuing the existing subscription to "*" and adding a new subscription to "A"".
        wildcard = wildcard or "*" in subscribe
    return Turn(Subscription(wildcard, frozenset(names), legacy), frozenset(asked), everything="*" in subscribe)


def turn_sotw(before: Subscription, names: Collection[str]) -> Turn:
    """Apply the full list of a state-of-the-world `DiscoveryRequest`."""
    if not names and before.legacy:
        return Turn(Subscription(wildcard=True, legacy=True), everything=not before.wildcard)
    wildcard = "*" in names
    wanted = frozenset(names) - {"*"}
    # "When the client sends a new request that changes the set of resources being requested, the server must resend
    # any newly requested resources, even if it previously sent those resources without having been asked for them".
    # An emptied list comes here too: "the client is no longer interested in any resources of the specified type".
    after = Subscription(wildcard, wanted, legacy=before.legacy and not names)
    return Turn(after, wanted - before.names, everything=wildcard and not before.wildcard)
