"""An address is read back from where it was written, and from nothing that only looks like it."""

from __future__ import annotations

import pytest

from xdsserver.infrastructure.allocation import Written
from xdsserver.infrastructure.observed import programmed_in_status, tenant_programmed_in_status, written_in_status


def test_the_first_address_of_a_status_is_what_was_allocated() -> None:
    status = b'{"addresses":[{"type":"IPAddress","value":"192.0.2.7"}],"conditions":[]}'
    assert written_in_status("a", status) == Written("a", "192.0.2.7")


@pytest.mark.parametrize(
    "status",
    [b"", b"{}", b'{"addresses":null}', b'{"addresses":[]}', b'{"addresses":[{}]}', b'{"addresses":7}', b"nil"],
)
def test_a_status_without_one_says_nothing(status: bytes) -> None:
    assert written_in_status("a", status) is None


def test_what_is_programmed_is_read_back_with_the_generation_that_it_was_said_of() -> None:
    status = b"""{"listeners": [
        {"name": "a", "conditions": [
            {"type": "Accepted", "status": "True", "observedGeneration": 4},
            {"type": "Programmed", "status": "True", "observedGeneration": 3}]},
        {"name": "b", "conditions": [{"type": "Programmed", "status": "Unknown", "observedGeneration": 4}]},
        {"name": "c", "conditions": null}]}"""
    assert programmed_in_status(status) == {"a": 3}
    assert programmed_in_status(b"") == {}


def test_what_is_programmed_of_a_tenant_is_read_back_too() -> None:
    conditions = """{"type": "Accepted", "status": "True", "observedGeneration": 4},
        {"type": "Programmed", "status": "True", "observedGeneration": 3}"""
    whole = f'{{"currentState": "Ready", "gateway": {{"conditions": [{conditions}]}}}}'.encode()
    assert tenant_programmed_in_status(whole) == 3
    assert tenant_programmed_in_status(whole.replace(b"Programmed", b"Ready")) is None


@pytest.mark.parametrize("status", [b"", b"[]", b'{"gateway": null}', b'{"gateway": {}}'])
def test_a_tenant_that_says_nothing_of_it_is_not_programmed(status: bytes) -> None:
    assert tenant_programmed_in_status(status) is None
