"""Clients of TLS listeners: what they offer and show, and how exactly a handshake ends where it fails."""

from __future__ import annotations

import asyncio
import socket
import ssl
import tempfile
import warnings
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509

if TYPE_CHECKING:
    from tests.certificates import Certificate

NO_SNI = "127.0.0.1"
"""A name that is an address is not sent (RFC 6066, section 3)."""


@dataclass(frozen=True)
class Tls:
    """What a client offers: the name that it asks for, protocols inside, the certificate that it shows, versions.

    It believes every server; which certificate it was shown is for tests to say.
    """

    sni: str
    alpn: tuple[str, ...] = ("http/1.1",)
    shows: Certificate | None = field(default=None, compare=False)
    at_least: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2
    at_most: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3

    @cached_property
    def context(self) -> ssl.SSLContext:
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
        made.set_alpn_protocols(self.alpn)
        with warnings.catch_warnings():
            # Offering what nobody should offer any more is what some tests are about.
            warnings.simplefilter("ignore", DeprecationWarning)
            made.minimum_version, made.maximum_version = self.at_least, self.at_most
        if self.at_least < ssl.TLSVersion.TLSv1_2:
            made.set_ciphers("ALL:@SECLEVEL=0")
        if self.shows is not None:
            with tempfile.NamedTemporaryFile() as file:
                Path(file.name).write_bytes(self.shows.pem + self.shows.key_pem)
                made.load_cert_chain(file.name)
        return made


@dataclass(frozen=True, slots=True)
class Handshake:
    """What a client met: the certificate that it was shown in PEM, and which protocol and version was agreed on."""

    certificate: x509.Certificate
    protocol: str | None
    version: str | None


async def handshake(port: int, tls: Tls, *, within_s: float = 30.0) -> Handshake:
    """Connect and say goodbye."""
    async with asyncio.timeout(within_s):
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls.context, server_hostname=tls.sni)
    agreed: ssl.SSLObject = writer.get_extra_info("ssl_object")
    shown = agreed.getpeercert(binary_form=True)
    assert shown is not None
    found = Handshake(x509.load_der_x509_certificate(shown), agreed.selected_alpn_protocol(), agreed.version())
    writer.transport.abort()
    return found


def resume(port: int, tls: Tls, session: ssl.SSLSession | None = None) -> tuple[ssl.SSLSession | None, bool]:
    """Connect, with a session of before where it is given; give the session, and whether it was taken up again.

    Raises:
        ssl.SSLError: the handshake failed.
    """
    with (
        socket.create_connection(("127.0.0.1", port), timeout=5) as plain,
        tls.context.wrap_socket(plain, server_hostname=tls.sni, session=session) as secure,
    ):
        return secure.session, bool(secure.session_reused)


async def failure(port: int, tls: Tls, *, within_s: float = 5.0) -> str:
    """Connect, and say how that ends: an alert by its name, `reset` or `closed` without one; `open` where it does not.

    With TLS 1.3 a client is done before its certificate was looked at, and hears of it when it reads. Nothing is sent:
    what a server has not read when it closes would cost its alert.
    """
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(within_s):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls.context, server_hostname=tls.sni)
            await reader.read(1)
    except TimeoutError:
        return "open"
    except ssl.SSLEOFError:
        return "closed"
    except ssl.SSLError as error:
        return error.reason or repr(error)
    except ConnectionError:
        return "reset"
    finally:
        if writer is not None:
            writer.transport.abort()
    return "closed"
