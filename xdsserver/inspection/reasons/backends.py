"""Conditions of what stands between routes and backends, and of policies."""

from xdsserver.inspection.reasons.values import Chapter, Reason

X_BACKEND = Chapter(
    parts=("XBackend",),
    introduction="One set of conditions for each Gateway through which a route uses it.",
    reasons=(
        Reason("Accepted", "True", "Accepted", "routes of the Gateway use it"),
        Reason(
            "Accepted",
            "False",
            "UnsupportedValue",
            (
                "a field asks for something that is not supported or not allowed, or no Service selects its pods; "
                "requests get 500"
            ),
            "see the field that the message names",
        ),
        Reason(
            "Accepted",
            "False",
            "NoValidCACertificate",
            "no authority is left that could vouch for the backend, which is then never reached without",
            "put certificates in PEM under `ca.crt` of the ConfigMap or the Secret",
        ),
        Reason(
            "Accepted",
            "False",
            "InvalidClientCertificateRef",
            (
                "`tls.clientCertificateRef` names a Secret that does not exist, is no Secret, or has no certificate "
                "with its key that Envoy would take"
            ),
            "create it, or mend it",
        ),
        Reason(
            "Accepted",
            "False",
            "RefNotPermitted",
            "that Secret is in another namespace, and no ReferenceGrant there allows it to XBackends",
            "add a ReferenceGrant in its namespace",
        ),
        Reason(
            "Accepted",
            "False",
            "Invalid",
            "`tls.validation.wellKnownCACertificates` is not one that is supported, or this system has none",
            "use `System`, or `caCertificateRefs`",
        ),
    ),
)

BACKEND_TLS_POLICY = Chapter(
    parts=("BackendTLSPolicy",),
    introduction=(
        "One set of conditions for each Gateway through which requests get to a Service of "
        "`spec.targetRefs`; without one there is no status. A policy that is in force and cannot be kept "
        "closes the way to its backends: requests get 503, connections are closed, and nothing is sent in"
        " plain text."
    ),
    reasons=(
        Reason("Accepted", "True", "Accepted", "the backends are reached by TLS as the policy says"),
        Reason(
            "Accepted",
            "False",
            "Conflicted",
            "an older policy is for the same Service, or for the same port of it, and in force",
            "remove one of the two, or name a port in `sectionName`",
        ),
        Reason(
            "Accepted",
            "False",
            "TargetNotFound",
            "the Service has no port of the name in `sectionName`",
            "use the name of a port",
        ),
        Reason(
            "Accepted",
            "False",
            "NoValidCACertificate",
            "no authority is left that could vouch for a backend",
            "see ResolvedRefs",
        ),
        Reason(
            "Accepted",
            "False",
            "Invalid",
            "`wellKnownCACertificates` is not one that is supported, or this system has none",
            "use `System`, or `caCertificateRefs`",
        ),
        Reason("ResolvedRefs", "True", "ResolvedRefs", "all references are resolved"),
        Reason(
            "ResolvedRefs",
            "False",
            "InvalidCACertificateRef",
            "an object of `caCertificateRefs` does not exist, or holds no certificate in PEM; the others are believed",
            "create it, or put certificates under `ca.crt`",
        ),
        Reason(
            "ResolvedRefs",
            "False",
            "InvalidKind",
            "`caCertificateRefs` names a kind that holds no authorities",
            "use a ConfigMap, a Secret or a ClusterTrustBundle",
        ),
    ),
)

X_TELEMETRY_POLICY = Chapter(
    parts=("XTelemetryPolicy",),
    introduction=(
        "One set of conditions for each Gateway of `spec.targetRefs` that is served here. A policy that "
        "is not in force costs no request: nothing is told of them. [How to use "
        "it](../guides/tracing.md)."
    ),
    reasons=(
        Reason("Accepted", "True", "Accepted", "it is in force"),
        Reason(
            "Accepted",
            "False",
            "Conflicted",
            "an older policy is for the same Gateway; or, where Gateways share a port, the older of them decides",
            "remove one of the two",
        ),
        Reason(
            "Accepted",
            "False",
            "Invalid",
            "`parentBasedSampling.samplingRate` asks for a part of what parents decided, which Envoy cannot do",
            "leave it out, or use 100 of 100",
        ),
        Reason("ResolvedRefs", "True", "ResolvedRefs", "all references are resolved"),
        Reason(
            "ResolvedRefs",
            "False",
            "BackendNotFound",
            "the collector does not exist, or has no such port",
            "create it, or name a port that it has",
        ),
        Reason(
            "ResolvedRefs",
            "False",
            "InvalidKind",
            "`provider.backendRef` names a kind that is no backend",
            "use a Service, a ServiceImport or an XBackend",
        ),
        Reason(
            "ResolvedRefs",
            "False",
            "RefNotPermitted",
            "the collector is in another namespace, and no ReferenceGrant there allows XTelemetryPolicies of this one",
            "create a ReferenceGrant",
        ),
    ),
)
