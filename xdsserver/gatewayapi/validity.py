"""When certificates are good: asked by whoever has a clock, since no row has one.

A certificate that is expired or not valid yet is served all the same: clients refuse it in words that its owner
understands, where a closed port would say nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from xdsserver.model.certificates import ServerCertificate


def doubt(certificate: ServerCertificate, now: datetime) -> str:
    """Say what is wrong with the time of a certificate at `now` (aware); nothing while it is good."""
    if now < certificate.valid_from:
        return f"the certificate is not valid before {certificate.valid_from:%Y-%m-%d %H:%M} UTC; it is served"
    if now > certificate.valid_until:
        return f"the certificate expired on {certificate.valid_until:%Y-%m-%d %H:%M} UTC; it is served; replace it"
    return ""


def next_turn(certificate: ServerCertificate, now: datetime) -> datetime | None:
    """Say when `doubt` must be asked again; None when it will not change any more."""
    return next((one for one in (certificate.valid_from, certificate.valid_until) if one >= now), None)
