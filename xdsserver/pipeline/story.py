"""THE STORY: every table from what users write to what Envoy gets and what statuses say, top to bottom."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from xdsserver.gatewayapi.backends.registry import KINDS
from xdsserver.gatewayapi.backends.resolve import BackendTables
from xdsserver.gatewayapi.backends.service_imports import service_import, service_import_ports
from xdsserver.gatewayapi.backends.services import service, service_ports
from xdsserver.gatewayapi.backends.xbackends import xbackend_ports
from xdsserver.gatewayapi.backendtlspolicies import first as first_policy
from xdsserver.gatewayapi.expansion import at_most
from xdsserver.gatewayapi.frontends import AuthorityTables
from xdsserver.gatewayapi.grpcrules import parse_grpc
from xdsserver.gatewayapi.httprules import parse_http
from xdsserver.gatewayapi.installed import installed, is_gateway_api
from xdsserver.gatewayapi.quotas import Quota
from xdsserver.gatewayapi.streams import first
from xdsserver.gatewayapi.telemetry import first as first_telemetry
from xdsserver.gatewayapi.termination import CertificateTables
from xdsserver.model.fleets import DEFAULT_PLACEMENT
from xdsserver.objects.backendtlspolicy import BackendTLSPolicy
from xdsserver.objects.clustertrustbundle import ClusterTrustBundle
from xdsserver.objects.core import ConfigMap, EndpointSlice, Namespace, Service
from xdsserver.objects.envoyfleet import EnvoyFleet
from xdsserver.objects.gateway import Gateway
from xdsserver.objects.gatewayclass import CONTROLLER, GatewayClass
from xdsserver.objects.grpcroute import GRPCRoute
from xdsserver.objects.httproute import HTTPRoute
from xdsserver.objects.l4route import TCPRoute, TLSRoute, UDPRoute
from xdsserver.objects.listenerset import ListenerSet
from xdsserver.objects.meta import GATEWAY_GROUP, Name, ObjectKey
from xdsserver.objects.referencegrant import ReferenceGrant
from xdsserver.objects.secret import Secret
from xdsserver.objects.servicecidr import ServiceCIDR
from xdsserver.objects.serviceimport import ServiceImport
from xdsserver.objects.tenant import Tenant
from xdsserver.objects.xbackend import XBackend
from xdsserver.objects.xtelemetrypolicy import XTelemetryPolicy
from xdsserver.pipeline import (
    attachment,
    backends,
    certificates,
    chains,
    clients,
    clusters,
    expansion,
    fleets,
    gateways,
    listenersets,
    overlaps,
    owed,
    policies,
    profiles,
    quotas,
    rejected,
    resources,
    routes,
    rules,
    statuses,
    streams,
    telemetry,
    tenantroutes,
)
from xdsserver.tables import Change, Graph, InPieces
from xdsserver.translation.layout import host_piece, route_configuration
from xdsserver.translation.listeners import listener
from xdsserver.translation.routes import route_list, route_piece

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from xdsserver.effects import Intended, Kept
    from xdsserver.gatewayapi.installed import Installed
    from xdsserver.gatewayapi.last_good import Remembered
    from xdsserver.gatewayapi.statuses import ObjectStatus
    from xdsserver.infrastructure.dataplane import DataPlane
    from xdsserver.model.fleets import Placement
    from xdsserver.model.places import Awaited, Binding, Delivery, ListenerKey, PortKey
    from xdsserver.objects.meta import KubeObject
    from xdsserver.tables import Delta, Read, Source, Table
    from xdsserver.xds.case import Blame, Rejection


CRD = "CustomResourceDefinition"

K = TypeVar("K")
V = TypeVar("V")
K2 = TypeVar("K2")
V2 = TypeVar("V2")


@dataclass(frozen=True, slots=True)
class Options:
    """What decides meaning and is not an object.

    `controllers` are the controllerNames that make a GatewayClass ours. `system_authorities` is the file in which the
    machines of the Envoys keep the certificates of those whom they trust (where Envoy's own images have it), None where
    they have none. `listeners_per_gateway` (64 or more) is how many a Gateway may have with those of its ListenerSets,
    `quota` what a namespace may ask for. `placement` is where Gateways are served that name no EnvoyFleet.
    `data_plane` says how Envoys of EnvoyFleets are run in pods; None where somebody else runs them.
    """

    controllers: tuple[str, ...] = (CONTROLLER,)
    listeners_per_gateway: int = 4096
    quota: Quota = field(default_factory=Quota)
    system_authorities: str | None = "/etc/ssl/certs/ca-certificates.crt"
    placement: Placement = DEFAULT_PLACEMENT
    data_plane: DataPlane | None = None


class Pipeline:
    """The tables, declared in the order in which they follow from each other."""

    def __init__(self, options: Options | None = None) -> None:
        self.options = options or Options()
        self.graph = graph = Graph()
        on = self._on

        # Sources: objects by name, and four answers from outside the core.
        self.gateway_classes = graph.source("gateway_classes", GatewayClass)
        self.envoy_fleets = graph.source("envoy_fleets", EnvoyFleet)
        self.gateways = graph.source("gateways", Gateway)
        self.listener_sets = graph.source("listener_sets", ListenerSet)
        self.http_routes = graph.source("http_routes", HTTPRoute)
        self.grpc_routes = graph.source("grpc_routes", GRPCRoute)
        self.tls_routes = graph.source("tls_routes", TLSRoute)
        self.tcp_routes = graph.source("tcp_routes", TCPRoute)
        self.udp_routes = graph.source("udp_routes", UDPRoute)
        self.reference_grants = graph.source("reference_grants", ReferenceGrant)
        self.namespaces = graph.source("namespaces", Namespace)
        self.services = graph.source("services", Service)
        self.service_cidrs = graph.source("service_cidrs", ServiceCIDR)
        self.service_imports = graph.source("service_imports", ServiceImport)
        self.x_backends = graph.source("x_backends", XBackend)
        self.backend_tls_policies = graph.source("backend_tls_policies", BackendTLSPolicy)
        self.x_telemetry_policies = graph.source("x_telemetry_policies", XTelemetryPolicy)
        self.endpoint_slices = graph.source("endpoint_slices", EndpointSlice)
        self.config_maps = graph.source("config_maps", ConfigMap)
        self.secrets = graph.source("secrets", Secret)
        self.cluster_trust_bundles = graph.source("cluster_trust_bundles", ClusterTrustBundle)
        self.tenants = graph.source("tenants", Tenant)
        # By API group, what objects were checked by: told by whoever checks them, or by the CRDs of a cluster.
        self.checked_by: Source[str, Installed] = graph.source("checked_by")
        self.definitions: Source[Name, KubeObject] = graph.source("definitions")
        # The bind that was allocated for a claim, and written down.
        self.bindings: Source[PortKey, Binding] = graph.source("bindings")
        # Where load balancers lead to Services of ours, and the addresses of nodes.
        self.ingress: Source[Name, tuple[str, ...]] = graph.source("ingress")
        self.nodes: Source[str, tuple[str, ...]] = graph.source("nodes")
        # The last good certificate of each Secret.
        self.remembered_certificates: Source[Name, Remembered] = graph.source("remembered_certificates")
        # What the Envoys answered: what was acknowledged, and what they reject.
        self.deliveries: Source[ListenerKey, Delivery] = graph.source("deliveries")
        self.rejections: Source[Blame, Rejection] = graph.source("rejections")

        # Classes and Gateways that are ours.
        self.installed = graph.union(
            "installed",
            self.checked_by,
            graph.group(
                "told_by_definitions",
                self.definitions,
                lambda name, _row: GATEWAY_GROUP if is_gateway_api(name) else None,
                fold=lambda _group, members: installed([row for _, row in members]),
            ),
        )
        self.our_classes = graph.derive("our_classes", self.gateway_classes, on(gateways.to_our_classes))
        self.fleet_terms = graph.derive("fleet_terms", self.envoy_fleets, gateways.to_fleet_terms)
        self.class_parameters = graph.derive("class_parameters", self.our_classes, on(gateways.to_class_parameters))
        self.accepted_classes = graph.derive("accepted_classes", self.our_classes, on(gateways.to_accepted_classes))
        self.our_gateways = graph.derive("our_gateways", self.gateways, on(gateways.to_our_gateways))
        self.class_uses = graph.count("class_uses", self.our_gateways, gateways.class_of)
        self.classes_of = graph.index("classes_of", self.class_uses, lambda key, _count: key[0])
        self.placements = graph.derive("placements", self.our_gateways, on(gateways.to_placements))
        # Addresses of the cluster: out of which networks they are, and whose.
        self.service_networks = graph.group(
            "service_networks",
            self.service_cidrs,
            lambda _name, _row: gateways.SERVICES,
            fold=gateways.networks_of_services,
        )
        self.holders_of_addresses = graph.index(
            "holders_of_addresses", self.services, lambda _name, row: row.spec.cluster_ip or None
        )
        self.inside = graph.derive("inside", self.our_gateways, on(gateways.to_inside))
        self.claimants = graph.derive("claimants", self.our_gateways, on(gateways.to_claimants))
        self.default_scopes = graph.derive("default_scopes", self.our_gateways, gateways.to_default_scopes)
        self.default_gateways = graph.index("default_gateways", self.default_scopes, lambda _name, scope_: scope_)

        # ListenerSets that name one of them, and whether they may attach.
        self.labels = graph.derive("labels", self.namespaces, attachment.to_labels)
        self.allowances = graph.derive("allowances", self.our_gateways, on(listenersets.to_allowances))
        self.set_parents = graph.derive("set_parents", self.listener_sets, listenersets.to_set_parents)
        self.our_sets = graph.derive("our_sets", self.set_parents, on(listenersets.to_our_sets))

        # Listeners, narrow, so that what else changes in a Gateway wakes no route. Those of a Gateway and of its sets
        # are merged, up to a number, as those of a namespace; each place belongs to the first parent that asks for it.
        self.candidates = graph.union(
            "candidates",
            graph.derive("gateway_candidates", self.our_gateways, listenersets.to_gateway_candidates),
            graph.derive("set_candidates", self.listener_sets, on(listenersets.to_set_candidates)),
        )
        self.listener_totals = graph.count("listener_totals", self.candidates, listenersets.gateway_of)
        self.crowded_gateways = graph.derive(
            "crowded_gateways", self.listener_totals, on(listenersets.to_crowded_gateways)
        )
        self.left_over = graph.derive(
            "left_over",
            graph.group(
                "queues",
                graph.derive("queued", self.candidates, on(listenersets.to_queued)),
                listenersets.gateway_of,
                order=listenersets.order_of,
                fold=listenersets.behind(self.options.listeners_per_gateway),
            ),
            listenersets.to_left_over,
        )
        self.listeners_in = graph.count("listeners_in", self.candidates, quotas.namespace_of)
        self.full_namespaces = graph.derive("full_namespaces", self.listeners_in, on(quotas.to_full_namespaces))
        self.listeners_too_many = graph.derive(
            "listeners_too_many",
            graph.group(
                "listener_queues",
                graph.derive("queued_listeners", self.candidates, on(quotas.to_queued_listeners)),
                quotas.namespace_of,
                order=quotas.parent_age_of,
                fold=quotas.listeners_behind(self.options.quota),
            ),
            quotas.to_listeners_too_many,
        )
        self.claiming = graph.derive("claiming", self.candidates, on(listenersets.to_claiming))
        self.place_holders = graph.group(
            "place_holders",
            self.claiming,
            listenersets.place_of,
            order=listenersets.order_of,
            fold=listenersets.first_parent,
        )
        self.family_counts = graph.count("family_counts", self.claiming, listenersets.family_of)
        self.families_at = graph.index("families_at", self.family_counts, lambda key, _count: key[0])
        self.contested = graph.derive("contested", self.claiming, on(listenersets.to_contested))
        self.port_holders = graph.group(
            "port_holders",
            self.contested,
            listenersets.contested_port_of,
            order=listenersets.order_of,
            fold=listenersets.first_on_port,
        )
        # Where Gateways share ports of nodes, each place belongs to the oldest of them.
        self.sharing = graph.derive("sharing", self.claiming, on(listenersets.to_sharing))
        self.shared_port_holders = graph.group(
            "shared_port_holders",
            self.sharing,
            listenersets.shared_port_of,
            order=listenersets.age_of,
            fold=listenersets.first_on_shared_port,
        )
        self.shared_place_holders = graph.group(
            "shared_place_holders",
            self.sharing,
            listenersets.shared_place_of,
            order=listenersets.age_of,
            fold=listenersets.first_gateway,
        )
        self.listeners = graph.derive("listeners", self.candidates, on(listenersets.to_listeners))
        self.listeners_of = graph.index("listeners_of", self.listeners, lambda _key, listener: listener.parent)
        # Their ports: PortKey -> what an allocator must answer.
        self.port_counts = graph.count("port_counts", self.listeners, gateways.port_of)
        self.claims = graph.derive("claims", self.port_counts, on(gateways.to_claims))
        self.claims_of = graph.index("claims_of", self.claims, lambda key, _claim: key.gateway)
        # Those of Services: what is written down in the Services that we made.
        self.written_services = graph.derive("written_services", self.services, owed.to_written_services)
        # Those that are served, and where.
        self.binds = graph.derive("binds", self.listeners, on(gateways.to_binds))
        self.listeners_at = graph.index("listeners_at", self.binds, lambda _key, at: at.place)
        # Plain-text listeners share a connection manager: one that is not marked as S3 protects all of its port.
        self.edge_counts = graph.count("edge_counts", self.binds, profiles.edge_chain_of)

        # Attachment: which routes ask for which hostnames on which listeners, up to what a namespace may ask for.
        self.route_heads = graph.union(
            "route_heads",
            graph.derive("http_route_heads", self.http_routes, attachment.to_route_heads("HTTPRoute")),
            graph.derive("grpc_route_heads", self.grpc_routes, attachment.to_route_heads("GRPCRoute")),
            graph.derive("tls_route_heads", self.tls_routes, attachment.to_route_heads("TLSRoute")),
            graph.derive("tcp_route_heads", self.tcp_routes, attachment.to_l4_route_heads("TCPRoute")),
            graph.derive("udp_route_heads", self.udp_routes, attachment.to_l4_route_heads("UDPRoute")),
            graph.derive("tenant_heads", self.tenants, tenantroutes.to_tenant_heads),
        )
        self.claimed_parents = graph.derive("claimed_parents", self.route_heads, on(attachment.to_claimed_parents))
        self.route_shares = graph.count("route_shares", self.claimed_parents, quotas.share_of)
        self.shares_in = graph.index("shares_in", self.route_shares, lambda key, _count: key[0])
        self.crowded_namespaces = graph.derive("crowded_namespaces", self.shares_in, on(quotas.to_crowded_namespaces))
        self.routes_too_many = graph.derive(
            "routes_too_many",
            graph.group(
                "route_queues",
                graph.derive("queued_routes", self.claimed_parents, on(quotas.to_queued_routes)),
                lambda key, _claim: key.namespace,
                order=quotas.age_of,
                fold=quotas.behind(self.options.quota),
            ),
            quotas.to_routes_too_many,
        )
        self.parents = graph.derive("parents", self.claimed_parents, on(quotas.to_parents))
        self.asking = graph.derive("asking", self.parents, attachment.to_asking)

        # Certificates and authorities, each read once; a bad certificate is stood in for by the last good one.
        self.read_certificates = graph.derive("read_certificates", self.secrets, certificates.to_read_certificates)
        self.certificates = graph.derive("certificates", self.read_certificates, on(certificates.to_certificates))
        self.authorities = graph.union(
            "authorities",
            graph.derive("config_map_authorities", self.config_maps, certificates.to_authorities("ConfigMap")),
            graph.derive("secret_authorities", self.secrets, certificates.to_authorities("Secret")),
            graph.derive(
                "cluster_trust_bundle_authorities",
                self.cluster_trust_bundles,
                certificates.to_authorities("ClusterTrustBundle"),
            ),
        )

        # Who may refer to what across namespaces; and what Gateways ask of clients.
        self.permissions = graph.derive("permissions", self.reference_grants, backends.to_permissions)
        self.grants = graph.count("grants", self.permissions, lambda _key, permission: permission)
        self.trust_bundle_kinds = graph.count(
            "trust_bundle_kinds", self.cluster_trust_bundles, lambda _key, _row: "ClusterTrustBundle"
        )
        self.authority_tables = AuthorityTables(self.grants, self.authorities, self.trust_bundle_kinds)
        self.frontends = graph.derive("frontends", self.our_gateways, certificates.to_frontends)
        self.client_validations = graph.derive(
            "client_validations", self.frontends, on(certificates.to_client_validations)
        )
        self.asked = graph.derive("asked", self.frontends, on(certificates.to_asked))
        self.certificate_tables = CertificateTables(self.grants, self.certificates, self.asked)

        # Backends of all kinds in one form: how they are found and reached, and apart from that their ports.
        self.selecting = graph.index("selecting", self.services, backends.selector_of)
        self.backends = graph.union(
            "backends",
            graph.derive("service_backends", self.services, backends.to_backends("Service", service)),
            graph.derive(
                "service_import_backends", self.service_imports, backends.to_backends("ServiceImport", service_import)
            ),
            graph.derive("x_backend_backends", self.x_backends, on(backends.to_x_backends)),
        )
        self.ports = graph.union(
            "ports",
            graph.derive("service_ports", self.services, backends.to_ports("Service", service_ports)),
            graph.derive(
                "service_import_ports", self.service_imports, backends.to_ports("ServiceImport", service_import_ports)
            ),
            graph.derive("x_backend_ports", self.x_backends, backends.to_ports("XBackend", xbackend_ports)),
        )

        # TLS towards them: the policy that is in force for each port, and how each policy verifies.
        self.policies = graph.group(
            "policies",
            graph.derive("policy_targets", self.backend_tls_policies, policies.to_policy_targets),
            lambda key, _created: key[0],
            order=policies.age,
            fold=first_policy,
        )
        self.verifications = graph.derive("verifications", self.backend_tls_policies, on(policies.to_verifications))

        # The certificate that a Gateway shows to them: requests of its listeners go to clusters of its own then.
        self.client_certificate_refs = graph.derive(
            "client_certificate_refs", self.our_gateways, clients.to_client_certificate_refs
        )
        self.client_certificates = graph.derive(
            "client_certificates", self.client_certificate_refs, on(clients.to_client_certificates)
        )
        self.showing = graph.derive("showing", self.listeners, on(clients.to_showing))

        # Rules, understood once each, then joined with the backends that they name.
        self.backend_tables = BackendTables(self.grants, self.backends, self.ports, self.policies)
        self.parsed_rules = graph.union(
            "parsed_rules",
            graph.derive("http_rules", self.http_routes, rules.to_parsed_rules(parse_http)),
            graph.derive("grpc_rules", self.grpc_routes, rules.to_parsed_rules(parse_grpc)),
            graph.derive("tls_rules", self.tls_routes, rules.to_l4_rules("TLSRoute")),
            graph.derive("tcp_rules", self.tcp_routes, rules.to_l4_rules("TCPRoute")),
            graph.derive("udp_rules", self.udp_routes, rules.to_l4_rules("UDPRoute")),
            graph.derive("tenant_rules", self.tenants, tenantroutes.to_tenant_rules),
        )
        self.rules = graph.derive("rules", self.parsed_rules, on(rules.to_rules))
        self.rules_of = graph.index("rules_of", self.rules, lambda key, _rule: key[0])

        # Filters of listeners, likewise; and how many of them one bind must be able to run.
        self.parsed_listener_filters = graph.union(
            "parsed_listener_filters",
            graph.derive("gateway_listener_filters", self.our_gateways, rules.to_gateway_listener_filters),
            graph.derive("set_listener_filters", self.listener_sets, on(rules.to_set_listener_filters)),
        )
        self.listener_filters = graph.derive(
            "listener_filters", self.parsed_listener_filters, on(rules.to_listener_filters)
        )
        self.filter_positions = graph.derive("filter_positions", self.listener_filters, on(rules.to_filter_positions))
        self.filter_position_counts = graph.count(
            "filter_position_counts", self.filter_positions, lambda key, _: key[1:]
        )

        # Expansion: the Envoy routes that each route would come to, and those that are too many; nothing is translated
        # before that is known. A listener answers for its own hostname also when it has no route, so that no less
        # specific listener answers for it.
        self.own_hosts = graph.derive("own_hosts", self.binds, expansion.to_own_hosts)
        self.demands = graph.derive("demands", self.asking, on(expansion.to_demands))
        self.all_hosts = graph.union("all_hosts", self.own_hosts, self.demands)
        self.listener_hosts = graph.count("listener_hosts", self.all_hosts, lambda key, _demand: key[:2])
        self.hosts_below = graph.count("hosts_below", self.listener_hosts, expansion.cover_of)
        self.covered = graph.group(
            "covered",
            graph.derive("covered_parts", self.hosts_below, expansion.to_covered_parts),
            lambda key, _count: key[:2],
            fold=lambda _key, parts: at_most(sum(count for _, count in parts)),
        )
        # All that is asked for under a hostname is counted; who asked first matters only where it is too much.
        self.asked_of = graph.count(
            "asked_of", self.demands, expansion.weighing, weight=lambda _key, demand: demand.routes
        )
        self.oversized = graph.count("oversized", self.demands, expansion.oversized)
        self.heavy = graph.index("heavy", self.demands, expansion.weighing)
        self.refused = graph.derive("refused", self.asked_of, on(expansion.to_refused))
        self.refused_of = graph.index("refused_of", self.refused, lambda key, _refused: key[2])
        self.attached = graph.derive("attached", self.asking, on(expansion.to_attached))

        # What a listener counts: routes that are accepted there, which those without one good rule are not.
        self.accepted = graph.derive("accepted", self.attached, on(expansion.to_accepted))
        self.accepted_counts = graph.count("accepted_counts", self.accepted, lambda key, _true: key[0])

        # Envoy routes, in the order of precedence, by hostname of a listener.
        self.routes = graph.derive("routes", self.attached, on(routes.to_routes))
        self.route_lists = graph.group(
            "route_lists",
            self.routes,
            lambda key, _route: (key.listener, key.hostname),
            order=lambda _key, route: route.order,
            fold=InPieces(route_piece, route_list),
        )

        # Matches that are never reached: found where several of one hostname ask for the same, not pair by pair.
        self.same_matches = graph.group(
            "same_matches", self.routes, routes.match_of, order=lambda _key, route: route.order, fold=routes.if_several
        )
        self.shadows = graph.derive("shadows", self.same_matches, routes.to_shadows)
        self.shadows_of = graph.index("shadows_of", self.shadows, lambda key, _shadow: key.owner)

        # Virtual hosts: a hostname that a more specific listener of the same bind answers for is left to it. Where TLS
        # has told listeners apart already, those of the others are answered with 421.
        self.sni_names = graph.derive("sni_names", self.binds, routes.to_sni_names)
        self.sni_names_on = graph.index("sni_names_on", self.sni_names, lambda key, _true: key[0])
        self.sni_covers = graph.derive("sni_covers", self.sni_names, routes.to_sni_covers)
        self.sni_names_below = graph.index("sni_names_below", self.sni_covers, lambda key, _true: key[:2])
        self.sni_name_counts = graph.count("sni_name_counts", self.sni_names, lambda key, _true: key[0])
        self.crowded = graph.derive("crowded", self.sni_name_counts, routes.to_crowded)
        self.hosts = graph.union(
            "hosts",
            graph.derive("served_hosts", self.listener_hosts, on(routes.to_hosts)),
            graph.derive("misdirected_hosts", self.binds, on(routes.to_misdirected)),
        )

        # Whole connections: by listener and name the route that gets them, of those that ask for them.
        self.streams = graph.derive("streams", self.attached, on(streams.to_streams))
        self.first_streams = graph.group(
            "first_streams",
            self.streams,
            lambda key, _stream: key[:2],
            order=lambda _key, stream: stream.order,
            fold=first,
        )
        self.behind = graph.derive("behind", self.streams, on(streams.to_behind))
        self.behind_of = graph.index("behind_of", self.behind, lambda key, _behind: key[2])
        self.stream_names = graph.count(
            "stream_names",
            graph.union(
                "stream_name_uses",
                graph.derive("own_names", self.binds, streams.to_own_names),
                graph.derive("asked_names", self.first_streams, streams.to_asked_names),
            ),
            lambda key, _true: key[:2],
        )

        # What is told of requests: the policy that is in force for each Gateway; and where listeners share a connection
        # manager, the oldest of their Gateways decides.
        self.telemetry = graph.group(
            "telemetry",
            graph.derive("telemetry_targets", self.x_telemetry_policies, telemetry.to_telemetry_targets),
            lambda key, _created: key[0],
            order=telemetry.age,
            fold=first_telemetry,
        )
        self.understood_telemetry = graph.derive(
            "understood_telemetry", self.x_telemetry_policies, on(telemetry.to_understood)
        )
        self.tracings = graph.derive("tracings", self.telemetry, on(telemetry.to_tracings))
        self.ports_at = graph.index("ports_at", self.bindings, telemetry.bind_of)

        # Clusters exist in a fleet while a route of that fleet uses them; endpoints while a cluster reads them.
        self.cluster_uses = graph.union(
            "cluster_uses",
            graph.derive("route_cluster_uses", self.attached, on(clusters.to_route_cluster_uses)),
            graph.derive("listener_cluster_uses", self.listener_filters, on(clusters.to_listener_cluster_uses)),
            graph.derive("stream_cluster_uses", self.first_streams, on(streams.to_stream_cluster_uses)),
            graph.derive("tracing_cluster_uses", self.tracings, on(telemetry.to_tracing_cluster_uses)),
        )
        self.cluster_counts = graph.count("cluster_counts", self.cluster_uses, lambda key, _true: (key[0], key[1]))
        self.clusters = graph.derive("clusters", self.cluster_counts, on(clusters.to_clusters))
        self.endpoint_uses = graph.derive("endpoint_uses", self.clusters, clusters.to_endpoint_uses)
        self.endpoint_counts = graph.count("endpoint_counts", self.endpoint_uses, lambda key, _true: (key[0], key[1]))
        self.slices_of = graph.union(
            "slices_of",
            *(
                graph.index(f"slices_of_{kind.name}", self.endpoint_slices, clusters.owner_by_label(kind))
                for kind in KINDS.values()
                if kind.label
            ),
        )

        # Filter chains, by the names in TLS handshakes; certificates are in a fleet while a chain shows them, and
        # authorities while one asks clients for theirs.
        self.terminations = graph.derive("terminations", self.listeners, on(chains.to_terminations))
        self.certificate_uses = graph.union(
            "certificate_uses",
            graph.derive("listener_certificate_uses", self.terminations, on(chains.to_certificate_uses)),
            graph.derive("cluster_certificate_uses", self.clusters, clients.to_certificate_uses),
        )
        self.certificate_counts = graph.count("certificate_counts", self.certificate_uses, lambda key, _true: key[:2])
        self.authority_uses = graph.derive("authority_uses", self.terminations, on(certificates.to_authority_uses))
        self.authority_counts = graph.count("authority_counts", self.authority_uses, lambda key, _true: key[:2])
        self.passed_on = graph.derive("passed_on", self.stream_names, on(streams.to_passed_on))
        self.passing_on = graph.count("passing_on", self.passed_on, lambda key, _stream: key[0])
        self.plain_chain_counts = graph.count("plain_chain_counts", self.binds, chains.plain_chain_of)
        self.chains = graph.union(
            "chains",
            graph.derive("plain_chains", self.plain_chain_counts, on(chains.to_plain_chains)),
            graph.derive("https_chains", self.binds, on(chains.to_https_chains)),
            graph.derive("stream_chains", self.stream_names, on(streams.to_stream_chains)),
        )

        # Listeners that clients may take for each other, by what their names and certificates have in common.
        self.one_sni_name_below = graph.group(
            "one_sni_name_below", self.sni_covers, lambda key, _true: key[:2], fold=overlaps.one_below
        )
        self.certificate_names = graph.derive("certificate_names", self.certificates, overlaps.to_certificate_names)
        self.shown_names = graph.derive("shown_names", self.terminations, on(overlaps.to_shown_names))
        self.shown_by = graph.group("shown_by", self.shown_names, overlaps.name_of, fold=overlaps.two)
        self.shown_below = graph.group("shown_below", self.shown_names, overlaps.wildcard_of, fold=overlaps.two)
        self.overlaps = graph.derive("overlaps", self.binds, on(overlaps.to_overlaps))

        # What Envoy gets: bytes by fleet, type and name.
        self.cluster_resources = graph.derive("cluster_resources", self.clusters, resources.to_cluster_resources)
        self.endpoint_resources = graph.derive(
            "endpoint_resources", self.endpoint_counts, on(clusters.to_endpoint_resources)
        )
        self.certificate_resources = graph.derive(
            "certificate_resources", self.certificate_counts, on(resources.to_certificate_resources)
        )
        self.authority_resources = graph.derive(
            "authority_resources", self.authority_counts, on(certificates.to_authority_resources)
        )
        self.envoy_listeners = graph.group("envoy_listeners", self.chains, lambda key, _chain: key.bind, fold=listener)
        self.listener_resources = graph.derive(
            "listener_resources", self.envoy_listeners, resources.to_listener_resources
        )
        self.route_configurations = graph.group(
            "route_configurations",
            self.hosts,
            lambda key, _host: key.chain,
            fold=InPieces(host_piece, route_configuration),
        )
        self.route_resources = graph.derive("route_resources", self.route_configurations, resources.to_route_resources)
        self.resources = graph.union(
            "resources",
            self.cluster_resources,
            self.endpoint_resources,
            self.listener_resources,
            self.route_resources,
            self.certificate_resources,
            self.authority_resources,
        )

        # Envoys that run in pods: those of each EnvoyFleet that Gateways share, and those that one has to itself.
        self.envoys = graph.union(
            "envoys",
            graph.derive("dedicated_envoys", self.placements, on(fleets.to_dedicated_envoys)),
            graph.derive("shared_envoys", self.envoy_fleets, fleets.to_shared_envoys),
        )

        # Objects that are made for Gateways and for fleets, in the form in which they are applied: Services that lead
        # to the Envoys, and what runs these.
        self.marked = graph.derive("marked", self.our_gateways, owed.to_marked)
        self.ports_of = graph.group("ports_of", self.bindings, owed.gateway_of_port, fold=owed.served_ports)
        self.intended: Table[ObjectKey, Intended | Kept] = graph.union(
            "intended",
            graph.derive("gateway_services", self.gateways, on(owed.to_gateway_services)),
            graph.derive("mirrored_slices", self.placements, on(owed.to_mirrored_slices)),
            graph.derive("fleet_services", self.envoy_fleets, owed.to_fleet_services),
            graph.derive("workloads", self.envoys, on(fleets.to_workloads)),
            graph.derive("kept_workloads", self.gateways, on(owed.to_kept_workloads)),
        )

        # What Envoys must acknowledge before a listener is served, or a Tenant at a listener; and whose clients get to
        # none of them.
        self.unreached = graph.derive("unreached", self.placements, on(owed.to_unreached))
        self.awaited: Table[ListenerKey, Awaited] = graph.union(
            "awaited",
            graph.derive("awaited_listeners", self.binds, on(resources.to_awaited)),
            graph.derive("awaited_tenants", self.tenants, on(tenantroutes.to_tenant_awaited)),
        )

        # What statuses say, from the same verdicts. Only from here on anything reads what the Envoys answered.
        self.rejections_of = graph.index("rejections_of", self.rejections, lambda blame, _said: blame.owner or None)
        self.clusters_named = graph.index("clusters_named", self.clusters, rejected.cluster_resource_of)
        self.clusters_reading = graph.index("clusters_reading", self.endpoint_uses, rejected.endpoint_resource_of)
        self.users_of_clusters = graph.index("users_of_clusters", self.cluster_uses, lambda key, _true: key[:2])
        self.rejected_uses = graph.derive("rejected_uses", self.rejections, on(rejected.to_rejected_uses))
        self.rejected_uses_of = graph.index("rejected_uses_of", self.rejected_uses, lambda key, _words: key.user)
        self.listener_states = graph.derive("listener_states", self.listeners, on(statuses.to_listener_states))
        self.class_statuses = graph.derive("class_statuses", self.our_classes, on(statuses.to_class_statuses))
        self.fleet_statuses = graph.derive("fleet_statuses", self.envoy_fleets, on(statuses.to_fleet_statuses))
        self.accepted_sets = graph.derive("accepted_sets", self.our_sets, on(statuses.to_accepted_sets))
        self.accepted_set_counts = graph.count("accepted_set_counts", self.accepted_sets, lambda _key, gateway: gateway)
        self.address_counts = graph.count("address_counts", self.bindings, gateways.address_of)
        self.addresses_of = graph.index("addresses_of", self.address_counts, lambda key, _count: key[0])
        self.ways_blocked = graph.derive("ways_blocked", self.placements, on(owed.to_ways_blocked))
        self.gateway_addresses = graph.derive("gateway_addresses", self.placements, on(owed.to_gateway_addresses))
        self.gateway_statuses = graph.derive("gateway_statuses", self.our_gateways, on(statuses.to_gateway_statuses))
        self.listener_set_statuses = graph.derive(
            "listener_set_statuses", self.listener_sets, on(statuses.to_listener_set_statuses)
        )
        self.http_route_statuses = graph.derive(
            "http_route_statuses", self.http_routes, statuses.to_route_statuses(self, "HTTPRoute")
        )
        self.grpc_route_statuses = graph.derive(
            "grpc_route_statuses", self.grpc_routes, statuses.to_route_statuses(self, "GRPCRoute")
        )
        self.tls_route_statuses = graph.derive(
            "tls_route_statuses", self.tls_routes, statuses.to_route_statuses(self, "TLSRoute")
        )
        self.tcp_route_statuses = graph.derive(
            "tcp_route_statuses", self.tcp_routes, statuses.to_route_statuses(self, "TCPRoute")
        )
        self.udp_route_statuses = graph.derive(
            "udp_route_statuses", self.udp_routes, statuses.to_route_statuses(self, "UDPRoute")
        )
        self.uses_of_x_backends = graph.derive("uses_of_x_backends", self.parsed_rules, rules.to_uses_of_x_backends)
        self.users_of_x_backends = graph.index(
            "users_of_x_backends", self.uses_of_x_backends, lambda key, _true: key[0]
        )
        self.x_backend_statuses = graph.derive(
            "x_backend_statuses", self.x_backends, on(statuses.to_x_backend_statuses)
        )
        self.reaching = graph.count("reaching", self.cluster_uses, policies.reach_of)
        self.parents_reaching = graph.index("parents_reaching", self.reaching, lambda key, _count: key[0])
        self.backend_tls_policy_statuses = graph.derive(
            "backend_tls_policy_statuses", self.backend_tls_policies, on(policies.to_backend_tls_policy_statuses)
        )
        self.x_telemetry_policy_statuses = graph.derive(
            "x_telemetry_policy_statuses", self.x_telemetry_policies, on(telemetry.to_telemetry_statuses)
        )
        self.tenant_gateway_statuses = graph.derive(
            "tenant_gateway_statuses", self.tenants, on(tenantroutes.to_tenant_statuses)
        )
        self.statuses: Table[ObjectKey, ObjectStatus] = graph.union(
            "statuses",
            self.class_statuses,
            self.fleet_statuses,
            self.gateway_statuses,
            self.listener_set_statuses,
            self.http_route_statuses,
            self.grpc_route_statuses,
            self.tls_route_statuses,
            self.tcp_route_statuses,
            self.udp_route_statuses,
            self.x_backend_statuses,
            self.backend_tls_policy_statuses,
            self.x_telemetry_policy_statuses,
            self.tenant_gateway_statuses,
        )

        self._sources: Mapping[str, Source[Name, Any]] = {
            "GatewayClass": self.gateway_classes,
            "EnvoyFleet": self.envoy_fleets,
            "Gateway": self.gateways,
            "ListenerSet": self.listener_sets,
            "HTTPRoute": self.http_routes,
            "GRPCRoute": self.grpc_routes,
            "TLSRoute": self.tls_routes,
            "TCPRoute": self.tcp_routes,
            "UDPRoute": self.udp_routes,
            "ReferenceGrant": self.reference_grants,
            "Namespace": self.namespaces,
            "Service": self.services,
            "ServiceCIDR": self.service_cidrs,
            "ServiceImport": self.service_imports,
            "XBackend": self.x_backends,
            "BackendTLSPolicy": self.backend_tls_policies,
            "XTelemetryPolicy": self.x_telemetry_policies,
            "EndpointSlice": self.endpoint_slices,
            "ConfigMap": self.config_maps,
            "Secret": self.secrets,
            "ClusterTrustBundle": self.cluster_trust_bundles,
            "Tenant": self.tenants,
        }

    def change(self, kind: str, name: Name, row: KubeObject | None) -> tuple[Change, ...]:
        """Give the change of an object for `apply`; none for a kind that nothing is derived from yet."""
        # CRDs are no objects of users: they are not saved, and nobody asks for them by name.
        source = self.definitions if kind == CRD else self._sources.get(kind)
        return () if source is None else (Change(source, name, row),)

    def row(self, key: ObjectKey) -> KubeObject | None:
        """Give an object as it was taken in, which is what its status was decided on."""
        source = self._sources.get(key.kind)
        return None if source is None else source.rows.get(Name(key.namespace, key.name))

    def objects(self) -> dict[ObjectKey, KubeObject]:
        """Give all objects that were taken in: with what was allocated, all that a start elsewhere needs."""
        return {
            ObjectKey(kind, *name): row for kind, source in self._sources.items() for name, row in source.rows.items()
        }

    def names(self) -> Iterator[ObjectKey]:
        """Walk the names of all objects that were taken in."""
        return (ObjectKey(kind, *name) for kind, source in self._sources.items() for name in source.rows)

    def object(self, key: ObjectKey) -> KubeObject | None:
        """Give one object that was taken in."""
        source = self._sources.get(key.kind)
        return None if source is None else source.rows.get(Name(key.namespace, key.name))

    def apply(self, changes: Iterable[Change]) -> Delta:
        """Bring all tables up to date."""
        return self.graph.apply(changes)

    def _on(
        self, derivation: Callable[[Pipeline, Read, K, V], Mapping[K2, V2]]
    ) -> Callable[[Read, K, V], Mapping[K2, V2]]:
        """Give a derivation the tables that it may read."""
        return partial(derivation, self)
