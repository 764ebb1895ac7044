"""Conditions of listeners, in the statuses of their parents."""

from xdsserver.inspection.reasons.values import Chapter, Reason

LISTENER = Chapter(
    parts=("listener",),
    introduction=(
        "Entries of `status.listeners` of Gateways and ListenerSets. Where several parents of a Gateway "
        "ask for the same, the Gateway comes first, then its ListenerSets by age, then by "
        "`namespace/name`; who comes first is not touched. Among listeners of one parent nobody wins."
    ),
    reasons=(
        Reason("Accepted", "True", "Accepted", "the listener is valid"),
        Reason(
            "Accepted",
            "False",
            "UnsupportedProtocol",
            "its protocol is not supported",
            "use one that the message names",
        ),
        Reason(
            "Accepted",
            "False",
            "UnsupportedValue",
            (
                "a filter of the listener is of a type that is not supported; requests get 500, since a filter must "
                "not be left out; or its protocol has no requests, and it is not served"
            ),
            "remove it",
        ),
        Reason(
            "Accepted",
            "False",
            "PortUnavailable",
            "neither its port nor the one 8000 higher can be opened",
            "free one of them; under 1024, see [ports](../guides/standalone.md#addresses-and-ports)",
        ),
        Reason(
            "Accepted",
            "False",
            "TooManyListeners",
            (
                "the Gateway and its earlier ListenerSets have 4096 listeners, or older Gateways and ListenerSets of "
                "the namespace have 10,000"
            ),
            "use another Gateway, or another namespace",
        ),
        Reason(
            "Accepted",
            "False",
            "NoValidCACertificate",
            (
                "its clients are asked for certificates, and none of the authorities that `spec.tls.frontend` of the "
                "Gateway names can be had; connections are reset"
            ),
            "mend one of them; ResolvedRefs says what is wrong with each",
        ),
        Reason(
            "Accepted",
            "False",
            "HostnameConflict",
            "another listener, of the same parent or of an earlier one, has the same port and hostname",
            "give each a hostname of its own",
        ),
        Reason(
            "Accepted",
            "False",
            "ProtocolConflict",
            "its port is asked for with protocols that cannot be told apart (HTTPS and TLS can)",
            "use another port",
        ),
        Reason("Conflicted", "False", "NoConflicts", "no other listener is in its way"),
        Reason(
            "Conflicted",
            "True",
            "HostnameConflict",
            "another listener, of the same parent or of an earlier one, has the same port and hostname",
            "give each a hostname of its own",
        ),
        Reason(
            "Conflicted",
            "True",
            "ProtocolConflict",
            "its port is asked for with protocols that cannot be told apart (HTTPS and TLS can)",
            "use another port",
        ),
        Reason("ResolvedRefs", "True", "ResolvedRefs", "all references are resolved"),
        Reason(
            "ResolvedRefs",
            "False",
            "InvalidRouteKinds",
            "`allowedRoutes.kinds` names kinds that the protocol cannot serve; the others may attach",
            "remove these kinds",
        ),
        Reason(
            "ResolvedRefs",
            "False",
            "InvalidCertificateRef",
            (
                "`tls.certificateRefs` names a Secret that does not exist, is no Secret, or has no certificate with "
                "its key that Envoy would take; connections that ask for this listener are reset, the other listeners "
                "of the port are served"
            ),
            "create it, or mend it",
        ),
        Reason(
            "ResolvedRefs",
            "False",
            "InvalidCACertificateRef",
            (
                "`spec.tls.frontend` of the Gateway names an object that does not exist or holds no certificates that "
                "can be read; the other authorities count"
            ),
            "create it, or mend it",
        ),
        Reason(
            "ResolvedRefs",
            "False",
            "InvalidCACertificateKind",
            "it names a kind that holds no authorities, or a ClusterTrustBundle where there are none",
            "name a ConfigMap or a Secret",
        ),
        Reason(
            "ResolvedRefs",
            "False",
            "InvalidListenerFilterRef",
            (
                "a filter of the listener names a Service that does not exist or is no backend, or an extension that "
                "is not known; requests get 500, since a filter must not be left out"
            ),
            "create it, or correct the name",
        ),
        Reason(
            "ResolvedRefs",
            "False",
            "RefNotPermitted",
            (
                "a filter, a certificate or an authority of the listener is in another namespace, and no "
                "ReferenceGrant there allows it to its kind of parent (Gateway or ListenerSet); requests get 500, "
                "connections are reset"
            ),
            "add a ReferenceGrant in its namespace",
        ),
        Reason("Programmed", "True", "Programmed", "Envoy serves it"),
        Reason(
            "Programmed",
            "Unknown",
            "Pending",
            "Envoys (named after 10 s) have not acknowledged it yet, or its Service leads to none that is ready",
            "wait",
        ),
        Reason("Programmed", "False", "Pending", "its Gateway has no address", "see the condition of the Gateway"),
        Reason(
            "Programmed",
            "False",
            "HostnameConflict",
            "another listener, of the same parent or of an earlier one, has the same port and hostname",
            "give each a hostname of its own",
        ),
        Reason(
            "Programmed",
            "False",
            "ProtocolConflict",
            "its port is asked for with protocols that cannot be told apart (HTTPS and TLS can)",
            "use another port",
        ),
        Reason(
            "Programmed",
            "False",
            "Invalid",
            "it is not accepted, or Envoy refuses it in the words of the message",
            "change what the message names",
        ),
        Reason(
            "gateway.xdsserver.io/Rejected",
            "True",
            "RejectedByEnvoy",
            (
                "Envoys reject the listener as it is, the table of its routes, or a certificate or authorities of it; "
                "what they accepted last is served on"
            ),
            "see Envoy's words in the message, which names the Envoys too; it ends when the object changes",
        ),
        Reason(
            "OverlappingTLSConfig",
            "True",
            "OverlappingHostnames",
            (
                "its hostname covers that of another TLS listener of the port, or is covered by it; no fault: requests"
                " that come on a connection for the other one are answered with 421, and clients ask again on a new "
                "one"
            ),
        ),
        Reason(
            "OverlappingTLSConfig",
            "True",
            "OverlappingCertificates",
            "its certificate is good for a name that another listener's certificate is good for too; as above",
            "give each a certificate of its own, where 421 is too slow for you",
        ),
    ),
)
