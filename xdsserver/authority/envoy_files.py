"""A folder that an Envoy reads its certificate from, and reads again whenever something in it is replaced.

Two files in the form of SDS, with everything in them: the folder may be copied or mounted anywhere, and each file is
replaced as a whole, so that a certificate is never seen with the key of another.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from xdsserver.authority.errors import AuthorityError

if TYPE_CHECKING:
    from xdsserver.authority.certificates import KeyPair

CERTIFICATE_FILE: Final = "certificate.json"
CERTIFICATE_NAME: Final = "xds_certificate"
AUTHORITIES_FILE: Final = "authorities.json"
AUTHORITIES_NAME: Final = "xds_authorities"
"""What the SDS resources are called that the files hold."""

_TYPE: Final = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"


def write_envoy_files(folder: Path, certificate: KeyPair, authorities: bytes) -> None:
    """Write what an Envoy proves itself with and whom it trusts (PEM); both files are for the owner alone.

    Raises:
        AuthorityError: the folder cannot be written to.
    """
    shown = {"certificate_chain": _inline(certificate.certificate), "private_key": _inline(certificate.key)}
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Trust first: a server may show a certificate of a new authority as soon as we could show one.
        _replace(
            folder / AUTHORITIES_FILE, AUTHORITIES_NAME, {"validation_context": {"trusted_ca": _inline(authorities)}}
        )
        _replace(folder / CERTIFICATE_FILE, CERTIFICATE_NAME, {"tls_certificate": shown})
    except OSError as error:
        message = f"the certificate cannot be written to {folder} ({error.strerror}): name a folder that can be written"
        raise AuthorityError(message) from error


def _inline(pem: bytes) -> dict[str, str]:
    return {"inline_string": pem.decode("ascii")}


def _replace(file: Path, name: str, secret: dict[str, Any]) -> None:
    text = json.dumps({"resources": [{"@type": _TYPE, "name": name, **secret}]}, indent=2)
    number, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(number, "w", encoding="ascii") as out:
            out.write(f"{text}\n")
            out.flush()
            os.fsync(out.fileno())
        Path(temporary).replace(file)
    finally:
        Path(temporary).unlink(missing_ok=True)
