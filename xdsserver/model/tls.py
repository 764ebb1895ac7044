"""TLS towards clients: what a listener shows them, and what it asks of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from xdsserver.objects.meta import Name


class Frontend(NamedTuple):
    """HTTPS listeners of a Gateway that ask the same of clients: those of a port, or without one all others."""

    gateway: Name
    port: int | None = None


@dataclass(frozen=True, slots=True)
class ClientCertificates:
    """What is asked of clients: a certificate signed by one of the authorities that this frontend has.

    Without `required` those get in too that show none, or one of somebody else.
    """

    frontend: Frontend
    required: bool


@dataclass(frozen=True, slots=True)
class Termination:
    """TLS that ends at a listener: the Secrets of its certificates, in the order of its certificateRefs.

    `clients` is what it asks of clients, None for nothing.
    """

    certificates: tuple[Name, ...]
    clients: ClientCertificates | None = None
