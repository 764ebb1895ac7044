"""Every condition that an object of ours may have, what it means and what to do: the reference, and what `why` says.

A chapter for each kind of object, and one for listeners, which stand in the statuses of their parents. What decides on
conditions is in `gatewayapi`; a test holds that each of its reasons is here, and that none is here that nobody gives.
"""

from collections.abc import Mapping

from xdsserver.inspection.reasons.backends import BACKEND_TLS_POLICY, X_BACKEND, X_TELEMETRY_POLICY
from xdsserver.inspection.reasons.gateways import ENVOY_FLEET, GATEWAY, GATEWAY_CLASS, LISTENER_SET
from xdsserver.inspection.reasons.listeners import LISTENER
from xdsserver.inspection.reasons.routes import HTTP_ROUTE, STREAM_ROUTE
from xdsserver.inspection.reasons.tenants import TENANT
from xdsserver.inspection.reasons.values import Chapter, Reason

CHAPTERS: tuple[Chapter, ...] = (
    GATEWAY_CLASS,
    ENVOY_FLEET,
    GATEWAY,
    LISTENER_SET,
    LISTENER,
    HTTP_ROUTE,
    STREAM_ROUTE,
    X_BACKEND,
    BACKEND_TLS_POLICY,
    TENANT,
    X_TELEMETRY_POLICY,
)
"""In the order of the reference."""

LISTENERS = "listener"
"""The part that listeners are, whatever object they stand in."""

_BY_PLACE: Mapping[tuple[str, str, str, str], Reason] = {
    (part, one.type, one.status, one.reason): one
    for chapter in CHAPTERS
    for part in chapter.parts
    for one in chapter.reasons
}


def reason_of(part: str, type_: str, status: str, reason: str) -> Reason | None:
    """Give what is known of a condition of a kind of object, or of a listener."""
    return _BY_PLACE.get((part, type_, status, reason))


__all__ = ["CHAPTERS", "LISTENERS", "Chapter", "Reason", "reason_of"]
