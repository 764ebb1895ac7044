"""Label selectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xdsserver.objects.meta import LabelSelector, LabelSelectorRequirement

NAMESPACE_NAME_LABEL = "kubernetes.io/metadata.name"


def selects(selector: LabelSelector, labels: Mapping[str, str]) -> bool:
    """Whether a selector holds for labels; one that is empty does (metav1.LabelSelector).

    An operator that we do not know selects nothing: who is not surely allowed is not.
    """
    return all(labels.get(key) == value for key, value in selector.match_labels.items()) and all(
        _holds(requirement, labels) for requirement in selector.match_expressions
    )


def _holds(requirement: LabelSelectorRequirement, labels: Mapping[str, str]) -> bool:
    match requirement.operator:
        case "In":
            return labels.get(requirement.key) in requirement.values
        case "NotIn":
            return labels.get(requirement.key) not in requirement.values
        case "Exists":
            return requirement.key in labels
        case "DoesNotExist":
            return requirement.key not in labels
        case _:
            return False


def namespace_labels(name: str, labels: Mapping[str, str] | None) -> Mapping[str, str]:
    """Give the labels of a namespace; every namespace carries its own name as a label, written or not."""
    return {**(labels or {}), NAMESPACE_NAME_LABEL: name}
