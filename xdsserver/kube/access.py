"""How to reach an API server, and who we are there: in a pod, or by a kubeconfig file.

In a pod everything lies in three files that are replaced while we run. A kubeconfig may name programs and identity
providers: reading it is left to kubernetes_asyncio, which is imported only then, for it takes a second and 77 MB.
"""

from __future__ import annotations

import os
import ssl
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from xdsserver.kube.errors import AccessError

if TYPE_CHECKING:
    from collections.abc import Mapping

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
TOKEN_S = 60.0
"""How old a token may be when it is used: the kubelet replaces it well before its end."""


@dataclass(frozen=True, slots=True)
class Trust:
    """The two sides of TLS, as PEM. Compared by value: what differs needs new connections."""

    authorities: bytes | None = None
    """Who may have signed the API server's certificate; None: whoever this machine trusts."""
    certificate: bytes = field(default=b"", repr=False)
    """Ours, and its key; empty where we have none."""
    key: bytes = field(default=b"", repr=False)
    verify: bool = True

    def context(self) -> ssl.SSLContext:
        """Make the context of connections.

        Raises:
            AccessError: what is here is no PEM, or key and certificate do not belong together.
        """
        try:
            context = ssl.create_default_context(
                cadata=self.authorities.decode("ascii") if self.authorities is not None else None
            )
            # Authorities of clusters are often made without the extensions that Python asks for since 3.13.
            context.verify_flags &= ~ssl.VERIFY_X509_STRICT
            if not self.verify:
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            if self.certificate:
                # The ssl module takes certificates from files only. This one can be read by nobody else.
                with tempfile.NamedTemporaryFile() as pem:
                    pem.write(self.certificate + b"\n" + self.key)
                    pem.flush()
                    context.load_cert_chain(pem.name)
        except (ValueError, ssl.SSLError) as error:
            message = f"certificates for the API server cannot be used: {error}"
            raise AccessError(message) from error
        return context


@dataclass(frozen=True, slots=True)
class Access:
    """Where an API server is and what to show it."""

    server: str
    """`https://10.96.0.1:443`, without a slash at the end."""
    authorization: str = field(default="", repr=False)
    """The header, `Bearer ...`; "" where certificates say who we are."""
    trust: Trust = Trust()
    server_name: str = ""
    """The name that its certificate must carry, where that is not the one in `server`."""
    proxy: str = ""


class Credentials(Protocol):
    """What gives access, again and again."""

    @property
    def lasts_s(self) -> float | None:
        """After so long it is read again; None: when it is refused."""
        ...

    async def read(self) -> Access:
        """Read it as it is now.

        Raises:
            AccessError: it cannot be read; the message says what is missing.
        """
        ...


class InCluster:
    """The service account of the pod that we run in."""

    lasts_s: float | None = TOKEN_S

    def __init__(self, environment: Mapping[str, str] = os.environ, folder: Path = SERVICE_ACCOUNT) -> None:
        self._environment = environment
        self._folder = folder

    async def read(self) -> Access:
        """Read address, token and authorities. The files are in memory, so this does not wait.

        Raises:
            AccessError: this is no pod, or it has no service account.
        """
        host, port = (self._environment.get(f"KUBERNETES_SERVICE_{part}", "") for part in ("HOST", "PORT"))
        if not host or not port:
            message = "this is no pod (KUBERNETES_SERVICE_HOST is not set); give --kubeconfig"
            raise AccessError(message)
        token = self._file("token").decode("ascii", "replace").strip()
        authority = f"[{host}]" if ":" in host else host
        return Access(f"https://{authority}:{port}", f"Bearer {token}", Trust(self._file("ca.crt")))

    def _file(self, name: str) -> bytes:
        path = self._folder / name
        try:
            content = path.read_bytes()
        except OSError as error:
            message = f"{path}: {error.strerror}; does the pod have a service account?"
            raise AccessError(message) from error
        if not content.strip():
            message = f"{path} is empty"
            raise AccessError(message)
        return content


class Kubeconfig:
    """A kubeconfig file, or several with the same separator as in PATH, that are merged."""

    lasts_s: float | None = None

    def __init__(self, files: str, context: str | None = None) -> None:
        self._files = files
        self._context = context

    async def read(self) -> Access:
        """Read the files, and run the program that one of them may name.

        Raises:
            AccessError: they cannot be read or say too little.
        """
        # Takes a second and 77 MB: only where it is needed.
        from kubernetes_asyncio.client import Configuration  # noqa: PLC0415
        from kubernetes_asyncio.config import ConfigException, kube_config, load_kube_config  # noqa: PLC0415

        found = Configuration()
        with tempfile.TemporaryDirectory() as private:
            try:
                await load_kube_config(self._files, self._context, found, persist_config=False, temp_file_path=private)
                return Access(
                    str(found.host).rstrip("/"),
                    found.api_key.get("BearerToken", ""),
                    Trust(
                        _content(found.ssl_ca_cert),
                        _content(found.cert_file) or b"",
                        _content(found.key_file) or b"",
                        bool(found.verify_ssl),
                    ),
                    found.tls_server_name or "",
                    found.proxy or "",
                )
            except (ConfigException, OSError, ValueError, KeyError, TypeError) as error:
                message = f"kubeconfig {self._files}: {error}"
                raise AccessError(message) from error
            finally:
                # It remembers by content which files it made, for as long as the process runs; these are gone now, and
                # whoever reads the same certificate again would be sent to them.
                kube_config._temp_files.clear()  # noqa: SLF001


def _content(path: str | None) -> bytes | None:
    """Read a file that the reader of kubeconfigs has made, or found."""
    return Path(path).read_bytes() if path else None
