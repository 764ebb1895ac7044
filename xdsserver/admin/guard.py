"""Who may ask: nothing is answered, not even what there is, before the name, the token and the size were right.

It stands in front of the whole application, so that no page that is added later can forget it.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping
    from typing import Any

    from xdsserver.admin.token import Token

    Scope = MutableMapping[str, Any]
    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    App = Callable[[Scope, Receive, Send], Awaitable[None]]

MAX_BODY_BYTES: Final = 1024 * 1024
"""What may be sent with a request."""

_TOO_MUCH: Final = f"a request has at most {MAX_BODY_BYTES} bytes"

_HOST: Final = re.compile(r"(\[(?P<address>[0-9a-f:.]+)\]|(?P<name>[^\[\]:]*))(:[0-9]*)?")
"""`uri-host [ ":" port ]` (RFC 9110, section 7.2)."""

LOCAL_HOSTS: Final = frozenset({"localhost", "127.0.0.1", "::1"})
"""Names of this machine, which are always taken."""

_HEADERS: Final = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
"""What every answer says to browsers: keep nothing of it, guess nothing, and show it in no page of others."""


class Guard:
    """Turns away who may not ask, in this order: a name that is not ours, no token, too much.

    A page of somebody else that a browser was led to under our address (DNS rebinding) names its own host: that is told
    first, before anything is compared. There are no cookies, so no browser shows a token on behalf of another page.
    """

    def __init__(self, app: App, token: Token, hosts: frozenset[str]) -> None:
        """Guard an application; `hosts` are names under which we may be asked, besides those of this machine."""
        self._app = app
        self._token = token
        self._hosts = LOCAL_HOSTS | {one.lower() for one in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or turn it away (ASGI)."""
        if scope["type"] != "http":
            # Of websockets nothing is served; there is nobody to tell.
            return
        headers = scope["headers"]
        hosts = [value for name, value in headers if name == b"host"]
        tokens = [value for name, value in headers if name == b"authorization"]
        if len(hosts) != 1 or _hostname(hosts[0]) not in self._hosts:
            await _refuse(send, 400, "the Host of the request is no name of this server; --admin-host adds one")
        elif len(tokens) != 1 or not self._token.matches(tokens[0]):
            challenge = (b"www-authenticate", b'Bearer realm="xdsserver"')
            await _refuse(send, 401, "send the header Authorization: Bearer TOKEN", challenge)
        elif _announced_bytes(headers) > MAX_BODY_BYTES:
            await _refuse(send, 413, _TOO_MUCH)
        else:
            await self._pass_on(scope, receive, send)

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        taken_bytes, refused = 0, False

        async def bounded() -> Message:
            # What was not announced is counted as it comes.
            nonlocal taken_bytes
            message = await receive()
            taken_bytes += len(message.get("body", b""))
            return message if taken_bytes <= MAX_BODY_BYTES else {"type": "http.disconnect"}

        async def marked(message: Message) -> None:
            nonlocal refused
            if taken_bytes > MAX_BODY_BYTES:
                if not refused:
                    refused = True
                    await _refuse(send, 413, _TOO_MUCH)
                return
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *_HEADERS]
            await send(message)

        await self._app(scope, bounded, marked)


def _hostname(value: bytes) -> str:
    """Give the name of a header `Host` without its port, and without the brackets of an IPv6 address."""
    found = _HOST.fullmatch(value.decode("latin-1").lower())
    return "" if found is None else (found["address"] or found["name"]).rstrip(".")


def _announced_bytes(headers: list[tuple[bytes, bytes]]) -> int:
    found = next((value for name, value in headers if name == b"content-length"), b"0")
    return int(found) if found.isdigit() else 0


async def _refuse(send: Send, status: int, words: str, *more: tuple[bytes, bytes]) -> None:
    body = json.dumps({"detail": words}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), *_HEADERS, *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
