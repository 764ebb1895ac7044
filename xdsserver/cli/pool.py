"""A pool of addresses, as an option of the command line has it."""

from typing import Annotated

import typer

from xdsserver.model.addresses import AddressError, addresses
from xdsserver.reconciler import LOOPBACK
from xdsserver.settings import SettingsError

Addresses = Annotated[
    str,
    typer.Option(
        metavar="LIST",
        help="Addresses that Gateways get, one each: A, A-B or NETWORK/BITS, separated by commas.",
        envvar="XDSSERVER_ADDRESSES",
    ),
]

LOOPBACK_RANGE = f"{LOOPBACK[0]}-{LOOPBACK[-1]}"
"""The addresses that every machine has to itself."""


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
