"""Objects in, Envoy resources and statuses out: the pipeline with the one decision that it leaves open closed.

The pipeline says which ports it claims; the allocator answers; the answers are rows of the pipeline. Whoever runs it
(`standalone`, `translate`, the golden cases) hands in what the machine says of ports, and keeps what was decided.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

from xdsserver.gatewayapi import listenersets
from xdsserver.gatewayapi.attachment import named_parent
from xdsserver.gatewayapi.last_good import LastGood, as_secret, remember
from xdsserver.gatewayapi.telemetry import targets as telemetry_targets
from xdsserver.infrastructure.allocation import Pool, Wanted, Written, allocate
from xdsserver.infrastructure.host_ports import host_binds
from xdsserver.infrastructure.service_ports import service_binds
from xdsserver.model.fleets import DEFAULT_FLEET
from xdsserver.model.places import Bind, Promised
from xdsserver.objects.meta import GATEWAY_GROUP, Name, ObjectKey
from xdsserver.pipeline import Options, Pipeline
from xdsserver.tables import Change, finished

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from xdsserver.effects import Intended, Kept
    from xdsserver.gatewayapi.installed import Installed
    from xdsserver.gatewayapi.statuses import ObjectStatus
    from xdsserver.infrastructure.allocation import Probe
    from xdsserver.model.places import Awaited, Binding, Delivery, ListenerKey, PortKey
    from xdsserver.model.routing import ClusterKey, EndpointsKey
    from xdsserver.objects.meta import KubeObject
    from xdsserver.pipeline import ResourceKey
    from xdsserver.tables import Delta, Steps
    from xdsserver.xds.case import Blame, Rejection
    from xdsserver.xds.resource import Resource

    ObjectChange = tuple[str, Name, KubeObject | None]
    """Kind, name, and the object as it is now, or None where it is gone."""

FLEET = DEFAULT_FLEET
"""The fleet of a Gateway that asks for none: `<namespace>/<EnvoyFleet>`, which Envoys send as `node.cluster`."""

LOOPBACK = tuple(f"127.0.0.{last}" for last in range(1, 255))
"""The addresses that a machine has to itself."""


def always(_address: str, _port: int, _transport: str) -> None:
    """Take every port for free: the probe of whoever opens none."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What decides besides the objects: the pool of addresses, the machine's word on ports, the schemas.

    `schemas` is the release by which objects were checked; None in a cluster, whose CRDs tell.
    `promising`: what is allocated is served only once it was read back from where it is written down
    (`Reconciler.observed`), so that of several replicas none serves what the others do not know.
    """

    pool: Pool = field(default_factory=lambda: Pool(LOOPBACK))
    probe: Probe = always
    schemas: Installed | None = None
    options: Options = field(default_factory=Options)
    promising: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one round changed; None stands for what is gone. `failures` are bugs of ours, by table and row.

    `awaited` is what Envoys must acknowledge of listeners that are new or were changed. `intended` are objects that are
    made for others, where there is an API server to make them at.
    """

    resources: Mapping[ResourceKey, Resource | None]
    awaited: Mapping[ListenerKey, Awaited | None]
    statuses: Mapping[ObjectKey, ObjectStatus | None]
    failures: Mapping[tuple[str, object], Exception]
    intended: Mapping[ObjectKey, Intended | Kept | None] = field(default_factory=dict)

    def told_in(self, count: int) -> Iterator[Outcome]:
        """Divide what people and API servers are told of, so many objects at a time, for whoever cannot stay for all.

        What is served is not in it: that cannot be divided.
        """
        keys = [*dict.fromkeys((*self.statuses, *self.intended))]
        failures = self.failures
        for at in range(0, len(keys) or 1, count):
            some = keys[at : at + count]
            statuses = {key: self.statuses[key] for key in some if key in self.statuses}
            intended = {key: self.intended[key] for key in some if key in self.intended}
            yield Outcome({}, {}, statuses, failures, intended)
            failures = {}


Serve: TypeAlias = "Callable[[Mapping[ResourceKey, Resource | None]], None]"
"""Takes resources that changed, None where one is gone."""


def nobody(_resources: Mapping[ResourceKey, Resource | None]) -> None:
    """Serve nothing."""


def joined(outcomes: Iterable[Outcome]) -> Outcome:
    """Give what several rounds changed, one after the other, as if they had been one."""
    resources: dict[ResourceKey, Resource | None] = {}
    awaited: dict[ListenerKey, Awaited | None] = {}
    statuses: dict[ObjectKey, ObjectStatus | None] = {}
    failures: dict[tuple[str, object], Exception] = {}
    intended: dict[ObjectKey, Intended | Kept | None] = {}
    for one in outcomes:
        resources.update(one.resources)
        awaited.update(one.awaited)
        statuses.update(one.statuses)
        failures.update(one.failures)
        intended.update(one.intended)
    return Outcome(resources, awaited, statuses, failures, intended)


class Reconciler:
    """Holds the tables and what was allocated; without I/O, so that all ways to run share it."""

    def __init__(self, surroundings: Surroundings | None = None, written: Mapping[Name, Written] | None = None) -> None:
        self._surroundings = surroundings or Surroundings()
        self.pipeline = Pipeline(self._surroundings.options)
        self.written: Mapping[Name, Written] = dict(written or {})
        """What was allocated: to be kept, and handed in at the next start."""
        self._schemas = self._surroundings.schemas
        self._observed: Mapping[Name, Written] = {}
        self._adopted = False
        self._noted: list[Change] = []

    @property
    def pool(self) -> Pool:
        """The addresses that Gateways get whose fleet has none of its own."""
        return self._surroundings.pool

    def adopt(self, pool: Pool, written: Mapping[Name, Written]) -> None:
        """Take over what was allocated elsewhere, instead of what is written here; it counts from the next round on."""
        if (pool, written) != (self._surroundings.pool, self.written):
            self._surroundings = replace(self._surroundings, pool=pool)
            self.written = dict(written)
            self._adopted = True

    def observed(self, written: Mapping[Name, Written]) -> None:
        """Take what is written down of all Gateways now; it counts from the next round on."""
        if written != self._observed:
            self._observed = dict(written)
            self._adopted = True

    def noted(
        self, services: Mapping[Name, tuple[str, ...] | None], nodes: Mapping[str, tuple[str, ...] | None]
    ) -> None:
        """Take where load balancers lead to Services, and the addresses of nodes; it counts from the next round on."""
        pipeline = self.pipeline
        self._noted += [
            *(Change(pipeline.ingress, name, row or None) for name, row in services.items()),
            *(Change(pipeline.nodes, name, row or None) for name, row in nodes.items()),
        ]

    def objects(self, changes: Iterable[ObjectChange]) -> Outcome:
        """Take changes of objects, at once."""
        return finished(self.objects_in_steps(changes))

    def objects_in_steps(self, changes: Iterable[ObjectChange], serve: Serve = nobody) -> Steps[Outcome]:
        """Take changes of objects in steps, one round before the next; until its end all rows are as they were.

        `serve` is told of resources as soon as they are what they will be; the rest is for statuses.
        """
        rows = [row for change in changes for row in self.pipeline.change(*change)]
        if self._schemas is not None:
            rows.append(Change(self.pipeline.checked_by, GATEWAY_GROUP, self._schemas))
            self._schemas = None
        return (yield from self._round(rows, serve))

    def last_good(self) -> dict[ObjectKey, KubeObject]:
        """Give the Secrets whose certificates serve on though they are bad now, as they were when they were good."""
        found, kept = self.pipeline.certificates.rows, self.pipeline.remembered_certificates.rows
        return {
            ObjectKey("Secret", *name): as_secret(name, good)
            for name, good in kept.items()
            if isinstance(found.get(name), LastGood)
        }

    def identity(self, key: ObjectKey) -> tuple[str, int] | None:
        """Return uid and generation of an object; None where there is none."""
        found = self.pipeline.object(key)
        return None if found is None else (found.metadata.uid, found.metadata.generation)

    def backend_of(self, place: ResourceKey) -> ClusterKey | EndpointsKey | None:
        """Return which backend a cluster, or endpoints, of a fleet are; None where it is neither, or not wanted now."""
        for _, cluster in self.pipeline.clusters_named.rows.get(place, ()):
            return cluster
        for _, endpoints, _ in self.pipeline.clusters_reading.rows.get(place, ()):
            return endpoints
        return None

    def answers(
        self, deliveries: Mapping[ListenerKey, Delivery | None], rejections: Mapping[Blame, Rejection | None]
    ) -> Outcome:
        """Take what the Envoys acknowledged and what they reject, at once; it changes statuses and nothing else."""
        return finished(self.answers_in_steps(deliveries, rejections))

    def answers_in_steps(
        self,
        deliveries: Mapping[ListenerKey, Delivery | None],
        rejections: Mapping[Blame, Rejection | None],
        serve: Serve = nobody,
    ) -> Steps[Outcome]:
        """Take the same in steps, one round before the next; until its end all rows are as they were."""
        pipeline = self.pipeline
        return self._round(
            [
                *(Change(pipeline.deliveries, key, row) for key, row in deliveries.items()),
                *(Change(pipeline.rejections, key, row) for key, row in rejections.items()),
            ],
            serve,
        )

    def dangling(self, keys: Iterable[ObjectKey]) -> dict[ObjectKey, tuple[str, ...]]:
        """Give the references of these objects to parents and classes that are not there, where they have such.

        No status can tell of them: whoever would write it is the one that is not there.
        """
        found = {key: tuple(self._dangling(key)) for key in keys}
        return {key: words for key, words in found.items() if words}

    def _dangling(self, key: ObjectKey) -> Iterator[str]:
        pipeline = self.pipeline
        name = Name(key.namespace, key.name)
        match key.kind:
            case "Gateway":
                found = pipeline.gateways.rows.get(name)
                class_name = "" if found is None else found.spec.gateway_class_name
                if found is not None and Name("", class_name) not in pipeline.gateway_classes.rows:
                    yield f"spec.gatewayClassName: no GatewayClass {class_name}; this Gateway is served by nobody"
            case "ListenerSet":
                yield from self._dangling_set(name)
            case "XTelemetryPolicy":
                policy = pipeline.x_telemetry_policies.rows.get(name)
                for gateway in telemetry_targets(policy) if policy is not None else ():
                    if gateway not in pipeline.gateways.rows:
                        yield f"spec.targetRefs: no Gateway {gateway}"
            case _:
                yield from self._dangling_route(key)

    def _dangling_set(self, name: Name) -> Iterator[str]:
        set_ = self.pipeline.listener_sets.rows.get(name)
        behind = listenersets.named_parent(set_) if set_ is not None else None
        if behind is not None and not self._exists(behind):
            yield f"spec.parentRef: no {behind}"
        elif behind is not None and behind.kind != "Gateway" and name not in self.pipeline.our_sets.rows:
            yield f"spec.parentRef: {behind} is no Gateway, and leads to none"

    def _dangling_route(self, key: ObjectKey) -> Iterator[str]:
        route = self.pipeline.route_heads.rows.get(key)
        if route is None:
            return
        # A Tenant is a route too, and names its parents elsewhere.
        field = "spec.gateway.parentRefs" if route.serves_as else "spec.parentRefs"
        for number, reference in enumerate(route.parents):
            parent = named_parent(key, reference)
            if parent is not None and not self._exists(parent):
                yield f"{field}[{number}]: no {parent}"
        if route.default_scope is not None and route.default_scope not in self.pipeline.default_gateways.rows:
            yield f"spec.useDefaultGateways: no Gateway served here has defaultScope {route.default_scope}"

    def _exists(self, parent: ObjectKey) -> bool:
        rows = self.pipeline.gateways.rows if parent.kind == "Gateway" else self.pipeline.listener_sets.rows
        return Name(parent.namespace, parent.name) in rows

    def _round(self, rows: Iterable[Change], serve: Serve) -> Steps[Outcome]:
        graph, resources = self.pipeline.graph, self.pipeline.resources
        noted, self._noted = self._noted, []
        with graph.round():
            delta = yield from graph.steps([*noted, *rows], resources)
            deltas = []
            if answers := self._answers_to(delta):
                deltas = [(yield from graph.rest())]
                delta = yield from graph.steps(answers, resources)
            serve({key: row for one in (*deltas, delta) for key, row in one[resources].items()})
            yield
            deltas.append((yield from graph.rest()))
        return joined(_outcome(self.pipeline, delta) for delta in deltas)

    def _answers_to(self, delta: Delta) -> list[Change]:
        """Give what only the outside of the tables can say of what changed in them."""
        pipeline, answers = self.pipeline, self._remember(delta)
        claims, services = delta[pipeline.claims], delta[pipeline.written_services]
        if claims or services or self._gave_back(delta) or self._adopted:
            self._adopted = False
            answers += self._allocate()
        return answers

    def _remember(self, delta: Delta) -> list[Change]:
        """Keep the certificates of Secrets that changed, for when the next ones are bad."""
        kept, found = self.pipeline.remembered_certificates, self.pipeline.read_certificates
        return [
            Change(kept, name, remember(secret, found.newest.get(name), kept.newest.get(name)))
            for name, secret in delta[self.pipeline.secrets].items()
        ]

    def _gave_back(self, delta: Delta) -> bool:
        """Tell whether a Gateway is gone that kept an address; it may have had no claim any more."""
        return any(row is None and name in self.written for name, row in delta[self.pipeline.gateways].items())

    def _allocate(self) -> list[Change]:
        """Answer the claims, all of them, since an address that one Gateway gives back is free for another."""
        surroundings = self._surroundings
        uids = {name: gateway.metadata.uid for name, gateway in self.pipeline.gateways.newest.items()}
        wanted = Wanted(self.pipeline.claims.newest, uids)
        known = self._known() if surroundings.promising else self.written
        self.written, bindings = allocate(wanted, known, surroundings.pool, surroundings.probe, self.written)
        if surroundings.promising:
            bindings = {key: self._unless_written(known, key, binding) for key, binding in bindings.items()}
        bindings |= host_binds(wanted.claims)
        bindings |= service_binds(wanted, self.pipeline.written_services.newest)
        source = self.pipeline.bindings
        gone = [key for key in source.newest if key not in bindings]
        return [*(Change(source, key, None) for key in gone), *(Change(source, *one) for one in bindings.items())]

    def _known(self) -> dict[Name, Written]:
        """Give the addresses that are written down: in statuses, else in the Services of those who do not tell them."""
        services = self.pipeline.written_services.newest
        in_services = {name: Written(one.uid, one.address) for name, one in services.items() if one.address}
        return in_services | dict(self._observed)

    def _unless_written(self, known: Mapping[Name, Written], key: PortKey, binding: Binding) -> Binding:
        """Hold back a bind whose address is not written down yet."""
        there, decided = known.get(key.gateway), self.written.get(key.gateway)
        if not isinstance(binding, Bind) or decided is None:
            return binding
        written = there is not None and (there.uid, there.address) == (decided.uid, decided.address)
        return binding if written else Promised(binding)


def _outcome(pipeline: Pipeline, delta: Delta) -> Outcome:
    resources, awaited = delta[pipeline.resources], delta[pipeline.awaited]
    statuses, intended = delta[pipeline.statuses], delta[pipeline.intended]
    return Outcome(resources, awaited, statuses, delta.failures, intended)
