"""What the controller may do at the API server: one table, of which manifests and documentation are made.

Nothing may be done that is not in it, and nothing is in it that the code does not do: no wildcards, and of what users
write nothing but statuses. Objects of ours among those of others are known by an annotation, which no role can ask for.
The data plane has no row, since an Envoy talks to us and never to the API server.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final, NamedTuple

from xdsserver.objects.kinds import BY_NAME, KINDS, OWNED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

NAMESPACE: Final = "xdsserver-system"
NAME: Final = "xdsserver"
"""Of the ServiceAccount, the roles, the GatewayClass and the Lease."""
AUTHORITY: Final = "xdsserver-authority"
"""The Secret with the key that signs certificates for xDS."""
DEFAULT_CERTIFICATE: Final = "fleet-default-certificate"
"""The Secret of the fleet that needs no EnvoyFleet."""

_READ: Final = ("get", "list", "watch")


class Scope(Enum):
    """Where a permission holds."""

    CLUSTER = "the cluster"
    """Objects without a namespace."""
    WATCHED = "watched namespaces"
    """All of them, unless some are named."""
    NAMED = "the watched namespaces themselves"
    """All of them, unless some are named: then these objects and no other."""
    OWN = "our own namespace"


@dataclass(frozen=True, slots=True)
class Permission:
    """One line of the table; `name` narrows it to one object, "" is all of the resource."""

    group: str
    resource: str
    verbs: tuple[str, ...]
    scope: Scope
    why: str
    name: str = ""


_WHY_READ: Final = {
    "Secret": "certificates and keys that listeners and policies name",
    "ConfigMap": "authorities that listeners and policies name",
    "ClusterTrustBundle": "authorities that listeners and policies name",
    "Namespace": "labels by which listeners choose namespaces of routes",
    "Service": "backends: ports and protocols",
    "EndpointSlice": "backends: addresses and whether they are ready",
    "ServiceCIDR": "addresses of the cluster: which ones a Gateway may ask for",
    "ServiceImport": "backends: ports and protocols",
    "ReferenceGrant": "what may be named across namespaces",
}

_WRITTEN: Final = (
    "GatewayClass",
    "Gateway",
    "ListenerSet",
    "HTTPRoute",
    "GRPCRoute",
    "TLSRoute",
    "TCPRoute",
    "UDPRoute",
    "BackendTLSPolicy",
    "XBackend",
    "XTelemetryPolicy",
    "Tenant",
    "EnvoyFleet",
)
"""Kinds whose status we write. The objects themselves are their users' alone."""


def _table() -> Iterator[Permission]:
    for kind in KINDS:
        scope = Scope.WATCHED if kind.namespaced else Scope.NAMED if kind.name == "Namespace" else Scope.CLUSTER
        yield Permission(kind.group, kind.plural, _READ, scope, _WHY_READ.get(kind.name, "what users ask for"))
    for name in _WRITTEN:
        kind = BY_NAME[name]
        scope = Scope.WATCHED if kind.namespaced else Scope.CLUSTER
        yield Permission(kind.group, f"{kind.plural}/status", ("patch",), scope, "what was decided")
    found = "what leads pods of the cluster to a Gateway"
    for name in ("Service", "EndpointSlice"):
        kind = BY_NAME[name]
        yield Permission(kind.group, kind.plural, ("create", "patch", "delete"), Scope.WATCHED, found)
    for kind in OWNED:
        verbs = (*_READ, "create", "patch", "delete")
        yield Permission(kind.group, kind.plural, verbs, Scope.WATCHED, "what runs the Envoys of an EnvoyFleet")
    config = "what the Envoys of an EnvoyFleet start with"
    yield Permission("", "configmaps", ("create", "patch", "delete"), Scope.WATCHED, config)
    nodes = "addresses of Gateways that are reached by those of nodes"
    yield Permission("", "nodes", _READ, Scope.CLUSTER, nodes)
    crds = "which of the kinds above are installed, and when one is added"
    yield Permission("apiextensions.k8s.io", "customresourcedefinitions", _READ, Scope.CLUSTER, crds)
    yield Permission("events.k8s.io", "events", ("create", "patch"), Scope.WATCHED, "what happened, and how often")
    leases = ("coordination.k8s.io", "leases")
    # A request that creates has no name yet, so this verb cannot be narrowed to one.
    yield Permission(*leases, ("create",), Scope.OWN, "one replica writes: its Lease is made once")
    yield Permission(*leases, ("get", "patch"), Scope.OWN, "one replica writes: its Lease is renewed", NAME)
    secrets = ("", "secrets")
    yield Permission(*secrets, ("create",), Scope.OWN, "the key that signs certificates for xDS is made once")
    yield Permission(*secrets, ("get", "patch"), Scope.OWN, "that key is read, and gets a successor", AUTHORITY)
    yield Permission(
        *secrets, ("get", "patch"), Scope.OWN, "what Envoys of the default fleet show", DEFAULT_CERTIFICATE
    )
    # Not narrowed by name: that of a fleet follows from the Gateway or EnvoyFleet that it belongs to.
    yield Permission(*secrets, ("create", "patch"), Scope.WATCHED, "what Envoys of a fleet prove themselves with")
    pods = ("", "pods")
    yield Permission(*pods, _READ, Scope.WATCHED, "whether an Envoy that connects is a pod of its fleet, and where")
    yield Permission(*pods, _READ, Scope.OWN, "which replicas there are, and where the leader is")
    reviews = ("authentication.k8s.io", "tokenreviews")
    yield Permission(*reviews, ("create",), Scope.CLUSTER, "whose a token is, that an xDS client shows")


PERMISSIONS: Final[tuple[Permission, ...]] = tuple(_table())


@dataclass(frozen=True, slots=True)
class Account:
    """A ServiceAccount, whose roles are called as it is, and what it may do."""

    name: str
    permissions: tuple[Permission, ...]


SERVERS: Final = Account(NAME, PERMISSIONS)
"""The account of whoever serves Envoys."""


def manifest(namespaces: Iterable[str] = (), account: Account = SERVERS) -> str:
    """Render a ServiceAccount, its roles and their bindings as YAML, for these namespaces or for all.

    What has a namespace is then allowed by a Role in each, so that Secrets of other namespaces cannot be read at all.
    """
    watched = sorted(set(namespaces))
    wide = {Scope.CLUSTER, Scope.NAMED} if watched else {Scope.CLUSTER, Scope.NAMED, Scope.WATCHED}
    cluster = [one for one in account.permissions if one.scope in wide]
    own = [one for one in account.permissions if one.scope is Scope.OWN]
    documents = [
        f"apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: {account.name}\n  namespace: {NAMESPACE}\n",
        *_role(_Place("ClusterRole", account.name), account, cluster, watched),
    ]
    inside = [one for one in account.permissions if one.scope is Scope.WATCHED]
    for namespace in watched:
        documents += _role(_Place("Role", account.name, namespace), account, inside)
    # A name of its own, since our own namespace may be watched too.
    documents += _role(_Place("Role", f"{account.name}-leader", NAMESPACE), account, own)
    return "---\n".join(documents)


class _Place(NamedTuple):
    """What a role is and is called, and where; "" for the whole cluster."""

    kind: str
    name: str
    namespace: str = ""


def _role(
    place: _Place, account: Account, permissions: Iterable[Permission], named: Sequence[str] = ()
) -> tuple[str, str]:
    """Render a role, and its binding to the ServiceAccount; `named` are namespaces, where not all are watched."""
    head = f"apiVersion: rbac.authorization.k8s.io/v1\nkind: {{kind}}\nmetadata:\n  name: {place.name}\n"
    if place.namespace:
        head += f"  namespace: {place.namespace}\n"
    rules = "".join(_rule(one, named if one.scope is Scope.NAMED else ()) for one in permissions)
    role = f"{head.format(kind=place.kind)}rules:\n{rules}"
    binding = (
        f"{head.format(kind=f'{place.kind}Binding')}roleRef:\n  apiGroup: rbac.authorization.k8s.io\n"
        f"  kind: {place.kind}\n  name: {place.name}\nsubjects:\n- kind: ServiceAccount\n  name: {account.name}\n"
        f"  namespace: {NAMESPACE}\n"
    )
    return role, binding


def _rule(one: Permission, names: Sequence[str]) -> str:
    only = [one.name] if one.name else names
    lines = [
        f"# {one.why}",
        f'- apiGroups: ["{one.group}"]',
        f"  resources: [{one.resource}]",
        *([f"  resourceNames: [{', '.join(only)}]"] if only else []),
        f"  verbs: [{', '.join(one.verbs)}]",
    ]
    return "".join(f"{line}\n" for line in lines)
