"""Tenants as routes: heads and rules beside those of users, and what their status says of the way out.

A Tenant has two sides, its S3 API and its console, each a route of its own in all tables: `Tenant` and `TenantConsole`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from xdsserver.gatewayapi.attachment import RouteHead
from xdsserver.gatewayapi.conditions import Status
from xdsserver.gatewayapi.hostnames import ANY
from xdsserver.gatewayapi.rejections import names
from xdsserver.gatewayapi.routes import route_status
from xdsserver.gatewayapi.rules import ParsedBackend, ParsedFilters, ParsedRule
from xdsserver.gatewayapi.statuses import TenantGatewayStatus
from xdsserver.gatewayapi.tenantroutes import Side, Way, tenant_gateway_status
from xdsserver.model.places import Awaited, ListenerKey
from xdsserver.model.routing import ANY_PATH, RequestMatch
from xdsserver.objects.meta import BackendObjectReference, ObjectKey
from xdsserver.pipeline.gateways import controllers_of
from xdsserver.pipeline.statuses import findings_of
from xdsserver.tenant import endpoint
from xdsserver.translation.layout import route_configuration_name
from xdsserver.translation.listeners import listener_name
from xdsserver.xds.resource import LISTENER, ROUTE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from xdsserver.gatewayapi.statuses import ObjectStatus
    from xdsserver.model.routing import Hosts
    from xdsserver.objects.meta import Name
    from xdsserver.objects.tenant import Tenant
    from xdsserver.pipeline.rows import RuleKey
    from xdsserver.pipeline.story import Pipeline
    from xdsserver.tables import Read
    from xdsserver.tenant.endpoint import Face

API: Final = "Tenant"
CONSOLE: Final = "TenantConsole"


def to_tenant_heads(_read: Read, key: Name, tenant: Tenant) -> Mapping[ObjectKey, RouteHead]:
    """A side attaches where an HTTPRoute may; what is signed only where nothing is cleaned."""
    created = tenant.metadata.creation_timestamp
    return {
        owner: RouteHead(owner, face.hostnames, face.parents, None, created, "HTTPRoute", face.signed)
        for owner, face in _faces(key, tenant)
    }


def to_tenant_rules(_read: Read, key: Name, tenant: Tenant) -> Mapping[RuleKey, ParsedRule]:
    """Give one rule for each side: all requests go to its Service."""
    return {(owner, 0): _rule(owner, tenant, face) for owner, face in _faces(key, tenant)}


def to_tenant_awaited(tables: Pipeline, read: Read, key: Name, tenant: Tenant) -> Mapping[ListenerKey, Awaited]:
    """A Tenant says whether Envoys have it, so they are asked at each generation for the tables that it is in."""
    found = {}
    for owner, _ in _faces(key, tenant):
        for listener in _attached(tables, read, owner):
            serving = read(tables.binds, listener)
            if serving is not None:
                fleet, chain = serving.bind.fleet, route_configuration_name(serving.chain)
                resources = ((fleet, LISTENER, listener_name(serving.bind)), (fleet, ROUTE, chain))
                awaited = Awaited(tenant.metadata.generation, resources, tenant.metadata.uid)
                found[_subject(owner, listener)] = awaited
    return found


def to_tenant_statuses(tables: Pipeline, read: Read, key: Name, tenant: Tenant) -> Mapping[ObjectKey, ObjectStatus]:
    """A Tenant that asks for no Gateway has nothing to say of one; one of Gateways of others is theirs to judge."""
    owner = ObjectKey("Tenant", *key)
    faces = dict(_faces(key, tenant))
    if not faces:
        return {owner: TenantGatewayStatus()}
    sides = {one.kind: _side(tables, read, one, face, tenant) for one, face in faces.items()}
    if not any(side.parents for side in sides.values()):
        return {}
    return {owner: tenant_gateway_status(sides[API], sides.get(CONSOLE), tenant.metadata.generation)}


def _faces(key: Name, tenant: Tenant) -> Iterator[tuple[ObjectKey, Face]]:
    for kind, face in ((API, endpoint.api(tenant)), (CONSOLE, endpoint.console(tenant))):
        if face is not None:
            yield ObjectKey(kind, *key), face


def _rule(owner: ObjectKey, tenant: Tenant, face: Face) -> ParsedRule:
    backend = ParsedBackend(BackendObjectReference(name=face.service, port=face.port), 1, ParsedFilters(()))
    return ParsedRule(
        owner=owner,
        created=tenant.metadata.creation_timestamp,
        position=0,
        name="",
        matches=(RequestMatch(ANY_PATH),),
        filters=ParsedFilters(()),
        backends=(backend,),
        problems=(),
        field=face.field,
    )


def _subject(owner: ObjectKey, listener: ListenerKey) -> ListenerKey:
    """Name what Envoys are asked about: a side of a Tenant at a listener."""
    return ListenerKey("Tenant", owner.namespace, owner.name, f"{owner.kind} at {listener}")


def _side(tables: Pipeline, read: Read, owner: ObjectKey, face: Face, tenant: Tenant) -> Side:
    parents = read(tables.parents, owner) or ()
    controllers = controllers_of(tables, read, (one.gateway for one in parents))
    named = ((one, controllers[one.gateway]) for one in parents if one.gateway in controllers)
    findings = findings_of(tables, read, owner, parents)
    status = route_status(named, findings, tenant.metadata.generation)
    ways = (_way(tables, read, owner, *one) for one in _attached(tables, read, owner).items())
    return Side(face.field, face.hostnames, status.parents, tuple(way for way in ways if way is not None))


def _attached(tables: Pipeline, read: Read, owner: ObjectKey) -> dict[ListenerKey, tuple[Hosts, ...]]:
    """Give the listeners where a side of a Tenant is served, in the order of its parents, and its hostnames there."""
    parents = read(tables.parents, owner) or ()
    asking = {listener: hosts for parent in parents for listener, hosts in parent.listeners}
    return {one: hosts for one, hosts in asking.items() if read(tables.attached, (one, owner)) is not None}


def _way(tables: Pipeline, read: Read, owner: ObjectKey, key: ListenerKey, hosts: tuple[Hosts, ...]) -> Way | None:
    listener = read(tables.listeners, key)
    if listener is None:
        return None
    found = tuple(one.effective for one in hosts if not one.effective.startswith(ANY))
    if any(one.effective == ANY for one in hosts):
        found += read(tables.gateway_addresses, listener.gateway) or ()
    programmed, judged = _programmed(tables, read, owner, key)
    return Way(found, listener.port, listener.protocol == "HTTPS", programmed, judged)


def _programmed(
    tables: Pipeline, read: Read, owner: ObjectKey, key: ListenerKey
) -> tuple[tuple[Status, str, str], int]:
    """Say whether Envoys have a side of a Tenant at a listener, and of which generation; the listener comes first."""
    state, delivery = read(tables.listener_states, key), read(tables.deliveries, _subject(owner, key))
    if state is None or not state.servable or read(tables.binds, key) is None:
        status, reason, words = (Status.UNKNOWN, "Pending", "waiting for it") if state is None else state.programmed()
        return (status, reason, f"{key}: {words}"), 0
    if delivery is not None and delivery.generation is not None:
        return (Status.TRUE, "Programmed", ""), delivery.generation
    waiting = delivery.waiting if delivery is not None else ()
    whom = f"Envoy {names(waiting)}" if waiting else "an Envoy"
    return (Status.UNKNOWN, "Pending", f"{key}: waiting for {whom} to acknowledge it"), 0
