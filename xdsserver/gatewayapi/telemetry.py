"""XTelemetryPolicy: which is in force for a Gateway, what it asks for, and its status (GEP-4768)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from xdsserver.gatewayapi.ancestors import ancestors_status
from xdsserver.gatewayapi.backends.resolve import resolve
from xdsserver.gatewayapi.backendtlspolicies import MAX_ANCESTORS
from xdsserver.gatewayapi.conditions import ACCEPTED, RESOLVED_REFS, Problem, condition
from xdsserver.gatewayapi.grants import Referrer
from xdsserver.model.routing import MILLION, BackendUse
from xdsserver.model.tracing import SpanAttribute, Tracing
from xdsserver.objects.meta import GATEWAY_GROUP, Name
from xdsserver.objects.xbackend import XGATEWAY_GROUP

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from xdsserver.gatewayapi.backends.resolve import BackendTables
    from xdsserver.gatewayapi.conditions import Condition
    from xdsserver.gatewayapi.statuses import AncestorsStatus
    from xdsserver.objects.httproute import Fraction
    from xdsserver.objects.xtelemetrypolicy import TracingAttribute, TracingConfig, XTelemetryPolicy
    from xdsserver.tables import Read

SHARE_PPM: Final = 10_000
"""The share of new traces where a policy names none: one of a hundred, which no collector is felled by."""

KNOWN: Final = frozenset(
    {
        "client.address",
        "client.port",
        "http.request.method",
        "http.response.status_code",
        "network.peer.address",
        "network.peer.port",
        "server.address",
        "server.port",
        "url.path",
        "url.scheme",
        "user_agent.original",
    }
)
"""Attributes of OpenTelemetry's conventions that can be told of a request, besides those of HEADERS."""

HEADERS: Final = ("http.request.header.", "http.response.header.")
"""What follows is the name of a header."""


@dataclass(frozen=True, slots=True)
class ResolvedTelemetry:
    """A policy as it is understood; `tracing` is None where nothing is told, be it that it cannot be."""

    tracing: Tracing | None
    problems: tuple[Problem, ...] = ()


def targets(policy: XTelemetryPolicy) -> Iterator[Name]:
    """Give the Gateways that a policy is for, each once; other kinds are for others to read."""
    names = (
        Name(policy.metadata.namespace, one.name)
        for one in policy.spec.target_refs
        if (one.group, one.kind) == (GATEWAY_GROUP, "Gateway")
    )
    return iter(dict.fromkeys(names))


def first(_gateway: Name, members: Sequence[tuple[tuple[Name, Name], str]]) -> Name:
    """Give the policy that is in force for a Gateway, of those that are in order of their age."""
    return members[0][0][1]


def understand(read: Read, tables: BackendTables, policy: XTelemetryPolicy) -> ResolvedTelemetry:
    """Say what a policy comes to."""
    tracing = policy.spec.tracing
    if tracing is None or tracing.mode != "Enabled" or tracing.provider is None:
        return ResolvedTelemetry(None)
    refusal = _refusal(tracing)
    use = BackendUse(tracing.provider.backend_ref, "spec.tracing.provider.backendRef", http2=True)
    referrer = Referrer(XGATEWAY_GROUP, "XTelemetryPolicy", policy.metadata.namespace)
    found = resolve(read, tables, referrer, use)
    problems = (*([refusal] if refusal else []), *([found] if isinstance(found, Problem) else []))
    if problems or isinstance(found, Problem):
        return ResolvedTelemetry(None, problems)
    parent = tracing.parent_based_sampling
    return ResolvedTelemetry(
        Tracing(
            collector=found.cluster,
            authority=found.host,
            headers=tuple((one.name, one.value) for one in tracing.provider.headers),
            service=tracing.service_name or "",
            span=tracing.span_name or "",
            share_ppm=SHARE_PPM if tracing.sampling_rate is None else _ppm(tracing.sampling_rate),
            follows_parent=parent is None or parent.mode != "Disabled",
            attributes=tuple(_attributes(tracing.attributes)),
        )
    )


def _refusal(tracing: TracingConfig) -> Problem | None:
    parent = tracing.parent_based_sampling
    if parent is None or parent.sampling_rate is None or _ppm(parent.sampling_rate) == MILLION:
        return None
    field = "spec.tracing.parentBasedSampling.samplingRate"
    words = f"{field}: a part of what parents decided cannot be followed here; leave it out, or use 100 of 100"
    return Problem(ACCEPTED, "Invalid", words)


def _ppm(share: Fraction) -> int:
    return min(MILLION, share.numerator * MILLION // (share.denominator or 100))


def _attributes(attributes: Iterable[TracingAttribute]) -> Iterator[SpanAttribute]:
    """Give those that can be told; an attribute that is not known here is left out (GEP-5253)."""
    for one in attributes:
        match one.source_type:
            case "Header" if one.header_name:
                yield SpanAttribute(one.name, "header", one.header_name)
            case "Literal" if one.literal_value:
                yield SpanAttribute(one.name, "literal", one.literal_value)
            case "Attribute" if one.attribute_key and (
                one.attribute_key in KNOWN or one.attribute_key.startswith(HEADERS)
            ):
                yield SpanAttribute(one.name, "known", one.attribute_key)
            case _:
                pass


def not_in_force(policy: Name, gateway: Name, winner: Name | None) -> Problem | None:
    """Say why a policy is not in force for a Gateway of its own; `winner` is the policy that is."""
    if winner is None or winner == policy:
        return None
    words = f"spec.targetRefs: Gateway {gateway.name} has the older XTelemetryPolicy {winner.name} already; remove one"
    return Problem(ACCEPTED, "Conflicted", words)


def overruled(deciding: Name) -> Problem:
    """Say that listeners share a port with those of an older Gateway, which decides for all of them."""
    words = f"a listener of the Gateway shares its port with the older Gateway {deciding}, which decides for both"
    return Problem(ACCEPTED, "Conflicted", words)


def telemetry_status(
    found: Mapping[Name, Sequence[Problem]], controllers: Mapping[Name, str], generation: int
) -> AncestorsStatus:
    """Say of each Gateway that a policy names what is wrong with it there."""

    def conditions(problems: Sequence[Problem]) -> tuple[Condition, ...]:
        return (
            condition(ACCEPTED, "Accepted", "it is in force", problems, generation),
            condition(RESOLVED_REFS, "ResolvedRefs", "all references are resolved", problems, generation),
        )

    judged = {gateway: conditions(problems) for gateway, problems in found.items()}
    return ancestors_status(judged, controllers, MAX_ANCESTORS)
