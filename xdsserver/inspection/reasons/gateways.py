"""Conditions of GatewayClasses, EnvoyFleets, Gateways and ListenerSets."""

from xdsserver.inspection.reasons.values import Chapter, Reason

GATEWAY_CLASS = Chapter(
    parts=("GatewayClass",),
    reasons=(
        Reason("Accepted", "True", "Accepted", "Gateways of this class are served"),
        Reason(
            "Accepted",
            "False",
            "InvalidParameters",
            "`spec.parametersRef` names parameters that are not known",
            "remove it",
        ),
        Reason(
            "SupportedVersion",
            "True",
            "SupportedVersion",
            "the release of the Gateway API is one that this version was made for",
        ),
        Reason(
            "SupportedVersion",
            "False",
            "UnsupportedVersion",
            "it is another one; objects are served as far as they are understood",
            "use a release that the message names",
        ),
    ),
)

ENVOY_FLEET = Chapter(
    parts=("EnvoyFleet",),
    reasons=(
        Reason("Accepted", "True", "Accepted", "Gateways may name it"),
        Reason(
            "Accepted",
            "False",
            "Invalid",
            "no Gateway can be served as it asks; those that name it say `InvalidParameters`",
            "change the field that the message names",
        ),
    ),
)

GATEWAY = Chapter(
    parts=("Gateway",),
    reasons=(
        Reason("Accepted", "True", "Accepted", "all listeners are valid"),
        Reason(
            "Accepted",
            "True",
            "ListenersNotValid",
            "some listeners are not valid, the others are served",
            "see the conditions of the listeners",
        ),
        Reason("Accepted", "False", "ListenersNotValid", "no listener is valid", "see the conditions of the listeners"),
        Reason(
            "Accepted",
            "False",
            "InvalidParameters",
            "`spec.infrastructure.parametersRef` names parameters that are not known",
            "remove it",
        ),
        Reason(
            "Accepted",
            "False",
            "UnsupportedAddress",
            "an entry of `spec.addresses` is of a type other than IPAddress",
            "use IPAddress, or none",
        ),
        Reason(
            "ResolvedRefs",
            "True",
            "ResolvedRefs",
            "the certificate of `spec.tls.backend` is there; without that field there is no such condition",
        ),
        Reason(
            "ResolvedRefs",
            "False",
            "InvalidClientCertificateRef",
            (
                "`spec.tls.backend.clientCertificateRef` names a Secret that does not exist, is no Secret, or has no "
                "certificate with its key that Envoy would take; backends with TLS are not reached without it (503), "
                "others are"
            ),
            "create it, or mend it",
        ),
        Reason(
            "ResolvedRefs",
            "False",
            "RefNotPermitted",
            "that Secret is in another namespace, and no ReferenceGrant there allows it to Gateways",
            "add a ReferenceGrant in its namespace",
        ),
        Reason(
            "Programmed",
            "True",
            "Programmed",
            (
                "all connected Envoys have acknowledged all valid listeners, with their routes and certificates, as "
                "they were at `observedGeneration`; it stays when Envoys come and go"
            ),
        ),
        Reason(
            "Programmed",
            "Unknown",
            "Pending",
            "Envoys (named after 10 s) have not acknowledged it yet, or its Service leads to none that is ready",
            "wait; if it stays so, see whether an Envoy is connected and its pod is ready",
        ),
        Reason(
            "Programmed",
            "False",
            "Invalid",
            "it is not accepted, or a port cannot be opened, or Envoy refuses it in the words of the message",
            "change what the message names",
        ),
        Reason(
            "Programmed",
            "False",
            "AddressNotAssigned",
            (
                "all addresses of the pool are given out, or nothing of what `spec.addresses` asks for can be had: a "
                "`routability` that there is not, or an address of the cluster that is none or is another Service's; "
                "or its Service has no address yet, or a Service of somebody else has the name of its own"
            ),
            "name more with `--addresses`, or delete a Gateway; do what the message says of each entry",
        ),
        Reason(
            "Programmed",
            "False",
            "AddressNotUsable",
            "the address in `spec.addresses` is not in the pool, or belongs to another Gateway",
            "ask for another one, or for none",
        ),
        Reason(
            "AddressesAssigned",
            "True",
            "AddressesAssigned",
            (
                "it has all addresses that it asks for, or the one that a Gateway gets that asks for none; told in a "
                "cluster with the experimental channel"
            ),
        ),
        Reason(
            "AddressesAssigned",
            "False",
            "PartiallyAssigned",
            "it is served, but not at all addresses that it asks for; the message names the others",
            "ask for one address of the cluster (`routability: Cluster`) and for one of no particular `routability`",
        ),
        Reason(
            "AddressesAssigned",
            "False",
            "NotAssigned",
            "it has none of the addresses that it asks for",
            "see Programmed",
        ),
        Reason(
            "DefaultGateway",
            "True",
            "DefaultGateway",
            (
                "it is a default Gateway (`spec.defaultScope`): routes with `useDefaultGateways` attach to it without "
                "naming it"
            ),
        ),
        Reason(
            "InsecureFrontendValidationMode",
            "True",
            "ConfigurationChanged",
            (
                "`spec.tls.frontend` lets clients in with a certificate that is not verified, or with none "
                "(`AllowInsecureFallback`), where the message says"
            ),
            "use `AllowValidOnly` once all clients have a good one",
        ),
        Reason(
            "gateway.xdsserver.io/S3Listeners",
            "True",
            "Marked",
            (
                "listeners that the annotation `gateway.xdsserver.io/s3-listeners` names pass paths on as they are "
                "([guide](../guides/s3.md)); rules for paths protect nothing there"
            ),
        ),
        Reason(
            "gateway.xdsserver.io/S3Listeners",
            "False",
            "UnknownListener",
            "the annotation names a listener that the Gateway does not have; the others that it names are served so",
            "change the name",
        ),
        Reason(
            "gateway.xdsserver.io/S3Listeners",
            "False",
            "UnsupportedProtocol",
            "it names a listener without requests",
            "name listeners of HTTP or HTTPS",
        ),
        Reason(
            "gateway.xdsserver.io/S3Listeners",
            "False",
            "SharedPort",
            "it names a listener that shares its port in plain text with one that is not marked; both are protected",
            "mark all listeners of the port, or use HTTPS or another port",
        ),
        Reason(
            "gateway.xdsserver.io/Rejected",
            "True",
            "RejectedByEnvoy",
            (
                "Envoys reject the filters of its listeners, or a backend of them; what they accepted last is served "
                "on, or an error"
            ),
            "see Envoy's words in the message, which names the Envoys too; it ends when the object changes",
        ),
    ),
    afterword=(
        "`attachedListenerSets`, where `spec.allowedListeners` is set, counts the ListenerSets with Accepted"
        " True. A Gateway whose own listeners are all bad is accepted while one of them is."
    ),
)

LISTENER_SET = Chapter(
    parts=("ListenerSet",),
    introduction=(
        "Of a set whose `spec.parentRef` names a Gateway served here. One that may not attach has no "
        "listeners, and routes that name it are refused."
    ),
    reasons=(
        Reason("Accepted", "True", "Accepted", "all listeners are valid"),
        Reason(
            "Accepted",
            "True",
            "ListenersNotValid",
            "some listeners are not valid, the others are served",
            "see the conditions of the listeners",
        ),
        Reason(
            "Accepted",
            "False",
            "ListenersNotValid",
            "no listener is valid, or none has a certificate to show",
            "see the conditions of the listeners",
        ),
        Reason(
            "Accepted",
            "False",
            "NotAllowed",
            "the Gateway lets no ListenerSet of this namespace attach; without `allowedListeners` it lets none",
            "ask its owner to change `spec.allowedListeners`",
        ),
        Reason(
            "Accepted",
            "False",
            "ParentNotAccepted",
            "the Gateway is refused as a whole",
            "see the conditions of the Gateway",
        ),
        Reason(
            "Accepted",
            "False",
            "Invalid",
            "`spec.parentRef` names a ListenerSet",
            "name the Gateway that the message names",
        ),
        Reason("Programmed", "True", "Programmed", "Envoy has acknowledged all valid listeners"),
        Reason(
            "Programmed",
            "Unknown",
            "Pending",
            "Envoys (named after 10 s) have not acknowledged it yet, or its Service leads to none that is ready",
            "wait; if it stays so, see whether an Envoy is connected and its pod is ready",
        ),
        Reason(
            "Programmed",
            "False",
            "ListenersNotValid",
            "some listeners are not valid, the others are served",
            "see the conditions of the listeners",
        ),
        Reason(
            "Programmed",
            "False",
            "NotAllowed",
            "the Gateway lets no ListenerSet of this namespace attach; without `allowedListeners` it lets none",
            "ask its owner to change `spec.allowedListeners`",
        ),
        Reason(
            "Programmed",
            "False",
            "ParentNotProgrammed",
            "the Gateway is refused, or has no address",
            "see the conditions of the Gateway",
        ),
        Reason(
            "Programmed",
            "False",
            "Invalid",
            "`spec.parentRef` names a ListenerSet, or Envoy refuses a listener in the words of the message",
            "change what the message names",
        ),
        Reason(
            "gateway.xdsserver.io/Rejected",
            "True",
            "RejectedByEnvoy",
            (
                "Envoys reject a listener of it as it is, or a backend of its filters; what they accepted last is "
                "served on"
            ),
            "see Envoy's words in the message, which names the Envoys too; it ends when the object changes",
        ),
    ),
)
