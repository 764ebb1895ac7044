"""Fields of rules that no API server has seen: what it would refuse is refused here too, with the remedy."""

from __future__ import annotations

import pytest

from xdsserver.filters.retry import Retry
from xdsserver.filters.session_persistence import SessionPersistence
from xdsserver.filters.timeouts import STREAM_IDLE_MS, Timeouts
from xdsserver.objects import httproute as hr
from xdsserver.objects.meta import ObjectKey
from xdsserver.translation.connection_manager import connection_manager

OWNER = ObjectKey("HTTPRoute", "default", "shop")


@pytest.mark.parametrize(
    ("timeouts", "words"),
    [
        (
            hr.HTTPRouteTimeouts(request="1s", backend_request="1001ms"),
            "backendRequest 1001ms is longer than request 1s",
        ),
        (hr.HTTPRouteTimeouts(request="soon"), "request 'soon' is not a duration; write it as 1h30m or 500ms"),
        (hr.HTTPRouteTimeouts(backend_request="1d"), "backendRequest '1d' is not a duration"),
    ],
)
def test_timeouts_that_cannot_be_are_refused(timeouts: hr.HTTPRouteTimeouts, words: str) -> None:
    refusal = Timeouts().parse(hr.HTTPRouteRule(timeouts=timeouts), OWNER, 0)
    assert isinstance(refusal, str)
    assert words in refusal


def test_a_backoff_that_is_no_duration_is_refused_also_where_nothing_is_tried_again() -> None:
    for attempts in (0, 1):
        rule = hr.HTTPRouteRule(retry=hr.HTTPRouteRetry(attempts=attempts, backoff="1.5s"))
        assert "backoff '1.5s' is not a duration" in str(Retry().parse(rule, OWNER, 0))


@pytest.mark.parametrize(
    ("session", "words"),
    [
        (hr.SessionPersistence(), "cookie is missing; a session of type Cookie needs it"),
        (hr.SessionPersistence(type="Header"), "header is missing"),
        (hr.SessionPersistence(type="Token"), "type Token is not supported; use Cookie or Header"),
        (hr.SessionPersistence(cookie=hr.CookieConfig(name="a;b")), "'a;b' is no name of a cookie"),
        (hr.SessionPersistence(cookie=hr.CookieConfig(name="a\r\nb")), "is no name of a cookie"),
        (
            hr.SessionPersistence(cookie=hr.CookieConfig(), absolute_timeout="x"),
            "absoluteTimeout 'x' is not a duration",
        ),
        (hr.SessionPersistence(type="Header", header=hr.SessionHeader(name=":path")), "cannot carry a session"),
    ],
)
def test_sessions_that_cannot_be_are_refused(session: hr.SessionPersistence, words: str) -> None:
    rule = hr.HTTPRouteRule(session_persistence=session, backend_refs=(hr.HTTPBackendRef(name="a", port=80),))
    assert words in str(SessionPersistence().parse(rule, OWNER, 0))


def test_a_rule_without_the_fields_asks_for_nothing() -> None:
    rule = hr.HTTPRouteRule(timeouts=hr.HTTPRouteTimeouts())
    assert [field.parse(rule, OWNER, 0) for field in (Timeouts(), Retry(), SessionPersistence())] == [None] * 3


def test_the_limit_of_idle_streams_is_that_of_the_connection_manager() -> None:
    """What is longer must be said on the route, so both must mean the same; 5 minutes is Envoy's own limit."""
    manager = connection_manager("http", "routes", 0, None)
    said = manager.stream_idle_timeout.ToMilliseconds() if manager.HasField("stream_idle_timeout") else 300_000
    assert said == STREAM_IDLE_MS
