"""A door: addresses, what protects connections to them, and how those who come in prove who they are.

Each door is a gRPC server of its own, so what a stream has proven follows from where it came in and is never guessed
from what it carries: a certificate that nobody asked for proves nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import unquote

from xdsserver.server.bind import require_local

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import grpc

    from xdsserver.server.stream import Context, Ending
    from xdsserver.xds.messages import Node, Refused


@dataclass(frozen=True, slots=True)
class Permit:
    """What a stream that came in may have.

    Attributes:
        fleet_of: the fleet that a node gets, or why it gets none.
        expires_in_s: when its proof ends, and the stream with it, in seconds from now; None for never.
    """

    fleet_of: Callable[[Node], str | Refused]
    expires_in_s: float | None = None


Authenticate: TypeAlias = "Callable[[Context], Awaitable[Permit | Ending]]"
"""Says what a new stream may have, or how it ends at once; it raises nothing."""


@dataclass(frozen=True, slots=True)
class Door:
    """One way in. Without `credentials` it is plaintext, and its addresses must be on this machine."""

    addresses: tuple[str, ...]
    authenticate: Authenticate
    credentials: grpc.ServerCredentials | None = None

    def check(self) -> None:
        """Refuse addresses that plaintext must not be served on.

        Raises:
            BindRefusedError: for the first of them.
        """
        if self.credentials is None:
            for address in self.addresses:
                require_local(address)


def local_door(addresses: tuple[str, ...], fleet_of: Callable[[Node], str | Refused]) -> Door:
    """Let in whoever reaches these addresses, which only this machine's users can."""
    permit = Permit(fleet_of)

    async def authenticate(_context: Context) -> Permit:
        return permit

    return Door(addresses, authenticate)


def ip_of(peer: str) -> str | None:
    """Return the IP address in gRPC's name of a peer (`ipv4:1.2.3.4:5`, `ipv6:%5B::1%5D:5`); None for a Unix socket."""
    kind, _, rest = peer.partition(":")
    if kind not in {"ipv4", "ipv6"}:
        return None
    # A link-local address has its interface after a percent sign.
    host = unquote(rest).rpartition(":")[0].strip("[]").partition("%")[0]
    address = ip_address(host)
    # A socket that takes both families names its IPv4 peers so; pods are known by their own addresses.
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)
