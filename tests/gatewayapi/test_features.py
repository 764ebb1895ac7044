"""What is claimed for an installation of the Gateway API, beside the lists of its conformance suite (pkg/features)."""

from __future__ import annotations

import pytest

from xdsserver.filters import registry
from xdsserver.gatewayapi import features
from xdsserver.gatewayapi.features import claimed
from xdsserver.gatewayapi.installed import EXPERIMENTAL, STANDARD, Installed, installed, is_gateway_api
from xdsserver.objects.meta import KubeObject, Name, ObjectMeta

CONDITIONAL = features.WITH_TRUST_BUNDLES + features.WITH_SERVICE_NETWORKS
WHOLE = features.FEATURES + features.IN_A_CLUSTER + CONDITIONAL + registry.FEATURES

# Every feature of gateways that the suites of both releases know.
BOTH = frozenset(
    [
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
        "GatewayInfrastructure",
        "GatewayPort8080",
        "GatewayStaticAddresses",
        "HTTPRoute",
        "HTTPRoute303RedirectStatusCode",
        "HTTPRoute307RedirectStatusCode",
        "HTTPRoute308RedirectStatusCode",
        "HTTPRouteBackendProtocolH2C",
        "HTTPRouteBackendProtocolWebSocket",
        "HTTPRouteBackendRequestHeaderModification",
        "HTTPRouteBackendTimeout",
        "HTTPRouteCORS",
        "HTTPRouteDestinationPortMatching",
        "HTTPRouteHostRewrite",
        "HTTPRouteMethodMatching",
        "HTTPRouteNamedRouteRule",
        "HTTPRouteParentRefPort",
        "HTTPRoutePathRedirect",
        "HTTPRoutePathRewrite",
        "HTTPRoutePortRedirect",
        "HTTPRouteQueryParamMatching",
        "HTTPRouteRequestMirror",
        "HTTPRouteRequestMultipleMirrors",
        "HTTPRouteRequestPercentageMirror",
        "HTTPRouteRequestTimeout",
        "HTTPRouteResponseHeaderModification",
        "HTTPRouteRetryConnectionError",
        "HTTPRouteSchemeRedirect",
        "ListenerSet",
        "ReferenceGrant",
        "TCPRoute",
        "TLSRoute",
        "TLSRouteModeMixed",
        "TLSRouteModeTerminate",
        "UDPRoute",
    ]
)
NEW = frozenset(
    [
        "ClusterTrustBundle",
        "GRPCRouteRequestHeaderModifier",
        "GatewayAddressRoutability",
        "GatewayAddressRoutabilityCluster",
        "GatewayListenerFilters",
        "GatewayRouteHostnameIntersectionPrecedence",
        "HTTPRouteBackendURLRewrite",
        "HTTPRouteRetryCodes",
    ]
)
FORMER = frozenset({"HTTPRouteRetry", "HTTPRouteRetryBackendTimeout"})


def of(version: str, channel: str = EXPERIMENTAL) -> set[str]:
    return set(claimed(WHOLE, Installed((version,), channel, in_cluster=True)))


def test_a_release_is_told_its_own_names() -> None:
    assert of("v1.7.0") == BOTH | NEW
    assert of("v1.6.3") == BOTH | FORMER


def test_the_list_has_the_form_that_a_status_asks_for() -> None:
    """GatewayClass.status.supportedFeatures: sorted by name, 64 entries at most."""
    listed = list(claimed(WHOLE, Installed(("v1.7.0",), in_cluster=True)))
    assert listed == sorted(listed)
    assert len(BOTH | NEW) < 64


def test_fields_that_a_channel_does_not_have_are_not_claimed() -> None:
    """Retries were experimental before 1.7; parentRefs[].port is in both channels, whatever its feature is called."""
    assert of("v1.7.0") - of("v1.7.0", STANDARD) == features.EXPERIMENTAL
    assert of("v1.6.3") - of("v1.6.3", STANDARD) == FORMER | {"HTTPRouteRetryConnectionError"}


def test_what_is_made_at_an_api_server_is_claimed_where_there_is_one() -> None:
    assert of("v1.7.0") - set(claimed(WHOLE, Installed(("v1.7.0",)))) == {
        *features.IN_A_CLUSTER,
        *features.WITH_SERVICE_NETWORKS,
    }


def test_between_two_releases_what_both_have_is_claimed() -> None:
    assert claimed(WHOLE, Installed(("v1.6.3", "v1.7.0"))) == claimed(WHOLE, Installed(("v1.6.3",)))


def test_where_nobody_knows_all_that_is_whole_is_claimed() -> None:
    assert set(claimed(WHOLE, None)) == set(WHOLE) - {
        *features.IN_A_CLUSTER,
        *features.WITH_SERVICE_NETWORKS,
    }


def definition(version: str | None, channel: str = EXPERIMENTAL) -> KubeObject:
    told = {} if version is None else {"gateway.networking.k8s.io/bundle-version": version}
    return KubeObject(
        metadata=ObjectMeta(name="x", annotations=told | {"gateway.networking.k8s.io/channel": channel}),
    )


@pytest.mark.parametrize(
    ("definitions", "told"),
    [
        ([], None),
        ([definition(None)], None),
        ([definition("v1.7.0"), definition("v1.7.0")], Installed(("v1.7.0",), in_cluster=True)),
        ([definition("v1.7.0"), definition("v1.7.0", "standard")], Installed(("v1.7.0",), STANDARD, in_cluster=True)),
        ([definition("v1.7.0"), definition("v1.6.3")], Installed(("v1.6.3", "v1.7.0"), in_cluster=True)),
    ],
)
def test_crds_tell_release_and_channel(definitions: list[KubeObject], told: Installed | None) -> None:
    assert installed(definitions) == told


def test_only_crds_of_the_gateway_api_are_asked() -> None:
    names = ("gateways.gateway.networking.k8s.io", "xbackends.gateway.networking.x-k8s.io", "tenants.rustfs.com")
    assert [is_gateway_api(Name("", name)) for name in names] == [True, False, False]
