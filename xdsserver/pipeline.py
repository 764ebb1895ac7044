"""THE STORY: every table from what users write to what Envoy gets and what statuses say, top to bottom.

Sources are written by the shell. The functions that decide are in `gatewayapi` and `translation`; what is here only
looks rows up and hands them over. `Pipeline.apply` brings all of it up to date; a fresh pipeline that gets everything
at once is what it must equal after any history (tests/properties).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count, takewhile
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from xdsserver.filters import registry
from xdsserver.filters.slices import ListenerFacts
from xdsserver.gatewayapi import features, hostnames
from xdsserver.gatewayapi.ancestors import ancestors_status
from xdsserver.gatewayapi.attachment import RouteHead, attach, named_gateway
from xdsserver.gatewayapi.backends.endpoints import endpoints
from xdsserver.gatewayapi.backends.kinds import Port
from xdsserver.gatewayapi.backends.registry import KINDS
from xdsserver.gatewayapi.backends.resolve import BackendTables
from xdsserver.gatewayapi.backends.service_imports import service_import, service_import_ports
from xdsserver.gatewayapi.backends.services import service, service_ports
from xdsserver.gatewayapi.backends.xbackends import Surroundings, xbackend, xbackend_ports
from xdsserver.gatewayapi.classes import class_problems, class_status
from xdsserver.gatewayapi.default_gateways import references, scope
from xdsserver.gatewayapi.expansion import NOTHING, Demand, at_most, closest_cover, is_wildcard, refusals, weighs
from xdsserver.gatewayapi.gateways import ListenerState, claims, gateway_status
from xdsserver.gatewayapi.grants import permissions
from xdsserver.gatewayapi.grpcrules import parse_grpc
from xdsserver.gatewayapi.httprules import parse_http
from xdsserver.gatewayapi.labels import namespace_labels
from xdsserver.gatewayapi.listenerfilters import parse_listener_filters, resolve_listener_filters
from xdsserver.gatewayapi.listeners import listeners
from xdsserver.gatewayapi.routes import Findings, route_status
from xdsserver.gatewayapi.rules import resolve_rule
from xdsserver.gatewayapi.shadows import Answering, Shadow
from xdsserver.model.backends import Cluster, FromDns, FromSlices
from xdsserver.model.places import Bind, Delivery, DeliveryKey, ListenerKey, PortKey
from xdsserver.model.routing import ClusterKey, EndpointsKey
from xdsserver.objects.core import ConfigMap, EndpointSlice, Namespace, Service
from xdsserver.objects.gateway import Gateway
from xdsserver.objects.gatewayclass import GatewayClass
from xdsserver.objects.grpcroute import GRPCRoute
from xdsserver.objects.httproute import HTTPBackendRef, HTTPRoute, HTTPRouteRule
from xdsserver.objects.meta import Name, ObjectKey
from xdsserver.objects.referencegrant import ReferenceGrant
from xdsserver.objects.serviceimport import ServiceImport
from xdsserver.objects.xbackend import XBackend
from xdsserver.tables import Change, Graph
from xdsserver.translation.clusters import cluster, load_assignment
from xdsserver.translation.layout import HostKey, host, route_configuration, route_configuration_name
from xdsserver.translation.listeners import http_listener, listener_name
from xdsserver.translation.prerouting import filter_clusters
from xdsserver.translation.routes import envoy_route_count, envoy_routes, route_list, used_clusters
from xdsserver.xds.resource import LISTENER, ROUTE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from xdsserver.gatewayapi.attachment import Parent
    from xdsserver.gatewayapi.backends.kinds import Backend, Kind
    from xdsserver.gatewayapi.expansion import Crowd, Refused
    from xdsserver.gatewayapi.grants import Permission
    from xdsserver.gatewayapi.listenerfilters import ResolvedListenerFilters, Step
    from xdsserver.gatewayapi.listeners import Listener
    from xdsserver.gatewayapi.parsing import Vocabulary
    from xdsserver.gatewayapi.rules import ParsedRule, ResolvedRule
    from xdsserver.gatewayapi.statuses import ObjectStatus
    from xdsserver.model.places import Binding, PortClaim
    from xdsserver.model.routing import Filter, Hosts, RequestMatch
    from xdsserver.objects.httproute import SessionPersistence
    from xdsserver.objects.meta import KubeObject
    from xdsserver.tables import Delta, Read, Source, Table
    from xdsserver.translation.layout import Host
    from xdsserver.translation.routes import EnvoyRoute, RouteKey
    from xdsserver.xds.resource import Resource

ResourceKey = tuple[str, str, str]
"""Fleet, type URL and name of an Envoy resource."""


@dataclass(frozen=True, slots=True)
class Options:
    """What decides meaning and is not an object.

    `controller` is the controllerName that makes a GatewayClass ours. `system_authorities` is the file in which the
    machines of the Envoys keep the certificates of those whom they trust (where Envoy's own images have it), None where
    they have none.
    """

    controller: str = "gateway.xdsserver.io/controller"
    system_authorities: str | None = "/etc/ssl/certs/ca-certificates.crt"


class Pipeline:
    """The tables, declared in the order in which they follow from each other."""

    def __init__(self, options: Options | None = None) -> None:
        self.options = options or Options()
        self.graph = graph = Graph()

        # Sources: objects by name, and three answers from outside the core.
        self.gateway_classes = graph.source("gateway_classes", GatewayClass)
        self.gateways = graph.source("gateways", Gateway)
        self.http_routes = graph.source("http_routes", HTTPRoute)
        self.grpc_routes = graph.source("grpc_routes", GRPCRoute)
        self.reference_grants = graph.source("reference_grants", ReferenceGrant)
        self.namespaces = graph.source("namespaces", Namespace)
        self.services = graph.source("services", Service)
        self.service_imports = graph.source("service_imports", ServiceImport)
        self.x_backends = graph.source("x_backends", XBackend)
        self.endpoint_slices = graph.source("endpoint_slices", EndpointSlice)
        self.config_maps = graph.source("config_maps", ConfigMap)
        # "version": the release of the schemas that objects were checked by.
        self.bundles: Source[str, str] = graph.source("bundles")
        # The bind that was allocated for a claim, and written down.
        self.bindings: Source[PortKey, Binding] = graph.source("bindings")
        # What the Envoys answered.
        self.deliveries: Source[DeliveryKey, Delivery] = graph.source("deliveries")

        # Classes and Gateways that are ours.
        self.our_classes = graph.derive("our_classes", self.gateway_classes, self._our_class)
        self.accepted_classes = graph.derive("accepted_classes", self.our_classes, _accepted_class)
        self.our_gateways = graph.derive("our_gateways", self.gateways, self._our_gateway)
        self.claims = graph.derive("claims", self.our_gateways, _claims)  # PortKey -> what an allocator must answer
        self.default_scopes = graph.derive("default_scopes", self.our_gateways, _default_scope)
        self.default_gateways = graph.index("default_gateways", self.default_scopes, lambda _name, scope_: scope_)

        # Listeners, narrow, so that what else changes in a Gateway wakes no route.
        self.listeners = graph.derive("listeners", self.our_gateways, _listeners)
        self.listeners_of = graph.index("listeners_of", self.listeners, lambda _key, listener: listener.gateway)
        self.binds = graph.derive("binds", self.listeners, self._bind)  # listeners that are served, and where
        self.listeners_at = graph.index("listeners_at", self.binds, lambda _key, at: at)  # Serving -> listeners

        # Attachment: which routes ask for which hostnames on which listeners.
        self.labels = graph.derive("labels", self.namespaces, _labels)
        self.route_heads = graph.union(
            "route_heads",
            graph.derive("http_route_heads", self.http_routes, _route_head("HTTPRoute")),
            graph.derive("grpc_route_heads", self.grpc_routes, _route_head("GRPCRoute")),
        )
        self.parents = graph.derive("parents", self.route_heads, self._parents)
        self.asking = graph.derive("asking", self.parents, _asking)

        # Backends of all kinds in one form: how they are found and reached, and apart from that their ports.
        self.authorities = graph.derive("authorities", self.config_maps, _authorities)
        self.selecting = graph.index("selecting", self.services, _selected)
        self.backends = graph.union(
            "backends",
            graph.derive("service_backends", self.services, _narrowed("Service", service)),
            graph.derive("service_import_backends", self.service_imports, _narrowed("ServiceImport", service_import)),
            graph.derive("x_backend_backends", self.x_backends, self._x_backend),
        )
        self.ports = graph.union(
            "ports",
            graph.derive("service_ports", self.services, _ports("Service", service_ports)),
            graph.derive("service_import_ports", self.service_imports, _ports("ServiceImport", service_import_ports)),
            graph.derive("x_backend_ports", self.x_backends, _ports("XBackend", xbackend_ports)),
        )

        # Rules, understood once each, then joined with the backends that they name.
        self.permissions = graph.derive("permissions", self.reference_grants, _permissions)
        self.grants = graph.count("grants", self.permissions, lambda _key, permission: permission)
        self.backend_tables = BackendTables(self.grants, self.backends, self.ports)
        self.parsed_rules = graph.union(
            "parsed_rules",
            graph.derive("http_rules", self.http_routes, _parsed_rules(parse_http)),
            graph.derive("grpc_rules", self.grpc_routes, _parsed_rules(parse_grpc)),
        )
        self.rules = graph.derive("rules", self.parsed_rules, self._rule)
        self.rules_of = graph.index("rules_of", self.rules, lambda key, _rule: key[0])

        # Filters of listeners, likewise; and how many of them one bind must be able to run.
        self.parsed_listener_filters = graph.derive("parsed_listener_filters", self.our_gateways, _listener_filters)
        self.listener_filters = graph.derive("listener_filters", self.parsed_listener_filters, self._listener_filters)
        self.filter_positions = graph.derive("filter_positions", self.listener_filters, self._filter_positions)
        self.filter_position_counts = graph.count(
            "filter_position_counts", self.filter_positions, lambda key, _: key[1:]
        )

        # Expansion: the Envoy routes that each route would come to, and those that are too many; nothing is translated
        # before that is known. A listener answers for its own hostname also when it has no route, so that no less
        # specific listener answers for it.
        self.own_hosts = graph.derive("own_hosts", self.binds, _own_host)
        self.demands = graph.derive("demands", self.asking, self._demands)
        self.all_hosts = graph.union("all_hosts", self.own_hosts, self.demands)
        self.listener_hosts = graph.count("listener_hosts", self.all_hosts, lambda key, _demand: key[:2])
        self.hosts_below = graph.count("hosts_below", self.listener_hosts, _closest_cover)
        self.covered = graph.group(
            "covered",
            graph.derive("covered_parts", self.hosts_below, _covered_parts),
            lambda key, _count: key[:2],
            fold=lambda _key, parts: at_most(sum(count for _, count in parts)),
        )
        self.crowds = graph.group(
            "crowds",
            self.demands,
            lambda key, demand: key[:2] if weighs(key[1], demand) else None,
            order=lambda _key, demand: demand.age,
            fold=lambda _key, members: tuple((key[2], demand) for key, demand in members),
        )
        self.refused = graph.derive("refused", self.crowds, self._refused)
        self.refused_of = graph.index("refused_of", self.refused, lambda key, _refused: key[2])
        self.attached = graph.derive("attached", self.asking, self._attached)

        # What a listener counts: routes that are accepted there, which those without one good rule are not.
        self.accepted = graph.derive("accepted", self.attached, self._accepted)
        self.accepted_counts = graph.count("accepted_counts", self.accepted, lambda key, _true: key[0])

        # Envoy routes, in the order of precedence, by hostname of a listener.
        self.routes = graph.derive("routes", self.attached, self._routes)
        self.route_lists = graph.group(
            "route_lists",
            self.routes,
            lambda key, _route: (key.listener, key.hostname),
            order=lambda _key, route: route.order,
            fold=route_list,
        )

        # Matches that are never reached: found where several of one hostname ask for the same, not pair by pair.
        self.same_matches = graph.group(
            "same_matches", self.routes, _match_of, order=lambda _key, route: route.order, fold=_if_several
        )
        self.shadows = graph.derive("shadows", self.same_matches, _shadows)
        self.shadows_of = graph.index("shadows_of", self.shadows, lambda key, _shadow: key.owner)

        # Virtual hosts: a hostname that a more specific listener of the same bind answers for is left to it.
        self.hosts = graph.derive("hosts", self.listener_hosts, self._host)

        # Clusters exist in a fleet while a route of that fleet uses them; endpoints while a cluster reads them.
        self.cluster_uses = graph.union(
            "cluster_uses",
            graph.derive("route_cluster_uses", self.attached, self._cluster_uses),
            graph.derive("listener_cluster_uses", self.listener_filters, self._listener_cluster_uses),
        )
        self.cluster_counts = graph.count("cluster_counts", self.cluster_uses, lambda key, _true: (key[0], key[1]))
        self.clusters = graph.derive("clusters", self.cluster_counts, self._cluster)
        self.endpoint_uses = graph.derive("endpoint_uses", self.clusters, _endpoint_use)
        self.endpoint_counts = graph.count("endpoint_counts", self.endpoint_uses, lambda key, _true: (key[0], key[1]))
        self.slices_of = graph.union(
            "slices_of",
            *(
                graph.index(f"slices_of_{kind.name}", self.endpoint_slices, _owner(kind))
                for kind in KINDS.values()
                if kind.label
            ),
        )

        # What Envoy gets: bytes by fleet, type and name.
        self.cluster_resources = graph.derive("cluster_resources", self.clusters, _cluster_resource)
        self.endpoint_resources = graph.derive("endpoint_resources", self.endpoint_counts, self._endpoint_resource)
        self.bind_counts = graph.count("bind_counts", self.binds, lambda _key, at: at.bind)
        self.listener_resources = graph.derive("listener_resources", self.bind_counts, self._listener_resource)
        self.route_configurations = graph.group(
            "route_configurations", self.hosts, lambda key, _host: key.bind, fold=route_configuration
        )
        self.route_resources = graph.derive("route_resources", self.route_configurations, _route_resource)
        self.resources = graph.union(
            "resources",
            self.cluster_resources,
            self.endpoint_resources,
            self.listener_resources,
            self.route_resources,
        )

        # What statuses say, from the same verdicts. Only from here on anything reads what the Envoys answered.
        self.listener_states = graph.derive("listener_states", self.listeners, self._listener_state)
        self.class_statuses = graph.derive("class_statuses", self.our_classes, self._class_status)
        self.gateway_statuses = graph.derive("gateway_statuses", self.our_gateways, self._gateway_status)
        self.http_route_statuses = graph.derive(
            "http_route_statuses", self.http_routes, self._route_status("HTTPRoute")
        )
        self.grpc_route_statuses = graph.derive(
            "grpc_route_statuses", self.grpc_routes, self._route_status("GRPCRoute")
        )
        self.uses_of_x_backends = graph.derive("uses_of_x_backends", self.parsed_rules, _uses_of_x_backends)
        self.users_of_x_backends = graph.index(
            "users_of_x_backends", self.uses_of_x_backends, lambda key, _true: key[0]
        )
        self.x_backend_statuses = graph.derive("x_backend_statuses", self.x_backends, self._x_backend_status)
        self.statuses: Table[ObjectKey, ObjectStatus] = graph.union(
            "statuses",
            self.class_statuses,
            self.gateway_statuses,
            self.http_route_statuses,
            self.grpc_route_statuses,
            self.x_backend_statuses,
        )

        self._sources: Mapping[str, Source[Name, Any]] = {
            "GatewayClass": self.gateway_classes,
            "Gateway": self.gateways,
            "HTTPRoute": self.http_routes,
            "GRPCRoute": self.grpc_routes,
            "ReferenceGrant": self.reference_grants,
            "Namespace": self.namespaces,
            "Service": self.services,
            "ServiceImport": self.service_imports,
            "XBackend": self.x_backends,
            "EndpointSlice": self.endpoint_slices,
            "ConfigMap": self.config_maps,
        }

    def change(self, kind: str, name: Name, row: KubeObject | None) -> tuple[Change, ...]:
        """Give the change of an object for `apply`; none for a kind that nothing is derived from yet."""
        source = self._sources.get(kind)
        return () if source is None else (Change(source, name, row),)

    def apply(self, changes: Iterable[Change]) -> Delta:
        """Bring all tables up to date."""
        return self.graph.apply(changes)

    # Classes and Gateways.

    def _our_class(self, _read: Read, key: Name, class_: GatewayClass) -> Mapping[Name, GatewayClass]:
        return {key: class_} if class_.spec.controller_name == self.options.controller else {}

    def _our_gateway(self, read: Read, key: Name, gateway: Gateway) -> Mapping[Name, Gateway]:
        accepted = read(self.accepted_classes, Name("", gateway.spec.gateway_class_name))
        return {key: gateway} if accepted else {}

    # Listeners and attachment.

    def _bind(self, read: Read, key: ListenerKey, listener: Listener) -> Mapping[ListenerKey, Serving]:
        binding = read(self.bindings, PortKey(listener.gateway, listener.port, listener.transport))
        if not listener.accepted or not isinstance(binding, Bind):
            return {}
        return {key: Serving(binding, listener.hostname)}

    def _parents(self, read: Read, key: ObjectKey, route: RouteHead) -> Mapping[ObjectKey, tuple[Parent, ...]]:
        def labels(namespace: str) -> Mapping[str, str]:
            return namespace_labels(namespace, read(self.labels, namespace))

        parents = []
        defaults = read(self.default_gateways, route.default_scope) if route.default_scope is not None else None
        for reference in references(route, defaults or ()):
            gateway = named_gateway(route.key, reference)
            keys = read(self.listeners_of, gateway) if gateway is not None else None
            if gateway is not None and keys is not None:
                found = (read(self.listeners, one) for one in keys)
                parents.append(attach(route, reference, gateway, (one for one in found if one is not None), labels))
        return {key: tuple(parents)}

    # Backends.

    def _x_backend(self, read: Read, key: Name, row: XBackend) -> Mapping[ObjectKey, Backend]:
        owner = ObjectKey("XBackend", *key)
        around = Surroundings(
            system_authorities=self.options.system_authorities,
            config_map=lambda name: read(self.authorities, Name(key.namespace, name)),
            services=lambda labels: read(self.selecting, (key.namespace, frozenset(labels.items()))) or (),
            session=lambda spec: _session(owner, spec),
        )
        return {owner: xbackend(row, around)}

    # Rules and routes.

    def _rule(self, read: Read, key: RuleKey, rule: ParsedRule) -> Mapping[RuleKey, ResolvedRule]:
        return {key: resolve_rule(read, self.backend_tables, rule)}

    def _rules_of(self, read: Read, route: ObjectKey) -> list[ResolvedRule]:
        rules = (read(self.rules, key) for key in read(self.rules_of, route) or ())
        return [rule for rule in rules if rule is not None]

    def _demands(
        self, read: Read, key: tuple[ListenerKey, ObjectKey], hosts: tuple[Hosts, ...]
    ) -> Mapping[HostDemand, Demand]:
        listener, route = key
        rules = self._rules_of(read, route)
        routes = sum(envoy_route_count(one.rule) for one in rules if one.rule is not None)
        if not routes:
            return {}
        demand = Demand((rules[0].created, f"{route.namespace}/{route.name}", route.kind), routes, len(hosts))
        return {(listener, one.effective, route): demand for one in hosts}

    def _refused(self, read: Read, key: tuple[ListenerKey, str], found: Crowd) -> Mapping[HostDemand, Refused]:
        covered = read(self.covered, key) if is_wildcard(key[1]) else None
        return {(*key, owner): refused for owner, refused in refusals(*key, found, covered or 0)}

    def _refusals_of(self, read: Read, route: ObjectKey) -> list[Refused]:
        found = (read(self.refused, key) for key in read(self.refused_of, route) or ())
        return [one for one in found if one is not None]

    def _attached(
        self, read: Read, key: tuple[ListenerKey, ObjectKey], hosts: tuple[Hosts, ...]
    ) -> Mapping[tuple[ListenerKey, ObjectKey], tuple[Hosts, ...]]:
        """Leave out what a listener refuses: all of it, so that no hostname of a route is served by half of it."""
        refusing = {one.listener for one in self._refusals_of(read, key[1])}
        return {} if key[0] in refusing else {key: hosts}

    def _accepted(
        self, read: Read, key: tuple[ListenerKey, ObjectKey], hosts: tuple[Hosts, ...]
    ) -> Mapping[tuple[ListenerKey, ObjectKey], bool]:
        listener, route = key
        good = read(self.demands, (listener, hosts[0].effective, route)) or read(self.rules_of, route) is None
        return {key: True} if good else {}

    def _routes(
        self, read: Read, key: tuple[ListenerKey, ObjectKey], hosts: tuple[Hosts, ...]
    ) -> Mapping[RouteKey, EnvoyRoute]:
        listener, route = key
        found = read(self.listeners, listener)
        if found is None:
            return {}
        facts = ListenerFacts(found.port, "http")
        rules = self._rules_of(read, route)
        return dict(one for host_ in hosts for rule in rules for one in envoy_routes(listener, facts, host_, rule))

    def _host(self, read: Read, key: tuple[ListenerKey, str], _count: int) -> Mapping[HostKey, Host]:
        listener, hostname = key
        serving = read(self.binds, listener)
        if serving is None:
            return {}
        covering = tuple(hostnames.covering(hostname))
        owners = (read(self.listeners_at, Serving(serving.bind, one)) for one in covering)
        owner = next((keys[0] for keys in owners if keys), None)
        if owner != listener:
            return {}
        own, *others = (read(self.route_lists, (listener, one)) for one in covering)
        if own is None and hostname != serving.hostname:
            # Asked for by routes that are refused only: a less specific hostname answers the same.
            return {}
        found = (one for one in (own, *others) if one is not None)
        filters = read(self.listener_filters, listener)
        return {HostKey(serving.bind, hostname): host(hostname, found, filters.pre_routing if filters else None)}

    # Filters of listeners.

    def _listener_filters(
        self, read: Read, key: ListenerKey, steps: tuple[Step, ...]
    ) -> Mapping[ListenerKey, ResolvedListenerFilters]:
        return {key: resolve_listener_filters(read, self.backend_tables, key, steps)}

    def _filter_positions(
        self, read: Read, key: ListenerKey, found: ResolvedListenerFilters
    ) -> Mapping[tuple[ListenerKey, Bind, int], bool]:
        serving = read(self.binds, key)
        if serving is None:
            return {}
        return {(key, serving.bind, number): True for number in range(len(found.pre_routing.filters))}

    def _listener_resource(self, read: Read, bind: Bind, _count: int) -> Mapping[ResourceKey, Resource]:
        taken = (read(self.filter_position_counts, (bind, number)) for number in count())
        resource = http_listener(bind, sum(1 for _ in takewhile(bool, taken)))
        return {(bind.fleet, resource.type_url, resource.name): resource}

    # Clusters and endpoints.

    def _cluster_uses(
        self, read: Read, key: tuple[ListenerKey, ObjectKey], _hosts: tuple[Hosts, ...]
    ) -> Mapping[tuple[str, ClusterKey, ListenerKey, ObjectKey], bool]:
        listener, route = key
        serving = read(self.binds, listener)
        if serving is None:
            return {}
        rules = (resolved.rule for resolved in self._rules_of(read, route))
        used = {cluster_ for rule in rules if rule is not None for cluster_ in used_clusters(rule)}
        return {(serving.bind.fleet, cluster_, listener, route): True for cluster_ in used}

    def _listener_cluster_uses(
        self, read: Read, key: ListenerKey, found: ResolvedListenerFilters
    ) -> Mapping[tuple[str, ClusterKey, ListenerKey, ObjectKey], bool]:
        serving = read(self.binds, key)
        if serving is None:
            return {}
        gateway = ObjectKey(key.kind, key.namespace, key.parent)
        return {(serving.bind.fleet, one, key, gateway): True for one in filter_clusters(found.pre_routing)}

    def _cluster(self, read: Read, key: FleetCluster, _count: int) -> Mapping[FleetCluster, Cluster]:
        cluster_ = key[1]
        target = ObjectKey(*cluster_[:3])
        backend = read(self.backends, target)
        port = read(self.ports, (target, cluster_.port)) or _NO_PORT
        tls = backend.tls if backend is not None else None
        if backend is not None and backend.hostname:
            return {key: Cluster(cluster_, FromDns(backend.hostname, port.target or cluster_.port), tls)}
        return {key: Cluster(cluster_, FromSlices(EndpointsKey(*cluster_[:4], transport="TCP")), tls)}

    def _endpoint_resource(
        self, read: Read, key: tuple[str, EndpointsKey], _count: int
    ) -> Mapping[ResourceKey, Resource]:
        fleet, wanted = key
        target = ObjectKey(*wanted[:3])
        backend = read(self.backends, target)
        port = read(self.ports, (target, wanted.port))
        members = tuple(ObjectKey("Service", *one) for one in backend.members) if backend is not None else ()
        owned = (one for owner in members or (target,) for one in read(self.slices_of, owner) or ())
        slices = (read(self.endpoint_slices, one) for one in owned)
        found = (one for one in slices if one is not None and port is not None)
        resource = load_assignment(endpoints(wanted, port or _NO_PORT, found))
        return {(fleet, resource.type_url, resource.name): resource}

    # Statuses.

    def _listener_state(self, read: Read, key: ListenerKey, listener: Listener) -> Mapping[ListenerKey, ListenerState]:
        binding = read(self.bindings, PortKey(listener.gateway, listener.port, listener.transport))
        filters = read(self.listener_filters, key)
        return {
            key: ListenerState(
                listener=listener,
                attached_routes=read(self.accepted_counts, key) or 0,
                binding=binding,
                delivery=self._delivery(read, binding) if isinstance(binding, Bind) else None,
                filter_problems=filters.problems if filters else (),
            )
        }

    def _delivery(self, read: Read, bind: Bind) -> Delivery | None:
        """Put together what the Envoys said of a socket and of the routes behind it.

        An Envoy acknowledges a listener before it has its routes, and opens it when it has them.
        """
        opened = read(self.deliveries, DeliveryKey(bind.fleet, LISTENER, listener_name(bind)))
        routed = read(self.deliveries, DeliveryKey(bind.fleet, ROUTE, route_configuration_name(bind)))
        if opened is None:
            return None
        if routed is None:
            return Delivery(acknowledged=False, rejected=opened.rejected)
        return Delivery(opened.acknowledged and routed.acknowledged, opened.rejected or routed.rejected)

    def _x_backend_status(self, read: Read, key: Name, row: XBackend) -> Mapping[ObjectKey, ObjectStatus]:
        owner = ObjectKey("XBackend", *key)
        backend = read(self.backends, owner)
        routes = dict.fromkeys(rule[0] for _, rule in read(self.users_of_x_backends, owner) or ())
        parents = [parent for route in routes for parent in read(self.parents, route) or () if parent.listeners]
        if not parents:
            return {}
        problems = (backend.problem,) if backend is not None and backend.problem is not None else ()
        gateways = (parent.gateway for parent in parents)
        generation = row.metadata.generation
        status = ancestors_status(problems, gateways, controller=self.options.controller, generation=generation)
        return {owner: status}

    def _class_status(self, read: Read, key: Name, class_: GatewayClass) -> Mapping[ObjectKey, ObjectStatus]:
        claimed = features.FEATURES + registry.FEATURES
        return {ObjectKey("GatewayClass", *key): class_status(class_, claimed, read(self.bundles, "version"))}

    def _gateway_status(self, read: Read, key: Name, gateway: Gateway) -> Mapping[ObjectKey, ObjectStatus]:
        keys = (ListenerKey("Gateway", *key, listener.name) for listener in gateway.spec.listeners)
        states = (read(self.listener_states, one) for one in keys)
        return {ObjectKey("Gateway", *key): gateway_status(gateway, (one for one in states if one is not None))}

    def _route_status(self, kind: str) -> Callable[[Read, Name, KubeObject], Mapping[ObjectKey, ObjectStatus]]:
        def status(read: Read, key: Name, route: KubeObject) -> Mapping[ObjectKey, ObjectStatus]:
            owner = ObjectKey(kind, *key)
            parents = read(self.parents, owner)
            if not parents:
                return {}
            shadows = (read(self.shadows, one) for one in read(self.shadows_of, owner) or ())
            findings = Findings(
                rules=tuple(self._rules_of(read, owner)),
                refused=tuple(self._refusals_of(read, owner)),
                shadows=tuple(one for one in shadows if one is not None),
            )
            generation = route.metadata.generation
            return {owner: route_status(parents, findings, controller=self.options.controller, generation=generation)}

        return status


RuleKey = tuple[ObjectKey, int]
"""A rule of a route by its position."""

FleetCluster = tuple[str, ClusterKey]
"""A cluster in a fleet."""


class Serving(NamedTuple):
    """Where a listener is served: its bind, and the hostname that it has there."""

    bind: Bind
    hostname: str


class SameMatch(NamedTuple):
    """What several routes may ask for under one hostname of a listener."""

    listener: ListenerKey
    hostname: str
    match: RequestMatch


HostDemand = tuple[ListenerKey, str, ObjectKey]
"""A hostname of a listener that a route asks for."""

_NOBODY = ObjectKey("", "", "")
"""Stands for the route where a listener asks for its own hostname."""

_NO_PORT = Port()


def _accepted_class(_read: Read, key: Name, class_: GatewayClass) -> Mapping[Name, bool]:
    return {} if class_problems(class_) else {key: True}


def _claims(_read: Read, _key: Name, gateway: Gateway) -> Mapping[PortKey, PortClaim]:
    return claims(gateway)


def _default_scope(_read: Read, key: Name, gateway: Gateway) -> Mapping[Name, str]:
    found = scope(gateway.spec.default_scope)
    return {} if found is None else {key: found}


def _listeners(_read: Read, _key: Name, gateway: Gateway) -> Mapping[ListenerKey, Listener]:
    return {listener.key: listener for listener in listeners(gateway)}


def _listener_filters(_read: Read, _key: Name, gateway: Gateway) -> Mapping[ListenerKey, tuple[Step, ...]]:
    return parse_listener_filters(gateway, registry.BEFORE_ROUTING)


def _labels(_read: Read, key: Name, namespace: Namespace) -> Mapping[str, Mapping[str, str]]:
    return {key.name: namespace.metadata.labels}


R = TypeVar("R", HTTPRoute, GRPCRoute)


def _route_head(kind: str) -> Callable[[Read, Name, R], Mapping[ObjectKey, RouteHead]]:
    def head(_read: Read, key: Name, route: R) -> Mapping[ObjectKey, RouteHead]:
        owner = ObjectKey(kind, *key)
        spec = route.spec
        return {owner: RouteHead(owner, spec.hostnames, spec.parent_refs, scope(spec.use_default_gateways))}

    return head


def _parsed_rules(
    parse: Callable[[R, Vocabulary], Iterable[ParsedRule]],
) -> Callable[[Read, Name, R], Mapping[RuleKey, ParsedRule]]:
    def rules(_read: Read, _key: Name, route: R) -> Mapping[RuleKey, ParsedRule]:
        return {(rule.owner, rule.position): rule for rule in parse(route, registry.VOCABULARY)}

    return rules


def _asking(
    _read: Read, key: ObjectKey, parents: tuple[Parent, ...]
) -> Mapping[tuple[ListenerKey, ObjectKey], tuple[Hosts, ...]]:
    """Two parentRefs may lead to one listener; the route is there once."""
    return {(listener, key): hosts for parent in parents for listener, hosts in parent.listeners}


def _permissions(_read: Read, key: Name, grant: ReferenceGrant) -> Mapping[tuple[Name, Permission], Permission]:
    return {(key, permission): permission for permission in permissions(grant)}


B = TypeVar("B", Service, ServiceImport, XBackend)


def _narrowed(kind: str, narrow: Callable[[B], Backend]) -> Callable[[Read, Name, B], Mapping[ObjectKey, Backend]]:
    return lambda _read, key, row: {ObjectKey(kind, *key): narrow(row)}


def _ports(
    kind: str, ports: Callable[[B], Mapping[int, Port]]
) -> Callable[[Read, Name, B], Mapping[tuple[ObjectKey, int], Port]]:
    return lambda _read, key, row: {(ObjectKey(kind, *key), number): port for number, port in ports(row).items()}


def _authorities(_read: Read, key: Name, config_map: ConfigMap) -> Mapping[Name, str]:
    return {key: config_map.data.get("ca.crt", "")}


Selector = tuple[str, frozenset[tuple[str, str]]]
"""Labels that pods of a namespace must have."""


def _selected(key: Name, row: Service) -> Selector | None:
    return (key.namespace, frozenset(row.spec.selector.items())) if row.spec.selector else None


def _session(owner: ObjectKey, spec: SessionPersistence) -> Filter | str:
    """Understand the session persistence of a backend as if a rule of its own had it."""
    rule = HTTPRouteRule(session_persistence=spec, backend_refs=(HTTPBackendRef(name=owner.name),))
    found = registry.SESSIONS.parse(rule, owner, 0)
    return found[0] if isinstance(found, tuple) else found or "nothing is asked for"


def _uses_of_x_backends(_read: Read, key: RuleKey, rule: ParsedRule) -> Mapping[tuple[ObjectKey, RuleKey], bool]:
    filters = (*rule.filters.known, *(filter_ for backend in rule.backends for filter_ in backend.filters.known))
    references = (
        *(backend.reference for backend in rule.backends),
        *(use.reference for filter_ in filters for use in filter_.uses),
    )
    return {
        (ObjectKey("XBackend", key[0].namespace, one.name), key): True for one in references if one.kind == "XBackend"
    }


def _owner(kind: Kind) -> Callable[[Name, EndpointSlice], ObjectKey | None]:
    def owner(key: Name, slice_: EndpointSlice) -> ObjectKey | None:
        name = slice_.metadata.labels.get(kind.label)
        return ObjectKey(kind.name, key.namespace, name) if name else None

    return owner


def _match_of(key: RouteKey, route: EnvoyRoute) -> SameMatch | None:
    """Group by what users ask for; the routes that a rule is split into are one."""
    return None if key.turn or route.asked is None else SameMatch(key.listener, key.hostname, route.asked)


def _if_several(_match: SameMatch, members: Sequence[tuple[RouteKey, EnvoyRoute]]) -> tuple[RouteKey, ...] | None:
    return tuple(key for key, _ in members) if len(members) > 1 else None


def _shadows(_read: Read, match: SameMatch, keys: tuple[RouteKey, ...]) -> Mapping[RouteKey, Shadow]:
    """Give those behind the first; the same in one rule harms nobody."""
    first = Answering(keys[0].owner, keys[0].rule)
    rules = ((key, Answering(key.owner, key.rule)) for key in keys[1:])
    return {key: Shadow(rule, *match, first) for key, rule in rules if rule != first}


def _own_host(_read: Read, key: ListenerKey, serving: Serving) -> Mapping[HostDemand, Demand]:
    return {(key, serving.hostname, _NOBODY): NOTHING}


def _closest_cover(key: tuple[ListenerKey, str], _count: int) -> tuple[ListenerKey, str] | None:
    cover = closest_cover(key[1])
    return None if cover is None else (key[0], cover)


def _covered_parts(_read: Read, key: tuple[ListenerKey, str], count: int) -> Mapping[tuple[ListenerKey, str, str], int]:
    """Give what stands right below a wildcard to it, and to each that covers it."""
    return {(key[0], cover, key[1]): count for cover in hostnames.covering(key[1])}


def _endpoint_use(
    _read: Read, key: FleetCluster, cluster_: Cluster
) -> Mapping[tuple[str, EndpointsKey, ClusterKey], bool]:
    match cluster_.discovery:
        case FromSlices(wanted):
            return {(key[0], wanted, key[1]): True}
        case FromDns():
            return {}


def _cluster_resource(_read: Read, key: FleetCluster, cluster_: Cluster) -> Mapping[ResourceKey, Resource]:
    resource = cluster(cluster_)
    return {(key[0], resource.type_url, resource.name): resource}


def _route_resource(_read: Read, bind: Bind, resource: Resource) -> Mapping[ResourceKey, Resource]:
    return {(bind.fleet, resource.type_url, resource.name): resource}
