"""What follows from the registry is said once: types, and the features that are claimed."""

from __future__ import annotations

from xdsserver.filters import registry
from xdsserver.gatewayapi import features


def test_every_type_has_one_slice() -> None:
    assert len(registry.BY_TYPE) == len(registry.SLICES)


def test_every_feature_is_claimed_once() -> None:
    claimed = features.FEATURES + registry.FEATURES
    assert sorted(claimed) == sorted(set(claimed))
