"""Conditions of routes."""

from xdsserver.inspection.reasons.values import Chapter, Reason

HTTP_ROUTE = Chapter(
    parts=(
        "HTTPRoute",
        "GRPCRoute",
    ),
    introduction=(
        "One set of conditions for each entry of `spec.parentRefs` that is a Gateway served here or a "
        "ListenerSet of one, and for each default Gateway where `spec.useDefaultGateways` is `All`. Other"
        " entries get none."
    ),
    reasons=(
        Reason(
            "Accepted",
            "True",
            "Accepted",
            (
                "the route is served there; the message names matches that no request reaches, and the rule that "
                "answers instead"
            ),
            "change one of the two",
        ),
        Reason(
            "Accepted",
            "False",
            "NoMatchingParent",
            (
                "the Gateway or ListenerSet has no listener of its own with the `sectionName` or `port` of the "
                "reference, or the ListenerSet may not attach"
            ),
            "name one that it has, or see the condition of the ListenerSet",
        ),
        Reason(
            "Accepted",
            "False",
            "NotAllowedByListeners",
            "no listener allows routes of this kind or from this namespace",
            "change `allowedRoutes` of the listener",
        ),
        Reason(
            "Accepted",
            "False",
            "NoMatchingListenerHostname",
            "no hostname of the route has anything in common with those of the listeners",
            "make them meet",
        ),
        Reason(
            "Accepted",
            "False",
            "UnsupportedValue",
            (
                "no rule of the route can be understood, or the route comes to more Envoy routes than there may be "
                "(matches x hostnames x backends with filters of their own; for a wildcard also x the hostnames that "
                "it covers)"
            ),
            "see the fields, or the numbers, that the message names",
        ),
        Reason(
            "Accepted",
            "False",
            "TooManyRoutes",
            (
                "older routes of its namespace are 25,000, or leave too few of the 100,000 hostnames that all of them "
                "may have, each counted once for each listener"
            ),
            "delete some, or use another namespace",
        ),
        Reason(
            "Accepted",
            "False",
            "IncompatibleFilters",
            (
                "no rule is left: a filter stands twice, or with one that it excludes (RequestRedirect goes with none "
                "of URLRewrite, RequestMirror, CORS)"
            ),
            "keep one of them, or make rules of their own",
        ),
        Reason(
            "PartiallyInvalid",
            "True",
            "UnsupportedValue",
            "some rules cannot be understood and are left out; the others are served",
            "see the fields that the message names",
        ),
        Reason(
            "gateway.xdsserver.io/Rejected",
            "True",
            "RejectedByEnvoy",
            (
                "Envoys reject the route, or a backend that it uses, in which nothing wrong was found; what they "
                "accepted last of it is served on, or nothing, and nothing else is touched"
            ),
            "see Envoy's words in the message, which names the Envoys too; it ends when the object changes",
        ),
        Reason("ResolvedRefs", "True", "ResolvedRefs", "all references are resolved"),
        Reason(
            "ResolvedRefs",
            "False",
            "BackendNotFound",
            (
                "a Service, or a port of it, does not exist; its share of the requests is answered with 500, of calls "
                "with UNAVAILABLE"
            ),
            "create it, or correct the name",
        ),
        Reason(
            "ResolvedRefs",
            "False",
            "BackendNotAccepted",
            "an XBackend is not accepted; its share of the requests is answered with 500",
            "see the condition of the XBackend",
        ),
        Reason(
            "ResolvedRefs",
            "False",
            "InvalidKind",
            "a reference names a kind that is not supported",
            "use one that the message names",
        ),
        Reason(
            "ResolvedRefs",
            "False",
            "RefNotPermitted",
            "the backend is in another namespace and no ReferenceGrant there allows it",
            "add a ReferenceGrant in its namespace",
        ),
        Reason(
            "ResolvedRefs",
            "False",
            "UnsupportedProtocol",
            "the Service port cannot carry HTTP (UDP, or an `appProtocol` that is not supported)",
            "use TCP, and an `appProtocol` that the message names or none",
        ),
    ),
)

STREAM_ROUTE = Chapter(
    parts=(
        "TLSRoute",
        "TCPRoute",
        "UDPRoute",
    ),
    introduction=(
        "As of other routes. What cannot be had costs its share: connections are reset, datagrams are dropped."
    ),
    reasons=(
        Reason(
            "Accepted",
            "True",
            "Accepted",
            (
                "the route is attached; of several on one port, or for one name, one gets all connections: of "
                "TLSRoutes that with the most specific hostname, then the oldest"
            ),
        ),
        Reason(
            "Accepted",
            "False",
            "NoMatchingParent",
            "no listener has the `sectionName` or `port` of the reference",
            "name one that is there",
        ),
        Reason(
            "Accepted",
            "False",
            "NotAllowedByListeners",
            "no listener is of this kind of route, or allows routes from this namespace",
            "use a listener of protocol TLS, TCP or UDP",
        ),
        Reason(
            "Accepted",
            "False",
            "NoMatchingListenerHostname",
            "no hostname of a TLSRoute has anything in common with those of the listeners",
            "make them meet",
        ),
        Reason(
            "Accepted",
            "False",
            "TooManyRoutes",
            "as of other routes, which count together",
            "delete some, or use another namespace",
        ),
        Reason(
            "gateway.xdsserver.io/Rejected",
            "True",
            "RejectedByEnvoy",
            (
                "Envoys reject what its connections meet, or a backend that it uses; what they accepted last of it is "
                "served on, or connections are closed, and nothing else is touched"
            ),
            "see Envoy's words in the message, which names the Envoys too; it ends when the object changes",
        ),
        Reason("ResolvedRefs", "True", "ResolvedRefs", "all references are resolved"),
        Reason(
            "ResolvedRefs",
            "False",
            "BackendNotFound",
            "a Service, or a port of it, does not exist",
            "create it, or correct the name",
        ),
        Reason(
            "ResolvedRefs",
            "False",
            "InvalidKind",
            "a reference names a kind that is not supported",
            "use one that the message names",
        ),
        Reason(
            "ResolvedRefs",
            "False",
            "RefNotPermitted",
            "the backend is in another namespace and no ReferenceGrant there allows it",
            "add a ReferenceGrant in its namespace",
        ),
        Reason(
            "ResolvedRefs",
            "False",
            "UnsupportedProtocol",
            "the port is of another transport, TCP or UDP; or a UDPRoute names what is reached by a hostname",
            "name a port of the right one; for UDP a Service with EndpointSlices",
        ),
    ),
)
