"""Whether a port can be opened is asked of the machine, transport by transport."""

from __future__ import annotations

import socket

import pytest

from tests.ports import free_port
from xdsserver.app.standalone import can_open

KINDS = {"TCP": socket.SOCK_STREAM, "UDP": socket.SOCK_DGRAM}


@pytest.mark.parametrize(("taken", "other"), [("TCP", "UDP"), ("UDP", "TCP")])
def test_a_port_that_is_taken_is_so_for_its_transport_only(taken: str, other: str) -> None:
    with socket.socket(socket.AF_INET, KINDS[taken]) as holder:
        holder.bind(("127.0.0.1", port := free_port()))
        if taken == "TCP":
            holder.listen()
        assert can_open("127.0.0.1", port, taken) == f"port {port} is in use by another program"
        assert can_open("127.0.0.1", port, other) is None
    assert can_open("127.0.0.1", port, taken) is None


def test_a_port_of_udp_that_others_would_share_is_taken() -> None:
    """Who binds with SO_REUSEADDR as well would take datagrams away from the one who was there."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", port := free_port()))
        assert can_open("127.0.0.1", port, "UDP") == f"port {port} is in use by another program"
