"""What every test may ask for: how long a load case lasts, and fuzzing."""

from __future__ import annotations

import gc
import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

# How long an example takes says something of the machine, which others use too, and nothing of us.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")

# Servers of tests run side by side, and none of them is to have the port of the admin API by chance.
os.environ.setdefault("XDSSERVER_ADMIN", "off")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--load-s", type=float, default=6.0, help="seconds of load per case of a live test (default 6)")
    parser.addoption("--fuzz-s", type=float, default=9.0, help="seconds of fuzzing, all targets together (default 9)")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take long: one that a worker begins at the end keeps it when the others are done."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.fixture(autouse=True)
def _garbage_is_looked_for() -> Iterator[None]:
    """Let Python look for garbage again as before, where a test ran what decides that for a process of its own."""
    threshold = gc.get_threshold()
    yield
    if gc.get_threshold() != threshold:
        gc.set_threshold(*threshold)
        gc.unfreeze()


@pytest.fixture(scope="session")
def fuzz_s(request: pytest.FixtureRequest) -> float:
    """Seconds of fuzzing for all targets together: bounded in `make test`, longer in `make fuzz`."""
    seconds: float = request.config.getoption("--fuzz-s")
    return seconds


@pytest.fixture(scope="session")
def load_s(request: pytest.FixtureRequest) -> float:
    """Seconds that one load case lasts: bounded in `make test`, longer in `make live`."""
    seconds: float = request.config.getoption("--load-s")
    return seconds


@pytest.fixture(scope="session")
def window_s(load_s: float) -> float:
    """Seconds of load for each of many cases of one promise: a third of `load_s`, ten at most."""
    return min(load_s / 3, 10.0)
