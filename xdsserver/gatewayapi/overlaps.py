"""Listeners of one port that a client may take for each other (ListenerConditionOverlappingTLSConfig).

A client uses a connection for every name that the certificate on it is good for (RFC 9113, 9.1.1). Where that is the
name of another listener it is told so by 421, so HTTP/2 stays on and the condition tells of it and no more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from xdsserver.gatewayapi.conditions import Condition, Status
from xdsserver.gatewayapi.hostnames import ANY

if TYPE_CHECKING:
    from xdsserver.model.places import ListenerKey

_REMEDY = "a request that comes on the connection of the other one is answered with 421 (Misdirected Request)"


@dataclass(frozen=True, slots=True)
class Overlap:
    """What a listener has in common with another of its port: names that they are for, or that they show."""

    reason: Literal["OverlappingHostnames", "OverlappingCertificates"]
    message: str


def same_names(own: str, other: str) -> Overlap:
    """Tell of a hostname that covers another, or is covered by it."""
    mine, theirs = (one if one != ANY else "of any name" for one in (own, other))
    return Overlap("OverlappingHostnames", f"its hostname {mine} overlaps with {theirs} of the same port; {_REMEDY}")


def same_certificates(name: str, other: ListenerKey) -> Overlap:
    """Tell of a certificate that is good for what another listener's is good for."""
    words = f"its certificate is good for {name}, and that of {other} is so too"
    return Overlap("OverlappingCertificates", f"{words}; {_REMEDY}")


def wildcard_over(name: str) -> str | None:
    """Give the one wildcard of certificates that is good for a name: for its first label (RFC 9525, 6.3)."""
    first, dot, rest = name.partition(".")
    return f"*.{rest}" if dot and first != "*" else None


def overlap_condition(overlap: Overlap | None, generation: int) -> tuple[Condition, ...]:
    """Say that there is one, and nothing where there is none."""
    if overlap is None:
        return ()
    return (Condition("OverlappingTLSConfig", Status.TRUE, overlap.reason, overlap.message, generation),)
