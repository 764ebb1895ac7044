from __future__ import annotations

import pytest

from xdsserver.proxy.drain import in_flight

ADMIN = """\
http.admin.downstream_cx_active: 1
http.admin.downstream_rq_active: 1
listener.admin.downstream_cx_active: 1
listener.admin.main_thread.downstream_cx_active: 1
"""


@pytest.mark.parametrize(
    ("stats", "count"),
    [
        pytest.param("", 0, id="the admin interface alone"),
        pytest.param(
            "http.edge.downstream_cx_active: 3\nhttp.edge.downstream_rq_active: 0\n"
            "listener.0.0.0.0_80.downstream_cx_active: 3\nlistener.0.0.0.0_80.worker_0.downstream_cx_active: 3\n",
            0,
            id="idle keep-alive connections",
        ),
        pytest.param(
            "http.edge.downstream_cx_active: 1\nhttp.edge.downstream_rq_active: 5\n"
            "listener.0.0.0.0_80.downstream_cx_active: 1\n",
            5,
            id="five streams of one connection",
        ),
        pytest.param(
            "http.edge.downstream_cx_active: 1\nhttp.edge.downstream_rq_active: 0\n"
            "listener.0.0.0.0_80.downstream_cx_active: 1\nlistener.0.0.0.0_5432.downstream_cx_active: 2\n",
            2,
            id="connections that are no HTTP",
        ),
        pytest.param(
            "http.edge.downstream_cx_active: 2\nlistener.0.0.0.0_80.downstream_cx_active: 1\n",
            0,
            id="counters of two instants",
        ),
    ],
)
def test_a_drain_waits_for(stats: str, count: int) -> None:
    assert in_flight(ADMIN + stats) == count
