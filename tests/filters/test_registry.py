"""What follows from the registry is said once: types, and the features that are claimed."""

from __future__ import annotations

from pathlib import Path

import xdsserver
from xdsserver.filters import registry
from xdsserver.gatewayapi import features


def test_every_type_has_one_slice() -> None:
    assert len(registry.BY_TYPE) == len(registry.SLICES)


def test_every_feature_is_claimed_once() -> None:
    claimed = features.FEATURES + registry.FEATURES
    assert sorted(claimed) == sorted(set(claimed))


def test_no_module_but_its_own_and_those_of_objects_names_a_type() -> None:
    root = Path(xdsserver.__file__).parent
    # What a Tenant's owner may do next, as its operator calls it, is no filter of a route.
    others = {"filters", "objects", "tenant"}
    modules = [path for path in root.rglob("*.py") if path.relative_to(root).parts[0] not in others]
    assert len(modules) > 100
    named = {
        (path.name, one.type) for path in modules for one in registry.SLICES if f'"{one.type}"' in path.read_text()
    }
    assert named == set()
