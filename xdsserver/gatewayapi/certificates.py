"""Certificates as users write them: told from what Envoy would refuse, which would cost it the whole cluster."""

from __future__ import annotations

import ssl


def are_certificates(pem: str) -> bool:
    """Whether a text holds certificates in PEM, one at least, all of them readable."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=pem)
    except (ssl.SSLError, ValueError):
        return False
    return True
