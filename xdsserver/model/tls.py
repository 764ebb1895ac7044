"""TLS towards clients: what a listener shows them, and what it asks of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xdsserver.objects.meta import Name


@dataclass(frozen=True, slots=True)
class Termination:
    """TLS that ends at a listener: the Secrets of its certificates, in the order of its certificateRefs."""

    certificates: tuple[Name, ...]
