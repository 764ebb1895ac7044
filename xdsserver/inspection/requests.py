"""A request as somebody thinks of sending it, and as the rules of routes get to see it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from xdsserver.objects.meta import Name

Scheme = Literal["http", "https"]
HttpVersion = Literal["1.0", "1.1", "2"]

WELL_KNOWN_PORTS: Final[dict[str, int]] = {"http": 80, "https": 443}
"""The port of a URL that names none."""


class RequestError(ValueError):
    """What was asked about is no request; the text says what it should look like."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request of a client, byte by byte as it is sent.

    `port` is that of the listener, as its user wrote it, or the one that is really open for it. `host` is the Host
    header (`:authority`) with its port if it has one, None for a client that sends none. `target` is path and query.
    `sni` is what the client names in its TLS handshake, empty for nothing. `gateway` and `address` say which Gateway is
    meant where several have the port.
    """

    scheme: Scheme
    port: int
    host: str | None
    target: str = "/"
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    sni: str = ""
    version: HttpVersion = "1.1"
    gateway: Name | None = None
    address: str = ""


@dataclass(frozen=True, slots=True)
class Arrived:
    """A request as routes are chosen for it: cleaned by the edge, names of headers in lower case.

    `target` is path and query; `host` is without port. A header that was sent several times has several values.
    """

    scheme: Scheme
    method: str
    authority: str
    host: str
    target: str
    headers: dict[str, tuple[str, ...]] = field(hash=False)

    @property
    def path(self) -> str:
        """The path without query."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """The query, empty where there is none."""
        return self.target.partition("?")[2]

    @property
    def is_grpc(self) -> bool:
        """Whether it is a call of gRPC, as Envoy tells them: `application/grpc-web` is none."""
        return is_call(self.headers.get("content-type", ("",))[0])

    def values(self, name: str) -> tuple[str, ...]:
        """Give the values of a header, or of what Envoy keeps like one."""
        match name.lower():
            case ":method":
                return (self.method,)
            case ":path":
                return (self.target,)
            case ":scheme":
                return (self.scheme,)
            case ":authority" | "host":
                return (self.authority,)
            case other:
                return self.headers.get(other, ())


@dataclass(frozen=True, slots=True)
class Sent:
    """How a request is sent, besides its URL; `port` and `sni` are those of the URL where they are not given."""

    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    port: int | None = None
    sni: str | None = None
    version: HttpVersion = "1.1"


def request_of(url: str, sent: Sent, gateway: Name | None = None) -> Request:
    """Understand a URL as `curl --path-as-is` does: what is in its path is sent as it is written.

    A Host among the headers is sent instead of that of the URL.

    Raises:
        RequestError: it is no URL of HTTP.
    """
    scheme, separator, rest = url.partition("://")
    if not separator:
        scheme, rest = "http", url
    if scheme not in WELL_KNOWN_PORTS:
        message = f"{scheme}:// is not supported; write a URL such as http://shop.example.com/cart"
        raise RequestError(message)
    rest = rest.partition("#")[0]
    end = next((at for at, letter in enumerate(rest) if letter in "/?"), len(rest))
    authority, target = rest[:end].rpartition("@")[2], rest[end:]
    name, named_port = _split(authority)
    if not name:
        message = f"{url!r} names no host; write a URL such as http://shop.example.com/cart"
        raise RequestError(message)
    said = next((value for key, value in sent.headers if key.lower() == "host"), None)
    secure = scheme == "https"
    return Request(
        scheme="https" if secure else "http",
        port=sent.port or named_port or WELL_KNOWN_PORTS[scheme],
        host=authority if said is None else said,
        target=target if target.startswith("/") else f"/{target}",
        method=sent.method,
        headers=tuple(one for one in sent.headers if one[0].lower() != "host"),
        sni=(name if sent.sni is None else sent.sni).lower() if secure else "",
        version=sent.version,
        gateway=gateway,
    )


def is_call(content_type: str) -> bool:
    """Whether a request of this type is a call of gRPC."""
    return content_type == "application/grpc" or content_type.startswith("application/grpc+")


def without_port(authority: str) -> str:
    """Give a host without its port, as Envoy looks for its virtual host."""
    name, _, port = authority.rpartition(":")
    return name if name and port.isdecimal() and (not name.count(":") or name.endswith("]")) else authority


def _split(authority: str) -> tuple[str, int | None]:
    name = without_port(authority)
    port = authority[len(name) + 1 :]
    return name, int(port) if port.isascii() and port.isdecimal() and len(port) <= len("65535") else None
