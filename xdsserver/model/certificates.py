"""Certificates that were read and found good: what a listener shows, and whom it believes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from xdsserver.objects.secret import SecretBytes


@dataclass(frozen=True, slots=True)
class ServerCertificate:
    """A certificate with its chain and its key, both in PEM and with nothing else in them; Envoy takes it.

    It may not be valid yet or any more, since Envoy takes that too: `valid_from` and `valid_until` (UTC) are for
    whoever has a clock. `hostnames` are the DNS names that it is for, in lower case and sorted, `*.example.com` among
    them. `fingerprint` is the SHA-256 of the certificate in 64 hex digits.
    """

    chain: str
    key: SecretBytes
    valid_from: datetime
    valid_until: datetime
    hostnames: tuple[str, ...]
    fingerprint: str


@dataclass(frozen=True, slots=True)
class TrustBundle:
    """Certificates of authorities, each in PEM, each once, in the order in which they were written."""

    certificates: tuple[str, ...]

    @property
    def pem(self) -> str:
        """All of them in one text."""
        return "".join(self.certificates)
