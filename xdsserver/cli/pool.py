"""A pool of addresses, as an option of the command line has it."""

from __future__ import annotations

from xdsserver.model.addresses import AddressError, addresses
from xdsserver.settings import SettingsError


def parse_pool(text: str) -> tuple[str, ...]:
    """Parse addresses separated by commas, each `A`, `A-B` or `NETWORK/BITS` (without network and broadcast address).

    Raises:
        SettingsError: what is no address, none at all, or more than 65,536 of them.
    """
    try:
        found = addresses(filter(None, (part.strip() for part in text.split(","))))
    except AddressError as error:
        message = f"address pool: {error}"
        raise SettingsError(message) from error
    if not found:
        message = "address pool: give at least one address, such as 127.0.0.1"
        raise SettingsError(message)
    return found
