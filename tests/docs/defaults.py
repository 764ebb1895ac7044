"""What listeners do with clients where nobody says otherwise: the tables of the edge profile and of the bootstrap."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.docs.reference import DOCS, MADE
from xdsserver.proxy.bootstrap import MAX_CONNECTIONS, RUNTIME
from xdsserver.translation.edge import (
    BACKEND_DATAGRAM,
    BUFFER,
    CLIENT_DATAGRAM,
    CONNECT_ATTEMPTS,
    CONNECT_TIMEOUT,
    CONNECTION_MANAGER,
    CONNECTIONS_AT_ONCE,
    DOWNSTREAM_TLS,
    HANDSHAKE_TIMEOUT,
    SESSION_IDLE,
    SESSIONS_AT_ONCE,
    STREAM_IDLE,
)
from xdsserver.translation.s3 import CHANGES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from xdsserver.translation.edge import Default

PAGE = DOCS / "reference" / "defaults.md"

INTRODUCTION = f"""\
{MADE}# Defaults of the edge

What clients meet at every listener, and why. None of it can be set, but for the few values of
[listeners for S3](#listeners-for-s3). What a route can say for itself is in
[timeouts, retries and sessions](timeouts-retries-sessions.md); a request has no time limit unless its rule sets one.

What it means for odd and hostile requests is shown in [the edge](rules.md#the-edge). Worth knowing:

- `/admin;x`, `/ADMIN` and `/%zz` are paths of their own, and a rule for `/admin` is not about them. Where a backend
  takes them for `/admin`, write rules that allow what is known, in place of one that refuses the rest.
- X-Forwarded-Host, X-Forwarded-Port, Forwarded and X-Real-IP of a client reach the backend as they are.
  X-Envoy-External-Address and the last address in X-Forwarded-For are what we saw.
- Of two Host headers none is taken: they meet the rules for any hostname, or 404.
- Names of gRPC metadata must not hold underscores.
"""

_S3 = """\
In place of what stands above, for listeners that the annotation `gateway.xdsserver.io/s3-listeners` of their Gateway
names ([guide](../guides/s3.md)).

"""


def page() -> str:
    """Make the page."""
    return "\n".join(
        (
            INTRODUCTION,
            *_table("Requests and connections of clients", (*CONNECTION_MANAGER, BUFFER)),
            *_table("Listeners for S3", CHANGES, _S3),
            *_table("TLS", (*DOWNSTREAM_TLS, HANDSHAKE_TIMEOUT)),
            *_table("Connections that are passed on (TCP, TLS)", (STREAM_IDLE, CONNECT_ATTEMPTS, CONNECTIONS_AT_ONCE)),
            *_table(
                "Datagrams that are passed on (UDP)",
                (SESSION_IDLE, SESSIONS_AT_ONCE, CLIENT_DATAGRAM, BACKEND_DATAGRAM),
            ),
            *_table("Connections to backends", (CONNECT_TIMEOUT, BUFFER)),
            *_table("An Envoy as a whole", (MAX_CONNECTIONS, *RUNTIME)),
        )
    )


def _table(title: str, defaults: Iterable[Default], before: str = "") -> Iterable[str]:
    yield f"## {title}\n\n{before}| what happens | why | Envoy's field |\n|---|---|---|"
    for one in defaults:
        yield f"| {one.means} | {one.why} | `{one.field}: {_value(one)}` |"
    yield ""


def _value(default: Default) -> str:
    return default.value if isinstance(default.value, str) else json.dumps(default.value)
