"""How clients outside get to a Tenant: the names of its S3 API and of its console, and what RustFS is told of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from xdsserver.tenant.names import CONSOLE_PORT, DOMAIN, S3_PORT, console_service, io_service
from xdsserver.tenant.variables import text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xdsserver.objects.httproute import ParentReference
    from xdsserver.objects.tenant import Tenant
    from xdsserver.tenant.variables import Variable

_WEB: Final = {80, 443}
"""Ports that browsers and S3 clients leave out of Host."""


@dataclass(frozen=True, slots=True)
class Face:
    """A side of a Tenant that clients outside may see.

    Attributes:
        field: of the spec, which messages name.
        service: of the Tenant's namespace, that answers at `port`.
        hostnames: as routes have them, with wildcards; none for whatever listeners are for.
        parents: Gateways and ListenerSets, in the order of the spec.
        signed: clients sign what they send, so that nothing of it may be changed on the way.
    """

    field: str
    service: str
    port: int
    hostnames: tuple[str, ...]
    parents: tuple[ParentReference, ...]
    signed: bool


def api(tenant: Tenant) -> Face | None:
    """Give the S3 API where a Gateway is asked for: each hostname, and `BUCKET.HOSTNAME` by a wildcard below it."""
    asked = tenant.spec.gateway
    if asked is None:
        return None
    references = (one.reference() for one in asked.parent_refs)
    parents = tuple(found for one in references if (found := _at_port(one, asked.api.port)) is not None)
    hostnames = tuple(name for one in asked.api.hostnames for name in (one, f"*.{one}"))
    return Face("spec.gateway.api", io_service(tenant), S3_PORT, hostnames, parents, signed=True)


def console(tenant: Tenant) -> Face | None:
    """Give the console where it is asked for."""
    asked = tenant.spec.gateway
    if asked is None or asked.console is None:
        return None
    parents = tuple(one.reference() for one in asked.parent_refs)
    names = asked.console.hostnames
    return Face("spec.gateway.console", console_service(tenant), CONSOLE_PORT, names, parents, signed=False)


def variables(tenant: Tenant) -> tuple[Variable, ...]:
    """Give what RustFS is told of its names outside; nothing where no hostname is given, since listeners may have any.

    RUSTFS_SERVER_DOMAINS makes it find buckets in front of these names. It takes any other name for that of a bucket
    then, so those inside of the cluster, and of a forwarded port, are among them.
    RUSTFS_BROWSER_REDIRECT_URL is where it sends browsers that come to the S3 API.
    """
    asked = tenant.spec.gateway
    if asked is None:
        return ()
    found = []
    if asked.api.hostnames:
        found.append(text("RUSTFS_SERVER_DOMAINS", ",".join(dict.fromkeys(_domains(tenant)))))
    if asked.console is not None and asked.console.hostnames:
        port = next((one.port for one in asked.parent_refs if one.port is not None), 443)
        scheme, shown = ("http" if port == 80 else "https"), "" if port in _WEB else f":{port}"  # noqa: PLR2004 # HTTP's
        found.append(text("RUSTFS_BROWSER_REDIRECT_URL", f"{scheme}://{asked.console.hostnames[0]}{shown}"))
    return tuple(found)


def _domains(tenant: Tenant) -> Iterator[str]:
    """Give the names by which the S3 API is asked; RustFS adds its own port to each by itself."""
    asked = tenant.spec.gateway
    if asked is None:
        return
    ports = (asked.api.port, *(one.port for one in asked.parent_refs))
    others = [port for port in dict.fromkeys(ports) if port is not None and port not in _WEB]
    for name in asked.api.hostnames:
        yield name
        yield from (f"{name}:{port}" for port in others)
    service, namespace = io_service(tenant), tenant.metadata.namespace
    yield from (f"{service}.{namespace}.svc.{DOMAIN}", f"{service}.{namespace}.svc", f"{service}.{namespace}", service)
    yield "localhost"


def _at_port(reference: ParentReference, port: int | None) -> ParentReference | None:
    """Narrow a reference to listeners of a port; None where it names those of another one."""
    if port is None or reference.port == port:
        return reference
    return msgspec.structs.replace(reference, port=port) if reference.port is None else None
