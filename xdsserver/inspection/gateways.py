"""Gateways and their listeners: where clients come in, and whether Envoys serve it."""

from collections.abc import Iterator
from dataclasses import dataclass

from xdsserver.gatewayapi.conditions import Status
from xdsserver.gatewayapi.statuses import GatewayStatus
from xdsserver.inspection.conditions import ConditionAnswer, State, answers, verdict
from xdsserver.inspection.paging import Scan, in_order, joined
from xdsserver.model.fleets import Placement
from xdsserver.model.places import ListenerKey
from xdsserver.objects.meta import Name, ObjectKey
from xdsserver.pipeline import Pipeline


@dataclass(frozen=True, slots=True)
class GatewayAnswer:
    """A Gateway in short.

    Attributes:
        namespace: where it is.
        name: how it is called.
        class_name: its GatewayClass.
        fleet: of the Envoys that serve it; "" where none does.
        addresses: those that clients dial.
        listeners: how many it has, with those of its ListenerSets.
        programmed: how many of them Envoys serve.
        attached_routes: how many routes its listeners have, one counted at each.
        state: what its status comes to.
        words: the first thing that is wrong with it, or that is waited for.
    """

    namespace: str
    name: str
    class_name: str
    fleet: str
    addresses: tuple[str, ...]
    listeners: int
    programmed: int
    attached_routes: int
    state: State
    words: str


@dataclass(frozen=True, slots=True)
class ListenerAnswer:
    """A listener of a Gateway or of a ListenerSet.

    Attributes:
        kind: `Gateway` or `ListenerSet`.
        namespace: of that object.
        parent: its name.
        name: that of the listener.
        gateway: on whose addresses it is, `namespace/name`.
        port: the one that was asked for.
        protocol: such as HTTPS.
        hostname: `*` for any.
        fleet: of the Envoys that open it; "" where none does.
        bind: the socket that they open, `tcp/ADDRESS:PORT`; "" where they open none.
        attached_routes: how many routes it has.
        programmed: `True`, `False` or `Unknown`: whether Envoys serve it.
        waiting: those Envoys that take too long about it.
        words: what is wrong, or what is waited for; "" where all is well.
    """

    kind: str
    namespace: str
    parent: str
    name: str
    gateway: str
    port: int
    protocol: str
    hostname: str
    fleet: str
    bind: str
    attached_routes: int
    programmed: str
    waiting: tuple[str, ...]
    words: str


@dataclass(frozen=True, slots=True)
class GatewayDetail:
    """A Gateway with all conditions and listeners."""

    gateway: GatewayAnswer
    conditions: tuple[ConditionAnswer, ...]
    listeners: tuple[ListenerAnswer, ...]


def scan(pipeline: Pipeline, after: str = "", namespace: str = "") -> Scan[GatewayAnswer]:
    """Walk the Gateways by namespace and name, those of other controllers too."""
    for name, key in in_order(pipeline.gateways.rows, after, joined):
        yield name, gateway(pipeline, key) if namespace in ("", key.namespace) else None


def gateway(pipeline: Pipeline, name: Name) -> GatewayAnswer | None:
    """Tell of one Gateway in short; None where there is none."""
    found = pipeline.gateways.rows.get(name)
    if found is None:
        return None
    status = pipeline.gateway_statuses.rows.get(ObjectKey("Gateway", *name))
    placed = pipeline.placements.rows.get(name)
    summed = verdict(status)
    listeners = tuple(listeners_on(pipeline, name))
    return GatewayAnswer(
        *name,
        found.spec.gateway_class_name,
        placed.fleet if isinstance(placed, Placement) else "",
        tuple(one.value for one in status.addresses) if isinstance(status, GatewayStatus) else (),
        len(listeners),
        sum(1 for one in listeners if one.programmed == "True"),
        sum(one.attached_routes for one in listeners),
        summed.state,
        summed.words,
    )


def detail(pipeline: Pipeline, name: Name) -> GatewayDetail | None:
    """Tell all of one Gateway; None where there is none."""
    short = gateway(pipeline, name)
    if short is None:
        return None
    status = pipeline.gateway_statuses.rows.get(ObjectKey("Gateway", *name))
    return GatewayDetail(short, answers(status), tuple(listeners_on(pipeline, name)))


def listeners_on(pipeline: Pipeline, name: Name) -> Iterator[ListenerAnswer]:
    """Give the listeners on the addresses of a Gateway: its own, then those of its ListenerSets."""
    sets = pipeline.our_sets.rows if name in pipeline.accepted_set_counts.rows else {}
    of_it = sorted(key for key, attached in sets.items() if attached.gateway == name)
    for parent in (ObjectKey("Gateway", *name), *(ObjectKey("ListenerSet", *one) for one in of_it)):
        for key in pipeline.listeners_of.rows.get(parent, ()):
            if (found := listener(pipeline, key)) is not None:
                yield found


def scan_listeners(pipeline: Pipeline, after: str = "", namespace: str = "") -> Scan[ListenerAnswer]:
    """Walk all listeners by the kind, namespace and name of their parent, and by their own names."""
    for name, key in in_order(pipeline.listeners.rows, after, joined):
        yield name, listener(pipeline, key) if namespace in ("", key.namespace) else None


def listener(pipeline: Pipeline, key: ListenerKey) -> ListenerAnswer | None:
    """Tell of one listener; None where there is none."""
    state, serving = pipeline.listener_states.rows.get(key), pipeline.binds.rows.get(key)
    if state is None:
        return None
    found, (programmed, _, words) = state.listener, state.programmed()
    problem = next(iter(state.problems), None)
    return ListenerAnswer(
        *key,
        str(found.gateway),
        found.port,
        found.protocol,
        found.hostname,
        "" if serving is None else serving.bind.fleet,
        "" if serving is None else str(serving.bind),
        state.attached_routes,
        programmed.value,
        () if state.delivery is None else state.delivery.waiting,
        problem.message if problem is not None else "" if programmed is Status.TRUE else words,
    )
