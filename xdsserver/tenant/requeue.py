"""When a Tenant is looked at again though nothing was heard: classes of reasons, in seconds.

All that a plan reads is watched, so this is for what no watch tells: a time that comes, and what a server hides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from xdsserver.tenant.reasons import Impact, Reason

if TYPE_CHECKING:
    from collections.abc import Iterable

    from xdsserver.tenant.reasons import Finding

BLOCKED_S: Final = 60
API_S: Final = 5
WAITING_S: Final = 10
NODE_DOWN_S: Final = 30

_API: Final = frozenset({Reason.STATEFUL_SET_APPLY_FAILED, Reason.OBJECT_APPLY_FAILED})


def requeue_s(findings: Iterable[Finding], *, stuck: bool) -> int | None:
    """Give the seconds until a Tenant is looked at again, the soonest that any finding asks for; None: when it changes.

    `stuck` is whether pods cannot leave their nodes.
    """
    asked = [NODE_DOWN_S] if stuck else []
    for one in findings:
        match one.impact:
            case _ if one.reason in _API:
                asked.append(API_S)
            case Impact.BLOCKED:
                asked.append(BLOCKED_S)
            case Impact.WAITING:
                asked.append(WAITING_S)
            case Impact.FINE | Impact.UNHEALTHY:
                pass
    return min(asked, default=None)
