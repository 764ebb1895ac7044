"""Five hundred HTTPS listeners on one port, of a Gateway and its ListenerSets, each with a certificate of its own."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from typing_extensions import override

from tests.certificates import Certificate, curve_key
from tests.live import manifests as m
from tests.live.churning import changes
from xdsserver.app import ControlPlane, Hooks
from xdsserver.infrastructure.allocation import Pool
from xdsserver.narrator import Narrator
from xdsserver.reconciler import FLEET, Reconciler, Surroundings
from xdsserver.server import XdsOptions
from xdsserver.xds.ledger import Sent
from xdsserver.xds.rules import Rules

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xdsserver.xds.ledger import Event

LISTENERS = 500
_PER_PARENT = 50
"""A Gateway or a ListenerSet has up to 64."""


def host(number: int) -> str:
    return f"h{number}.test"


def parent_of(number: int) -> int:
    return number // _PER_PARENT


def secret(number: int) -> m.Document:
    """Give a Secret with a new certificate for the listener of this number."""
    made = Certificate(curve_key(), hostnames=(host(number),), name=host(number))
    return m.tls_secret(f"c{number}", (made.pem, made.key_pem))


class Listeners:
    """What each listener shows: the Secret of its own number, or of another."""

    def __init__(self, port: int, count: int = LISTENERS) -> None:
        self._port = port
        self._count = count
        self.shows = list(range(count))

    def parent(self, index: int) -> m.Document:
        """Give the Gateway (number 0) or one of its ListenerSets."""
        numbers = range(index * _PER_PARENT, min((index + 1) * _PER_PARENT, self._count))
        listeners = [
            m.https_listener(self._port, f"c{self.shows[number]}", name=f"l{number}", hostname=host(number))
            for number in numbers
        ]
        if index == 0:
            gateway = m.gateway(*listeners)
            gateway["spec"]["allowedListeners"] = {"namespaces": {"from": "Same"}}
            return gateway
        spec = {"parentRef": {"name": "edge"}, "listeners": listeners}
        api = "gateway.networking.k8s.io/v1"
        return {"apiVersion": api, "kind": "ListenerSet", "metadata": {"name": f"set-{index}"}, "spec": spec}

    def documents(self, backend_port: int) -> Iterator[m.Document]:
        """Give everything, with one route behind all of them."""
        parents = range(parent_of(self._count - 1) + 1)
        route = m.http_route("all", m.rule(m.to("web")))
        route["spec"]["parentRefs"] += [{"kind": "ListenerSet", "name": f"set-{index}"} for index in parents[1:]]
        yield m.gateway_class()
        yield from (self.parent(index) for index in parents)
        yield from (secret(number) for number in range(self._count))
        yield from m.service("web", backend_port)
        yield route


class Plane(ControlPlane):
    """The control plane, with what it sends counted by type."""

    def __init__(self, socket: str) -> None:
        hooks = Hooks(lambda _written: None, lambda _key: None)
        surroundings = Surroundings(Pool(("127.0.0.1",)))
        options = XdsOptions((socket,), Rules(fleet_of=lambda _node: FLEET))
        super().__init__(Reconciler(surroundings), options, Narrator(lambda _notice: None, Path()), hooks)
        self.sent: Counter[str] = Counter()

    @override
    def on_event(self, event: Event) -> None:
        super().on_event(event)
        if isinstance(event, Sent):
            self.sent[event.type_url] += 1

    def put(self, *documents: m.Document) -> None:
        self.objects(changes(documents))
