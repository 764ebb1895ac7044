"""`spec.gateway` of a Tenant: the listeners through which clients of its S3 API and of its console come."""

from typing import Annotated

from xdsserver.objects.httproute import ParentReference
from xdsserver.objects.meta import GATEWAY_GROUP, Part
from xdsserver.objects.structural import about

_HOSTNAME = r"^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
_HOSTNAMES = about(
    "Hostnames, of which the first is the one that status names; without any, those of the listeners.",
    maxItems=16,
    **{"x-kubernetes-list-type": "set"},
)
_EXACT = about("A hostname, without a wildcard.", minLength=1, maxLength=253, pattern=_HOSTNAME.replace(r"(\*\.)?", ""))


class TenantParent(Part):
    """A Gateway (or a ListenerSet), and which of its listeners."""

    name: Annotated[str, about("Its name.", minLength=1, maxLength=253)]
    namespace: Annotated[str | None, about("Its namespace; without, that of the Tenant.", maxLength=63)] = None
    section_name: Annotated[
        str | None, about("One of its listeners; without, all that may be used.", minLength=1, maxLength=253)
    ] = None
    port: Annotated[int | None, about("Only listeners of this port.", minimum=1, maximum=65535)] = None
    group: Annotated[str, about("Its API group.", maxLength=253)] = GATEWAY_GROUP
    kind: Annotated[str, about("Its kind.", minLength=1, maxLength=63)] = "Gateway"

    def reference(self) -> ParentReference:
        """Give it as routes name their parents."""
        return ParentReference(
            name=self.name,
            group=self.group,
            kind=self.kind,
            namespace=self.namespace,
            section_name=self.section_name,
            port=self.port,
        )


class TenantApi(Part):
    """The S3 API, on listeners that their Gateway's owner marked for it."""

    hostnames: Annotated[
        tuple[Annotated[str, _EXACT], ...],
        _HOSTNAMES,
    ] = ()
    port: Annotated[
        int | None, about("Only listeners of this port serve the S3 API; without, all.", minimum=1, maximum=65535)
    ] = None


class TenantConsole(Part):
    """The web console of RustFS."""

    hostnames: Annotated[tuple[Annotated[str, _EXACT], ...], _HOSTNAMES] = ()


class TenantGateway(Part):
    """How the S3 API and the console are reached from outside."""

    parent_refs: Annotated[
        tuple[TenantParent, ...], about("The Gateways, in the order of their worth.", minItems=1, maxItems=8)
    ]
    api: Annotated[
        TenantApi,
        about("The S3 API. Buckets are reached by path, and as BUCKET.HOSTNAME where a listener takes that name."),
    ] = TenantApi()
    console: Annotated[
        TenantConsole | None, about("The web console; without, it is not reached through a Gateway.")
    ] = None
