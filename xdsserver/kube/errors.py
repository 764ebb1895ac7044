"""What can go wrong with an API server, as one tree.

```text
KubeError
├── AccessError        there is no way to it: no kubeconfig, no service account, files that cannot be read
├── Unreachable        no answer: refused, reset, cut short, certificates that do not fit
│   └── TimedOut       no answer in time
├── TooLarge           an answer beyond what is read at once
├── Garbled            an answer that is not what was asked for
└── StatusError        an answer that says no; `code` is the HTTP status
    ├── Unauthorized   401
    ├── Forbidden      403
    ├── NotFound       404
    ├── Conflict       409
    ├── Gone           410, as a status or within a watch: the version asked for is not kept any more
    ├── Invalid        400 and 422: the same request will never do
    ├── TooManyRequests  429; `retry_after_s` says how long to wait
    └── Unavailable    5xx
```
"""

# ruff: noqa: N818  (these are states of the world, not mistakes, and named like them)

import msgspec


class KubeError(Exception):
    """Something is wrong with the API server, or between it and us; the message can be shown."""


class AccessError(KubeError):
    """There is no way to an API server; the message names what is missing."""


class Unreachable(KubeError):
    """No answer came."""


class TimedOut(Unreachable):
    """No answer came in time."""


class TooLarge(KubeError):
    """An answer is larger than what is read at once."""


class Garbled(KubeError):
    """An answer is not what was asked for."""


class StatusError(KubeError):
    """The API server said no.

    `code` is the HTTP status, `reason` the word for machines ("" where none was given), `retry_after_s` what it asked
    to wait (None where it did not).
    """

    def __init__(self, code: int, reason: str, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(f"{code} {reason}: {message}" if reason else f"{code}: {message}")
        self.code = code
        self.reason = reason
        self.retry_after_s = retry_after_s


class Unauthorized(StatusError):
    """It does not know who we are (401)."""


class Forbidden(StatusError):
    """We may not do this (403)."""


class NotFound(StatusError):
    """There is no such object, or no such kind (404)."""


class Conflict(StatusError):
    """Somebody else was faster, or owns what we wanted to change (409)."""


class Gone(StatusError):
    """The version asked for is not kept any more (410)."""


class Invalid(StatusError):
    """The request is wrong and will be next time (400, 422)."""


class TooManyRequests(StatusError):
    """It asks for a pause (429)."""


class Unavailable(StatusError):
    """It cannot answer now (5xx)."""


_CLASSES: dict[int, type[StatusError]] = {
    400: Invalid,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    422: Invalid,
    429: TooManyRequests,
}
_SERVER_ERROR = 500
_SHOWN = 500
"""Characters of a message that are kept: refused objects are repeated in theirs."""


class Status(msgspec.Struct, frozen=True):
    """`metav1.Status`, what an API server answers when it does not answer what was asked for."""

    code: int = 0
    reason: str = ""
    message: str = ""


def of_status(code: int | None, body: bytes, retry_after: str | None = None) -> StatusError:
    """Make the error of a status: its code (None: it is in the body), its body, and the header Retry-After."""
    try:
        status = msgspec.json.decode(body, type=Status)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # Whoever answered is a proxy, or an API server that has no words left.
        status = Status(message=body[:_SHOWN].decode("ascii", "replace").strip())
    code = status.code if code is None else code
    default = Unavailable if code >= _SERVER_ERROR else StatusError
    message = status.message[:_SHOWN] or "no reason was given"
    return _CLASSES.get(code, default)(code, status.reason, message, _seconds(retry_after))


def _seconds(retry_after: str | None) -> float | None:
    """Read the form in seconds; a date, which API servers do not send, would need the time of day."""
    return float(retry_after) if retry_after is not None and retry_after.isascii() and retry_after.isdigit() else None
