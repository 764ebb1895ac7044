"""XTelemetryPolicy (gateway.networking.x-k8s.io/v1alpha1)."""

from xdsserver.objects.httproute import Fraction, HTTPHeader
from xdsserver.objects.meta import BackendObjectReference, KubeObject, LocalObjectReference, Part


class TracingProvider(Part):
    """Who receives spans (by OTLP), and headers that are sent along with them."""

    backend_ref: BackendObjectReference
    headers: tuple[HTTPHeader, ...] = ()


class ParentBasedSampling(Part):
    """Whether the decision of whoever began a trace is followed, and for which share of them."""

    mode: str = "ImplementationDefault"
    sampling_rate: Fraction | None = None


class TracingAttribute(Part):
    """An attribute of every span; which of the values is meant is said by `source_type`."""

    name: str
    source_type: str
    header_name: str | None = None
    literal_value: str | None = None
    attribute_key: str | None = None


class TracingConfig(Part):
    """Traces: whether, where to, how many, and what stands in them."""

    mode: str = "ImplementationDefault"
    provider: TracingProvider | None = None
    sampling_rate: Fraction | None = None
    parent_based_sampling: ParentBasedSampling | None = None
    service_name: str | None = None
    span_name: str | None = None
    attributes: tuple[TracingAttribute, ...] = ()


class XTelemetryPolicySpec(Part):
    """XTelemetryPolicy.spec."""

    target_refs: tuple[LocalObjectReference, ...]
    tracing: TracingConfig | None = None


class XTelemetryPolicy(KubeObject):
    """What is told of the requests of a Gateway."""

    spec: XTelemetryPolicySpec
