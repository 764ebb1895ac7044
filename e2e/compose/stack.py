"""The running stack: its containers, what they count, and the four ways to break one."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, TypeVar, assert_never

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

PROJECT: Final = "xdsserver-e2e"
WITHIN_S: Final = 300.0
"""How long anything may take before it counts as never: an Envoy sees after 35 s that a server is silent."""


class Fault(StrEnum):
    """What happens to a container."""

    PAUSE = "pause"
    """It stands still, and its connections stay open."""
    KILL = "kill"
    """It ends without a word."""
    DISCONNECT = "disconnect"
    """It runs on without a network."""
    RESTART = "restart"
    """It is asked to end, and started again."""


@dataclass(frozen=True)
class Counts:
    """What became of the requests to one address so far."""

    sent: int
    answered: int
    failed: int
    reasons: Mapping[str, int]


@dataclass(frozen=True)
class Stack:
    """A stack that is up."""

    client: Any
    """Of the docker SDK, which has no types."""
    gateway: Path
    """The folder that the server reads."""
    counts_url: str
    prometheus_url: str
    without_prometheus: str
    """Why Prometheus could not be had; empty where it runs."""
    envoys: Mapping[str, str]
    """The address of each Envoy, as this machine sees it."""

    def container(self, service: str) -> Any:  # noqa: ANN401  (see above)
        """Return the container of a service."""
        found = self.client.containers.list(
            all=True,
            filters={"label": [f"com.docker.compose.project={PROJECT}", f"com.docker.compose.service={service}"]},
        )
        (container,) = found
        return container

    def containers(self) -> list[Any]:
        """Return those that run."""
        found: list[Any] = self.client.containers.list(filters={"label": f"com.docker.compose.project={PROJECT}"})
        return found

    def counts(self) -> dict[str, Counts]:
        """Ask the load what became of its requests, by address."""
        with urllib.request.urlopen(self.counts_url, timeout=10) as answer:  # noqa: S310  (our own address)
            told = json.load(answer)
        return {
            url: Counts(one["sent"], one["answered"], sum(one["failed"].values()), one["failed"])
            for url, one in told.items()
        }

    def metrics(self, path: str, **parameters: str) -> Any:  # noqa: ANN401  (a document of Prometheus)
        """Ask the API of Prometheus."""
        url = f"{self.prometheus_url}api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310  (our own address)
            return json.load(answer)["data"]

    def settled(self) -> dict[str, Counts]:
        """Wait until all that was sent by now was answered or has failed; give the counts."""
        sent = {url: one.sent for url, one in self.counts().items()}

        def done() -> dict[str, Counts] | None:
            now = self.counts()
            return now if all(one.answered + one.failed >= sent[url] for url, one in now.items()) else None

        return until(done, "requests under way have an end")

    def answered_again(self, answers: int = 20) -> None:
        """Wait until every address has answered this many times with no failure in between."""
        began = self.settled()

        def done() -> bool:
            nonlocal began
            now = self.settled()
            if any(now[url].failed > one.failed for url, one in began.items()):
                began = now
            return all(now[url].answered >= one.answered + answers for url, one in began.items())

        until(done, "every address answers again")

    @contextmanager
    def broken(self, service: str, fault: Fault) -> Iterator[None]:
        """Break a service; mend it at the end, whatever happened."""
        container = self.container(service)
        (network,) = self.client.networks.list(names=[f"{PROJECT}_default"])
        match fault:
            case Fault.PAUSE:
                container.pause()
            case Fault.KILL:
                container.kill()
            case Fault.DISCONNECT:
                network.disconnect(container)
            case Fault.RESTART:
                container.stop(timeout=10)
            case _:
                assert_never(fault)
        try:
            yield
        finally:
            match fault:
                case Fault.PAUSE:
                    container.unpause()
                case Fault.KILL | Fault.RESTART:
                    container.start()
                case Fault.DISCONNECT:
                    network.connect(container, aliases=[service])
                case _:
                    assert_never(fault)

    def say(self, word: str) -> None:
        """Change the routes, so that each answer has this word in a header."""
        (self.gateway / "routes.yaml").write_text(ROUTES.format(word=word), encoding="utf-8")

    def until_said(self, word: str) -> None:
        """Wait until each Envoy answers with it."""
        until(lambda: {self.said(envoy) for envoy in self.envoys} == {word}, f"both Envoys say {word}")

    def said(self, envoy: str) -> str | None:
        """Ask an Envoy for its word."""
        try:
            with urllib.request.urlopen(f"{self.envoys[envoy]}/green", timeout=5) as answer:  # noqa: S310  (see above)
                word: str | None = answer.headers["x-word"]
                return word
        except (OSError, urllib.error.URLError):
            return None


ROUTES: Final = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: colours
spec:
  parentRefs:
  - name: web
  rules:
  - matches:
    - path: {{type: PathPrefix, value: /blue}}
    backendRefs:
    - {{name: blue, port: 8080}}
  - matches:
    - path: {{type: PathPrefix, value: /green}}
    filters:
    - type: ResponseHeaderModifier
      responseHeaderModifier: {{set: [{{name: x-word, value: {word}}}]}}
    backendRefs:
    - {{name: green, port: 8080}}
"""


T = TypeVar("T")


def until(ask: Callable[[], T | None], what: str) -> T:
    """Ask until the answer is true."""
    deadline = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline:
        if answer := ask():
            return answer
        time.sleep(0.1)
    message = f"not within {WITHIN_S:.0f} s: {what}"
    raise AssertionError(message)
