"""What one change of HTTPS listeners costs does not depend on how many share the port; their bytes are joined once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.certificates import Certificate, curve_key
from tests.properties.secrets_of_worlds import PAIRS
from tests.properties.test_budgets import meta
from xdsserver.infrastructure.allocation import Pool
from xdsserver.objects import gateway as gw
from xdsserver.objects import httproute as hr
from xdsserver.objects.gatewayclass import GatewayClass, GatewayClassSpec
from xdsserver.objects.listenerset import ListenerSet, ListenerSetSpec, ParentGatewayReference
from xdsserver.objects.meta import Name, ObjectReference, SecretObjectReference
from xdsserver.objects.secret import Secret, SecretBytes
from xdsserver.reconciler import Reconciler, Surroundings
from xdsserver.xds.resource import LISTENER, ROUTE, SECRET

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xdsserver.objects.meta import KubeObject
    from xdsserver.reconciler import Outcome
    from xdsserver.tables import Delta, Stats

SIZES = (10, 100, 500)
MANY = SIZES[1:]
"""Among so many each listener knows only the hostnames that are more specific than its own."""
_PER_SET = 50


def secret(number: int, pair: int = 0) -> Secret:
    return secret_of(number, *PAIRS[pair])


def secret_of(number: int, chain: bytes, key: bytes) -> Secret:
    return Secret(
        metadata=meta(Name("shop", f"c{number}")),
        type="kubernetes.io/tls",
        data={"tls.crt": SecretBytes(chain), "tls.key": SecretBytes(key), "ca.crt": SecretBytes(chain)},
    )


def listener(number: int, shows: int | None = None) -> gw.GatewayListener:
    reference = SecretObjectReference(name=f"c{number if shows is None else shows}")
    tls = gw.ListenerTLS(certificate_refs=(reference,))
    return gw.GatewayListener(name=f"l{number}", port=443, protocol="HTTPS", hostname=f"h{number}.test", tls=tls)


def listener_set(name: str, *listeners: gw.GatewayListener) -> ListenerSet:
    parent = ParentGatewayReference(name="front")
    return ListenerSet(metadata=meta(Name("shop", name)), spec=ListenerSetSpec(parent_ref=parent, listeners=listeners))


def gateway(validation: gw.FrontendValidation | None = None) -> gw.Gateway:
    same = gw.AllowedListeners(namespaces=gw.ListenerNamespaces(from_="Same"))
    frontend = gw.FrontendTLS(default=gw.FrontendTLSConfig(validation=validation))
    http = gw.GatewayListener(name="http", port=80, protocol="HTTP")
    return gw.Gateway(
        metadata=meta(Name("shop", "front")),
        spec=gw.GatewaySpec(
            gateway_class_name="ours",
            listeners=(http,),
            allowed_listeners=same,
            tls=gw.GatewayTLS(frontend=frontend),
        ),
    )


def sets_of(size: int) -> dict[str, range]:
    """Spread listeners over ListenerSets: `one` has the first, others the rest."""
    rest = range(1, size, _PER_SET)
    return {"one": range(1)} | {f"s{start}": range(start, min(start + _PER_SET, size)) for start in rest}


class World:
    """A Gateway, a ListenerSet `one` with listener 0, others with the rest, and a route that is on all of them."""

    def __init__(self, size: int, validation: gw.FrontendValidation | None = None) -> None:
        controller = "gateway.xdsserver.io/controller"
        sets = sets_of(size)
        parents = tuple(hr.ParentReference(name=name, kind="ListenerSet") for name in sets)
        objects: list[KubeObject] = [
            GatewayClass(metadata=meta(Name("", "ours")), spec=GatewayClassSpec(controller_name=controller)),
            gateway(validation),
            *(listener_set(name, *map(listener, numbers)) for name, numbers in sets.items()),
            *(secret(number) for number in range(size)),
            hr.HTTPRoute(
                metadata=meta(Name("shop", "r")),
                spec=hr.HTTPRouteSpec(parent_refs=parents, rules=(hr.HTTPRouteRule(),)),
            ),
        ]
        self._reconciler = Reconciler(Surroundings(Pool(("127.0.0.1",))))
        self.pipeline = self._reconciler.pipeline
        assert not self.put(*objects).failures
        served = [key for key in self.pipeline.resources.rows if key[1] == ROUTE]
        assert len(served) == size + 1, "a chain for each listener, and one for HTTP"

    def put(self, *objects: KubeObject) -> Outcome:
        return self._reconciler.objects((type(one).__name__, one.name, one) for one in objects)

    def change(self, one: KubeObject) -> Delta:
        return self.pipeline.apply(self.pipeline.change(type(one).__name__, one.name, one))

    def types(self, delta: Delta) -> list[str]:
        return sorted(type_url for _fleet, type_url, _name in delta[self.pipeline.resources])


def same(costs: Mapping[int, Stats], *, rows: int, joined: bool = False) -> Stats:
    """Require equal costs at all sizes, and give them; `rows` are handed to derivations at most.

    One of them is the listener, whose Gateway says whether anybody is reached there, each time that it is awaited.
    Where what is shared is joined again, that is a row more for each listener, and two for each set, which is a
    parent of the route that is on all of them.
    """
    assert len({(one.derivations, one.folds) for one in costs.values()}) == 1, costs
    found = {one.rows - (size + 2 * len(sets_of(size)) if joined else 0) for size, one in costs.items()}
    assert len(found) == 1, costs
    assert max(found) <= rows, costs
    return next(iter(costs.values()))


def test_a_rotated_secret_costs_itself() -> None:
    costs = {}
    for size in SIZES:
        world = World(size)
        delta = world.change(secret(0, pair=1))
        assert world.types(delta) == [SECRET]
        costs[size] = delta.stats
    assert same(costs, rows=9).derivations <= 6, "more than one for each table on the way"


def test_a_listener_that_shows_another_certificate_costs_its_filter_chain() -> None:
    costs = {}
    for size in SIZES:
        world = World(size)
        world.put(secret(999))
        delta = world.change(listener_set("one", listener(0, shows=999)))
        assert world.types(delta) == sorted([LISTENER, SECRET, SECRET])
        assert len(delta[world.pipeline.chains]) == 1
        costs[size] = delta.stats
    assert same(costs, rows=56, joined=True).derivations <= 25


def test_one_more_listener_among_many_costs_its_own_chain_and_table() -> None:
    costs = {}
    for size in MANY:
        world = World(size)
        world.put(secret(999))
        delta = world.change(listener_set("one", listener(0), listener(999)))
        assert world.types(delta) == sorted([LISTENER, ROUTE, SECRET])
        assert len(delta[world.pipeline.chains]) == 1
        costs[size] = delta.stats
    assert same(costs, rows=101, joined=True).derivations <= 48


def test_one_more_listener_with_the_certificate_of_many_wakes_none_of_them() -> None:
    """They overlap, each with some other; of which it is told two are kept, and not all of them compared."""
    shared = Certificate(curve_key(), hostnames=("*.test",))
    costs = {}
    for size in MANY:
        world = World(size)
        world.put(*(secret_of(number, shared.pem, shared.key_pem) for number in range(size)))
        world.put(secret_of(999, shared.pem, shared.key_pem))
        assert len(world.pipeline.overlaps.rows) == size
        delta = world.change(listener_set("z", listener(999)))
        assert len(delta[world.pipeline.overlaps]) == 1
        costs[size] = delta.stats
    assert same(costs, rows=78).derivations <= 37


def test_other_authorities_of_clients_cost_one_resource() -> None:
    reference = ObjectReference(group="", kind="Secret", name="c1")
    costs = {}
    for size in SIZES:
        world = World(size, gw.FrontendValidation(ca_certificate_refs=(reference,)))
        ca = secret(1)
        ca = Secret(metadata=ca.metadata, type=ca.type, data={**ca.data, "ca.crt": SecretBytes(PAIRS[1][0])})
        delta = world.change(ca)
        assert world.types(delta) == [SECRET]
        costs[size] = delta.stats
    assert same(costs, rows=8).derivations <= 5
