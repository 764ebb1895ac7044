from __future__ import annotations

import pytest

from xdsserver.gatewayapi.labels import namespace_labels, selects
from xdsserver.objects.meta import LabelSelector, LabelSelectorRequirement

LABELS = {"team": "blue", "empty": ""}


def requirement(key: str, operator: str, *values: str) -> LabelSelector:
    return LabelSelector(match_expressions=(LabelSelectorRequirement(key=key, operator=operator, values=values),))


def test_an_empty_selector_selects_everything() -> None:
    assert selects(LabelSelector(), {})


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        (LabelSelector(match_labels={"team": "blue"}), True),
        (LabelSelector(match_labels={"team": "red"}), False),
        (LabelSelector(match_labels={"team": "blue", "missing": ""}), False),
        (requirement("team", "In", "red", "blue"), True),
        (requirement("team", "In", "red"), False),
        (requirement("missing", "In", "red"), False),
        (requirement("team", "NotIn", "red"), True),
        (requirement("team", "NotIn", "blue"), False),
        (requirement("missing", "NotIn", "blue"), True),
        (requirement("empty", "Exists"), True),
        (requirement("missing", "Exists"), False),
        (requirement("missing", "DoesNotExist"), True),
        (requirement("empty", "DoesNotExist"), False),
        (requirement("team", "Invented", "blue"), False),
    ],
)
def test_selects(selector: LabelSelector, expected: bool) -> None:  # noqa: FBT001
    assert selects(selector, LABELS) is expected


def test_labels_and_expressions_must_both_hold() -> None:
    both = LabelSelector(
        match_labels={"team": "blue"},
        match_expressions=(LabelSelectorRequirement(key="empty", operator="DoesNotExist"),),
    )
    assert not selects(both, LABELS)
    assert selects(both, {"team": "blue"})


def test_a_namespace_carries_its_name_and_cannot_carry_another() -> None:
    assert namespace_labels("a", None) == {"kubernetes.io/metadata.name": "a"}
    assert namespace_labels("a", {"kubernetes.io/metadata.name": "b"}) == {"kubernetes.io/metadata.name": "a"}
