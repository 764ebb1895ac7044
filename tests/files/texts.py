"""Files as users write them, and a clock that tests turn."""

import time
from dataclasses import dataclass, field

from xdsserver.files import Scan


def route(name: str = "shop", path: str = "/", namespace: str = "") -> str:
    place = f", namespace: {namespace}" if namespace else ""
    return f"""\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: {name}{place}}}
spec:
  parentRefs:
  - name: edge
  rules:
  - matches:
    - path: {{value: {path}}}
    backendRefs:
    - {{name: {name}, port: 80}}
"""


def routes(*names: str, path: str = "/") -> str:
    return "---\n".join(route(name, path) for name in names)


SECRET = """\
apiVersion: v1
kind: Secret
metadata: {name: cert}
stringData:
  tls.key: hunter2
"""  # noqa: S105  (a Secret of a test)

BROKEN = "kind: [\n"


@dataclass
class Clock:
    """Nanoseconds since the epoch, an hour ahead: files that a test writes look settled."""

    now_ns: int = field(default_factory=lambda: time.time_ns() + 3_600_000_000_000)

    def __call__(self) -> int:
        return self.now_ns

    def advance(self, seconds: float) -> None:
        self.now_ns += int(seconds * 1e9)


def changed(scan: Scan) -> dict[str, bool]:
    """Name -> whether it is there, for every change."""
    return {change.name.name: change.object is not None for change in scan.changes}


def said(scan: Scan) -> list[str]:
    return [str(problem) for problem in scan.problems]
