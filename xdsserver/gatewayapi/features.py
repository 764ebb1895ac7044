"""The features of the Gateway API (pkg/features) that are whole here, and are claimed where its installation has them.

Those of filters come from the registry of `filters`. A core feature (`Gateway`, `HTTPRoute`) is claimed once all that
its conformance tests ask for is there. Names and channels are those of the newest release; what an older one calls
otherwise, or does not have, is said here too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from xdsserver.gatewayapi.installed import Installed

FEATURES: tuple[str, ...] = (
    "BackendTLSPolicy",
    "BackendTLSPolicySANValidation",
    "GRPCRoute",
    "GRPCRouteNamedRouteRule",
    "Gateway",
    "GatewayAddressEmpty",
    "GatewayBackendClientCertificate",
    "GatewayFrontendClientCertificateValidation",
    "GatewayFrontendClientCertificateValidationInsecureFallback",
    "GatewayHTTPListenerIsolation",
    "GatewayHTTPSListenerDetectMisdirectedRequests",
    "GatewayListenerFilters",
    "GatewayPort8080",
    "GatewayRouteHostnameIntersectionPrecedence",
    "GatewayStaticAddresses",
    "HTTPRoute",
    "HTTPRouteBackendProtocolH2C",
    "HTTPRouteBackendProtocolWebSocket",
    "HTTPRouteDestinationPortMatching",
    "HTTPRouteMethodMatching",
    "HTTPRouteNamedRouteRule",
    "HTTPRouteParentRefPort",
    "HTTPRouteQueryParamMatching",
    "ListenerSet",
    "ReferenceGrant",
    "TCPRoute",
    "TLSRoute",
    "TLSRouteModeMixed",
    "TLSRouteModeTerminate",
    "UDPRoute",
)

WITH_TRUST_BUNDLES: tuple[str, ...] = ("ClusterTrustBundle",)
"""Claimed where ClusterTrustBundles are served, and nowhere else (GEP-5075)."""

IN_A_CLUSTER: tuple[str, ...] = ("GatewayAddressRoutability", "GatewayInfrastructure")
"""Claimed where there is an API server: to make objects at, which spec.infrastructure marks, and where status.addresses
is read by others, who ask for its scope."""

WITH_SERVICE_NETWORKS: tuple[str, ...] = ("GatewayAddressRoutabilityCluster",)
"""Claimed where the cluster tells out of which networks it gives Services addresses (ServiceCIDR): such an address must
be one of these. Never without the scopes themselves (GEP-5093)."""

EXPERIMENTAL = frozenset(
    {
        "ClusterTrustBundle",
        "GatewayAddressRoutability",
        "GatewayAddressRoutabilityCluster",
        "GatewayListenerFilters",
    }
)
"""Features whose fields only the experimental channel has.

`HTTPRouteDestinationPortMatching` is called experimental too, but its field (parentRefs[].port) is in both channels.
"""

_RETRIES_OF_1_6 = ("HTTPRouteRetry", "HTTPRouteRetryBackendTimeout", "HTTPRouteRetryConnectionError")
"""What release 1.6 calls retries, which only its experimental channel has."""

_NEW_IN_1_7 = frozenset(
    {
        "ClusterTrustBundle",
        "GRPCRouteRequestHeaderModifier",
        "GatewayAddressRoutability",
        "GatewayAddressRoutabilityCluster",
        "GatewayListenerFilters",
        "GatewayRouteHostnameIntersectionPrecedence",
        "HTTPRouteBackendURLRewrite",
        "HTTPRouteRetryCodes",
        "HTTPRouteRetryConnectionError",
    }
)
"""Features of release 1.7 that the one before does not have, or has under another condition (retries)."""


def claimed(features: Iterable[str], installed: Installed | None) -> tuple[str, ...]:
    """Give those of `features` that an installation has, under the names that its release gives them.

    Where nothing is known of the installation, all of them that need no cluster.
    """
    found = set(features)
    if installed is None or not installed.in_cluster:
        found -= {*IN_A_CLUSTER, *WITH_SERVICE_NETWORKS}
    if installed is None:
        return tuple(sorted(found))
    if not installed.experimental:
        found -= EXPERIMENTAL
    if installed.release < (1, 7):
        retries = _RETRIES_OF_1_6 if installed.experimental and "HTTPRouteRetryCodes" in found else ()
        found = found - _NEW_IN_1_7 | set(retries)
    return tuple(sorted(found))


def tells_scope(installed: Installed | None) -> bool:
    """Whether addresses in statuses tell their scope: who claims that must, and who does not has no field for it."""
    return "GatewayAddressRoutability" in claimed(IN_A_CLUSTER, installed)
