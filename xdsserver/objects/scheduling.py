"""Where pods may run: the parts of a PodSpec that say so, as `core/v1` has them."""

from collections.abc import Mapping
from typing import Annotated

from xdsserver.objects.meta import Part
from xdsserver.objects.structural import about

_WEIGHT = about("How much this preference counts among all.", minimum=1, maximum=100)
_TOPOLOGY_KEY = about("The label of nodes that tells places apart, such as topology.kubernetes.io/zone.", minLength=1)
_SELECTOR_OPERATORS = ["In", "NotIn", "Exists", "DoesNotExist"]


class Toleration(Part):
    """A taint that does not keep the pods away."""

    key: Annotated[str | None, about("The key of the taint; without it, every key (operator Exists only).")] = None
    operator: Annotated[str | None, about("How value and key are compared.", enum=["Exists", "Equal"])] = None
    value: Annotated[str | None, about("The value of the taint.")] = None
    effect: Annotated[
        str | None,
        about(
            "The effect of the taint; without it, every effect.", enum=["NoSchedule", "PreferNoSchedule", "NoExecute"]
        ),
    ] = None
    toleration_seconds: Annotated[
        int | None, about("For how many seconds NoExecute is tolerated; without it, for ever.")
    ] = None


class SelectorRequirement(Part):
    """One expression over labels."""

    key: Annotated[str, about("The label.", minLength=1)]
    operator: Annotated[str, about("How the label is compared with the values.", enum=_SELECTOR_OPERATORS)]
    values: Annotated[tuple[str, ...], about("The values.")] = ()


class Selector(Part):
    """A selector of labels; an empty one selects everything."""

    match_labels: Annotated[Mapping[str, str], about("Labels that must all be there.")] = {}
    match_expressions: Annotated[tuple[SelectorRequirement, ...], about("Expressions that must all hold.")] = ()


class TopologySpreadConstraint(Part):
    """How evenly the pods are spread over places."""

    max_skew: Annotated[int, about("By how many pods two places may differ.", minimum=1)]
    topology_key: Annotated[str, _TOPOLOGY_KEY]
    when_unsatisfiable: Annotated[
        str, about("What becomes of a pod that would break it.", enum=["DoNotSchedule", "ScheduleAnyway"])
    ]
    label_selector: Annotated[Selector | None, about("The pods that count; without it, those of this fleet.")] = None
    min_domains: Annotated[int | None, about("How many places there are at least.", minimum=1)] = None
    match_label_keys: Annotated[tuple[str, ...], about("Labels of the pod whose values select further.")] = ()
    node_affinity_policy: Annotated[
        str | None, about("Whether nodes count that the pod may not run on.", enum=["Honor", "Ignore"])
    ] = None
    node_taints_policy: Annotated[
        str | None, about("Whether nodes count whose taints keep the pod away.", enum=["Honor", "Ignore"])
    ] = None


class NodeSelectorRequirement(Part):
    """One expression over labels or fields of a node."""

    key: Annotated[str, about("The label or field.", minLength=1)]
    operator: Annotated[str, about("How it is compared with the values.", enum=[*_SELECTOR_OPERATORS, "Gt", "Lt"])]
    values: Annotated[tuple[str, ...], about("The values.")] = ()


class NodeSelectorTerm(Part):
    """Nodes for which all expressions hold."""

    match_expressions: Annotated[tuple[NodeSelectorRequirement, ...], about("Expressions over labels.")] = ()
    match_fields: Annotated[tuple[NodeSelectorRequirement, ...], about("Expressions over fields.")] = ()


class NodeSelector(Part):
    """Nodes that any of the terms selects."""

    node_selector_terms: Annotated[tuple[NodeSelectorTerm, ...], about("The terms.", minItems=1)]


class PreferredNodes(Part):
    """Nodes that are better than others."""

    weight: Annotated[int, _WEIGHT]
    preference: Annotated[NodeSelectorTerm, about("The nodes.")]


class NodeAffinity(Part):
    """Nodes that the pods need or prefer."""

    required_during_scheduling_ignored_during_execution: Annotated[
        NodeSelector | None, about("Nodes that the pods may run on; without it, all.")
    ] = None
    preferred_during_scheduling_ignored_during_execution: Annotated[
        tuple[PreferredNodes, ...], about("Nodes that are better than others.")
    ] = ()


class PodAffinityTerm(Part):
    """Other pods, and what counts as the same place."""

    topology_key: Annotated[str, _TOPOLOGY_KEY]
    label_selector: Annotated[Selector | None, about("The other pods; without it, none.")] = None
    namespaces: Annotated[tuple[str, ...], about("Their namespaces; without any, that of the pod.")] = ()
    namespace_selector: Annotated[Selector | None, about("Their namespaces, by label.")] = None
    match_label_keys: Annotated[tuple[str, ...], about("Labels whose values must be those of the pod.")] = ()
    mismatch_label_keys: Annotated[tuple[str, ...], about("Labels whose values must not be those of the pod.")] = ()


class PreferredPods(Part):
    """Other pods whose nearness (or distance) is better."""

    weight: Annotated[int, _WEIGHT]
    pod_affinity_term: Annotated[PodAffinityTerm, about("The other pods.")]


class PodAffinity(Part):
    """Other pods that the pods are to be near to, or away from."""

    required_during_scheduling_ignored_during_execution: Annotated[
        tuple[PodAffinityTerm, ...], about("What must hold.")
    ] = ()
    preferred_during_scheduling_ignored_during_execution: Annotated[
        tuple[PreferredPods, ...], about("What is better.")
    ] = ()


class Affinity(Part):
    """Nodes and pods that the pods are drawn to or kept away from."""

    node_affinity: Annotated[NodeAffinity | None, about("By nodes.")] = None
    pod_affinity: Annotated[PodAffinity | None, about("Near to other pods.")] = None
    pod_anti_affinity: Annotated[PodAffinity | None, about("Away from other pods.")] = None
