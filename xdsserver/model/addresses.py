"""Pools of addresses as people write them: single ones, ranges and networks."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_POOL: Final = 65536
"""Addresses of a pool: enough for any fleet, few enough to be held as a list."""


class AddressError(ValueError):
    """What stands where an address, a range or a network should; the message quotes it."""


def addresses(parts: Iterable[str]) -> tuple[str, ...]:
    """Give all addresses, each once, of `A`, `A-B` and `NETWORK/BITS` (without network and broadcast address).

    Raises:
        AddressError: a part is none of these, or they are more than 65,536.
    """
    found: dict[str, None] = {}
    for part in parts:
        try:
            found.update(dict.fromkeys(_addresses(part.strip())))
            _check_size(len(found))
        except ValueError as error:
            message = f"{part!r} is not an address, a range A-B or a network A/BITS ({error})"
            raise AddressError(message) from error
    return tuple(found)


def is_address(text: str) -> bool:
    """Say whether this is an IP address, rather than a hostname."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def is_network(text: str) -> bool:
    """Say whether this is an IP network, `10.96.0.0/16`."""
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return True


def _addresses(part: str) -> list[str]:
    if "/" in part:
        network = ipaddress.ip_network(part, strict=False)
        _check_size(network.num_addresses)
        return [str(address) for address in network.hosts()]
    first_text, _, last_text = part.partition("-")
    first = ipaddress.ip_address(first_text.strip())
    last = ipaddress.ip_address(last_text.strip()) if last_text else first
    if first.version != last.version or int(last) < int(first):
        message = "the range runs backwards"
        raise ValueError(message)
    count = int(last) - int(first) + 1
    _check_size(count)
    return [str(first + offset) for offset in range(count)]


def _check_size(count: int) -> None:
    if count > MAX_POOL:
        message = f"{count} addresses are too many; at most {MAX_POOL}"
        raise ValueError(message)
