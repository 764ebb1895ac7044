"""Where plaintext xDS may be served: loopback and Unix sockets, nothing that another machine can reach.

Whoever reads the stream reads every private key in it, so an address beyond this machine needs transport security.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Final

_UNIX: Final = "unix:"


class ServerError(Exception):
    """Any failure of the xDS server that its operator can mend."""


class BindRefusedError(ServerError):
    """The address is one that plaintext must not be served on, or is no address."""


class BindFailedError(ServerError):
    """The operating system did not give us the address."""


def require_local(address: str) -> None:
    """Accept `unix:PATH`, and `HOST:PORT` whose host is a loopback address or `localhost`.

    Raises:
        BindRefusedError: for everything else, with what would be accepted.
    """
    if address.startswith(_UNIX):
        if address == _UNIX:
            message = "xDS address 'unix:' has no path: write unix:/run/xdsserver/xds.sock"
            raise BindRefusedError(message)
        return
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal():
        message = f"xDS address {address!r} is neither HOST:PORT nor unix:PATH"
        raise BindRefusedError(message)
    if not _is_loopback(host.removeprefix("[").removesuffix("]")):
        message = (
            f"xDS address {address!r} can be reached from other machines, and the stream is plaintext with private keys"
            f" in it: use 127.0.0.1:{port}, [::1]:{port} or unix:PATH"
        )
        raise BindRefusedError(message)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
