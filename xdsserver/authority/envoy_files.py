"""The files that an Envoy reads its certificate from, and reads again whenever something in their folder is replaced.

Two files in the form of SDS, with everything in them: the folder may be copied or mounted anywhere (that of a Secret
too), and each file is replaced as a whole, so that a certificate is never seen with the key of another.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from xdsserver.authority.certificates import KeyPair
from xdsserver.authority.errors import AuthorityError

if TYPE_CHECKING:
    from collections.abc import Mapping

CERTIFICATE_FILE: Final = "certificate.json"
CERTIFICATE_NAME: Final = "xds_certificate"
AUTHORITIES_FILE: Final = "authorities.json"
AUTHORITIES_NAME: Final = "xds_authorities"
"""What the SDS resources are called that the files hold."""

_TYPE: Final = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"


def envoy_files(certificate: KeyPair, authorities: bytes) -> dict[str, str]:
    """Return the files by name: what an Envoy proves itself with, and whom it trusts (PEM)."""
    shown = {"certificate_chain": _inline(certificate.certificate), "private_key": _inline(certificate.key)}
    trusted = {"validation_context": {"trusted_ca": _inline(authorities)}}
    return {
        # Trust first: a server may show a certificate of a new authority as soon as we could show one.
        AUTHORITIES_FILE: _text(AUTHORITIES_NAME, trusted),
        CERTIFICATE_FILE: _text(CERTIFICATE_NAME, {"tls_certificate": shown}),
    }


def read_envoy_files(files: Mapping[str, bytes]) -> tuple[KeyPair, bytes] | None:
    """Return the certificate and the authorities that files of this form hold; None where they are of another one."""
    try:
        shown, trusted = (json.loads(files[file])["resources"][0] for file in (CERTIFICATE_FILE, AUTHORITIES_FILE))
        pair = shown["tls_certificate"]
        certificate, key, authorities = (
            one["inline_string"].encode("ascii")
            for one in (
                pair["certificate_chain"],
                pair["private_key"],
                trusted["validation_context"]["trusted_ca"],
            )
        )
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        return None
    return KeyPair(certificate, key), authorities


def write_envoy_files(folder: Path, certificate: KeyPair, authorities: bytes) -> None:
    """Write what an Envoy proves itself with and whom it trusts (PEM); both files are for the owner alone.

    Raises:
        AuthorityError: the folder cannot be written to.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, text in envoy_files(certificate, authorities).items():
            _replace(folder / name, text)
    except OSError as error:
        message = f"the certificate cannot be written to {folder} ({error.strerror}): name a folder that can be written"
        raise AuthorityError(message) from error


def _inline(pem: bytes) -> dict[str, str]:
    return {"inline_string": pem.decode("ascii")}


def _text(name: str, secret: dict[str, Any]) -> str:
    return json.dumps({"resources": [{"@type": _TYPE, "name": name, **secret}]}, indent=2) + "\n"


def _replace(file: Path, text: str) -> None:
    number, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(number, "w", encoding="ascii") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        Path(temporary).replace(file)
    finally:
        Path(temporary).unlink(missing_ok=True)
