"""Where this machine keeps the certificates of the authorities that it trusts: Envoy takes them from a file."""

from __future__ import annotations

import os
from pathlib import Path

_USUAL = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Alpine, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora, RHEL
    "/etc/ssl/ca-bundle.pem",  # SUSE
    "/etc/ssl/cert.pem",  # BSD, macOS
)


def system_authorities() -> str | None:
    """Find the file: the one that programs are told of by SSL_CERT_FILE, or a usual one; None where there is none."""
    told = os.environ.get("SSL_CERT_FILE", "")
    return next((path for path in (told, *_USUAL) if path and Path(path).is_file()), None)
