"""What an Envoy holds of the authority, and whether it must be renewed: decided from what it holds, and from the time.

It is decided from the content and from nothing that is written beside it, so whoever looks, this leader or the next
one, finds the same; and what somebody has changed by hand is mended.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization

from xdsserver.authority.certificates import KeyPair, issue_client
from xdsserver.authority.envoy_files import envoy_files, read_envoy_files
from xdsserver.xds.identity import fleet_uri

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from xdsserver.authority.phases import Standing

CLIENT_LIFE: Final = timedelta(days=30)
"""Where certificates are renewed by themselves they are short: nobody can take one back."""


def renewed_files(files: Mapping[str, bytes], fleet: str, standing: Standing, now: datetime) -> dict[str, str] | None:
    """Return the files that an Envoy of the fleet should have instead of these; None where these are good.

    A certificate is good for the first half of its life, so that a month in which nobody could renew it, and no less,
    shuts an Envoy out.

    Raises:
        ValueError: `fleet` is not the name of a fleet.
        AuthorityError: the signer's key or certificate cannot be read.
    """
    held = read_envoy_files(files)
    if held is not None and held[1] == standing.bundle and _is_good(held[0], fleet, standing, now):
        return None
    return envoy_files(issue_client(standing.signer, fleet, CLIENT_LIFE, now), standing.bundle)


def _is_good(held: KeyPair, fleet: str, standing: Standing, now: datetime) -> bool:
    try:
        certificate = x509.load_pem_x509_certificate(held.certificate)
        key = serialization.load_pem_private_key(held.key, password=None)
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, TypeError, x509.ExtensionNotFound):
        return False
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    return (
        uris == [fleet_uri(fleet)]
        and key.public_key() == certificate.public_key()
        and now < certificate.not_valid_after_utc - CLIENT_LIFE / 2
        and any(_is_issued_by(certificate, one) for one in standing.trusted)
    )


def _is_issued_by(certificate: x509.Certificate, authority: bytes) -> bool:
    try:
        certificate.verify_directly_issued_by(KeyPair(authority, b"").parsed)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True
