"""What a drain waits for: requests, and connections that are no HTTP (a TCP route, a handshake).

Idle keep-alive connections are not waited for. A client may hold one for an hour, and closing it between two requests
loses nothing.
"""

from __future__ import annotations

from urllib.parse import quote

STATS_TARGET = "/stats?filter=" + quote(r"^(http|listener)\..*\.downstream_(cx|rq)_active$")
"""Admin target whose answer `in_flight` reads."""


def in_flight(stats: str) -> int:
    """Count what a stop would cut off, from lines such as `http.edge.downstream_rq_active: 2`."""
    requests = http_connections = connections = 0
    for line in stats.splitlines():
        name, _, count = line.rpartition(": ")
        # Envoy counts the admin interface like any other, and each listener per worker as well as in all.
        if name.startswith(("http.admin.", "listener.admin.")) or ".worker_" in name:
            continue
        if name.startswith("listener."):
            connections += int(count) if name.endswith("cx_active") else 0
        elif name.endswith("rq_active"):
            requests += int(count)
        else:
            http_connections += int(count)
    # The counters are not read at one instant, so the difference may be off by one for a moment, but not below zero.
    return requests + max(0, connections - http_connections)
