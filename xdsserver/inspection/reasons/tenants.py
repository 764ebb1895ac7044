"""Conditions of Tenants: of the way to them through a Gateway."""

from xdsserver.inspection.reasons.values import Chapter, Reason

TENANT = Chapter(
    parts=("Tenant",),
    introduction=(
        "`status.gateway` of a Tenant with `spec.gateway` that names a Gateway served here: the URLs of its S3 API "
        "(`endpoint`) and of its console, and these conditions about both. All else in its status is said by whoever "
        "runs the Tenant. [How to use it](../guides/s3.md)."
    ),
    reasons=(
        Reason("Accepted", "True", "Accepted", "listeners take the S3 API, and the console where it is asked for"),
        Reason(
            "Accepted",
            "False",
            "NotAllowedByListeners",
            (
                "the listeners do not allow it: the S3 API goes to listeners only that their Gateway's owner "
                "marked as S3; or they allow no HTTPRoute, or none of this namespace"
            ),
            "let the owner change what the message names",
        ),
        Reason(
            "Accepted",
            "False",
            "NoMatchingParent",
            "the Gateway has no such listener, or `api.port` is that of no parentRef",
            "change `sectionName` or `port`",
        ),
        Reason(
            "Accepted",
            "False",
            "NoMatchingListenerHostname",
            "the hostnames have nothing in common with those of the listeners",
            "change one of them",
        ),
        Reason("ResolvedRefs", "True", "ResolvedRefs", "the Services of the Tenant are there"),
        Reason(
            "ResolvedRefs",
            "False",
            "BackendNotFound",
            "a Service of the Tenant does not exist (yet): requests get 500",
            "wait for whoever runs the Tenant; in a folder, write it",
        ),
        Reason(
            "Programmed",
            "True",
            "Programmed",
            "all connected Envoys have acknowledged it as it was at `observedGeneration`",
        ),
        Reason(
            "Programmed",
            "Unknown",
            "Pending",
            "not all Envoys have acknowledged it yet",
            "wait; if it stays so, see the listener",
        ),
        Reason(
            "Programmed",
            "False",
            "Invalid",
            "it is not accepted, a listener cannot be served, or Envoys reject it in the words of the message",
            "change what the message names",
        ),
        Reason(
            "gateway.xdsserver.io/Rejected",
            "True",
            "RejectedByEnvoy",
            "Envoys reject its routes, or a backend of them; what they accepted last is served on, or nothing",
            "see Envoy's words in the message, which names the Envoys too; it ends when the object changes",
        ),
    ),
)
