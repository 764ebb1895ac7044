"""Make before break: additions before what names them, removals last, and nothing waits longer than it must."""

from __future__ import annotations

from tests.protocol.script import CDS, EDS, LDS, RDS, SDS, Client, World, cluster, endpoints, listener, route, secret


def _settled(world: World, *, sotw: bool = False) -> Client:
    """A client that holds everything there is and has acknowledged it."""
    client = Client(world, sotw=sotw)
    client.ask(CDS)
    client.ack()
    named = {kind: tuple(world.cache.resources("edge", kind)) for kind in (EDS, RDS, SDS)}
    for kind in (EDS, LDS, RDS, SDS):
        client.ask(kind, *named.get(kind, ())) if kind == LDS or named[kind] else None
        client.settle()
    return client


def _world() -> World:
    world = World()
    world.put(
        cluster("blue", endpoints="pods"),
        endpoints("pods"),
        listener("l"),
        route("r", "1", to=("blue",)),
        route("other", "1", to=("blue",)),
    )
    return world


def test_x12_endpoints_follow_every_change_of_their_cluster_at_once() -> None:
    """X12: EDS of the same clusters follows in the same tick."""
    client = _settled(world := _world())
    assert world.put(cluster("blue", "2", endpoints="pods")) == ["CDS +blue", "EDS +pods"]
    assert client.settle() == []


def test_x12_clusters_that_share_endpoints_have_them_sent_once() -> None:
    """X12: EDS of the same clusters follows in the same tick."""
    _settled(world := _world())
    shared = (cluster("blue", "2", endpoints="pods"), cluster("twin", endpoints="pods"))
    assert world.put(*shared) == ["CDS +blue +twin", "EDS +pods"]


def test_x12_after_a_reconnect_known_endpoints_are_sent_again_for_a_changed_cluster() -> None:
    """X12: Envoy asks for clusters first; endpoints that are announced unchanged are sent all the same."""
    world = _world()
    client = Client(world)
    assert client.ask(CDS, has={"blue": "old"}) == ["CDS +blue"]
    assert client.ask(EDS, "pods", has={"pods": endpoints("pods").version}) == ["EDS +pods"]


def test_x13_one_change_set_is_sent_in_order_and_the_old_goes_last() -> None:
    """X13: CDS+EDS -> LDS -> RDS -> (ACK) -> remove old RDS/LDS -> remove CDS/EDS after drain."""
    client = _settled(world := _world())
    client.ask(EDS, "green-pods")
    client.settle()
    answers = world.change(
        (
            cluster("green", endpoints="green-pods"),
            endpoints("green-pods"),
            listener("l2", to=("green",)),
            route("r", "2", to=("green",)),
        ),
        (cluster("blue"), endpoints("pods"), listener("l"), route("other")),
    )
    assert answers == ["CDS +green", "EDS +green-pods"]
    assert client.ack() == ["LDS +l2", "RDS +r", "LDS -l", "RDS -other"]
    assert world.sleep(0.5) == []
    assert client.ack() == []
    assert world.sleep(0.9) == []
    assert world.sleep(0.2) == ["CDS -blue", "EDS -pods"]
    assert client.session.next_tick() is None


def test_a_route_waits_for_the_acknowledgement_of_both_its_cluster_and_the_endpoints() -> None:
    client = _settled(world := _world())
    client.ask(EDS, "green-pods")
    client.settle()
    new = (cluster("green", endpoints="green-pods"), endpoints("green-pods"), route("r", "2", to=("green",)))
    assert world.put(*new) == ["CDS +green", "EDS +green-pods"]
    assert client.ack(EDS) == []
    assert client.ack(CDS) == ["RDS +r"]


def test_endpoints_that_were_sent_before_the_cluster_do_not_count() -> None:
    client = _settled(world := _world())
    world.put(endpoints("pods", "2"))
    early = client.unanswered.pop()
    new = (cluster("green", endpoints="pods"), route("r", "2", to=("green",)))
    assert world.put(*new) == ["CDS +green", "EDS +pods"]
    assert client.ack(CDS) == []
    late, client.unanswered = client.unanswered, [early]
    assert client.ack(EDS) == []
    client.unanswered = late
    assert client.ack(EDS) == ["RDS +r"]


def test_endpoints_are_subscribed_after_the_cluster_arrived() -> None:
    """As a real Envoy does: it learns the name of the endpoints from the cluster."""
    client = _settled(world := _world())
    new = (cluster("green", endpoints="green-pods"), endpoints("green-pods"), route("r", "2", to=("green",)))
    assert world.put(*new) == ["CDS +green"]
    assert client.ask(EDS, "green-pods") == ["EDS +green-pods"]
    assert client.ack(EDS) == []
    assert client.ack(CDS) == ["RDS +r"]


def test_a_route_waits_for_one_second_at_most() -> None:
    client = _settled(world := _world())
    assert world.put(cluster("green"), route("r", "2", to=("green",))) == ["CDS +green"]
    assert world.sleep(0.99) == []
    assert world.sleep(0.02) == ["RDS +r"]
    assert client.session.next_tick() is None


def test_a_newer_version_replaces_the_waiting_one_and_does_not_restart_its_clock() -> None:
    client = _settled(world := _world())
    world.put(cluster("green"), route("r", "2", to=("green",)))
    assert world.sleep(0.9) == []
    assert world.put(cluster("red"), route("r", "3", to=("red", "green"))) == ["CDS +red"]
    assert world.sleep(0.09) == []
    assert world.sleep(0.02) == ["RDS +r"]
    assert client.last is not None
    assert client.last.resources == (route("r", "3"),)


def test_a_newer_version_that_need_not_wait_passes_at_once() -> None:
    _settled(world := _world())
    world.put(cluster("green"), route("r", "2", to=("green",)))
    assert world.put(route("r", "3", to=("blue",))) == ["RDS +r"]


def test_a_cluster_that_was_waited_for_in_vain_holds_nothing_back_again() -> None:
    client = _settled(world := _world())
    world.put(cluster("green"), route("r", "2", to=("green",)))
    world.sleep(1.1)
    client.ack(RDS)
    assert world.put(route("other", "2", to=("green",))) == ["RDS +other"]
    client.ack(RDS)
    assert world.put(cluster("green", "mended"), route("r", "3", to=("green",))) == ["CDS +green"], "it is new again"


def test_unrelated_resources_do_not_wait() -> None:
    client = _settled(world := _world())
    changes = (cluster("green"), route("r", "2", to=("green",)), route("other", "2", to=("blue",)), listener("l", "2"))
    assert world.put(*changes) == ["CDS +green", "LDS +l", "RDS +other"]
    assert client.ack(CDS) == ["RDS +r"]


def test_a_changed_cluster_holds_nothing_back() -> None:
    _settled(world := _world())
    changes = (cluster("blue", "2", endpoints="pods"), route("r", "2", to=("blue",)))
    assert world.put(*changes) == ["CDS +blue", "EDS +pods", "RDS +r"]


def test_a_route_to_a_cluster_that_nobody_serves_does_not_wait() -> None:
    _settled(world := _world())
    assert world.put(route("r", "2", to=("nowhere",))) == ["RDS +r"]


def test_a_client_that_takes_no_clusters_from_us_does_not_wait_for_them() -> None:
    client = Client(world := _world())
    client.ask(RDS, "r")
    client.ack()
    assert world.put(cluster("green"), route("r", "2", to=("green",))) == ["RDS +r"]


def test_endpoint_changes_pass_at_once() -> None:
    client = _settled(world := _world())
    world.put(cluster("green"), route("r", "2", to=("green",)))
    for content in ("2", "3", "4"):
        assert world.put(endpoints("pods", content)) == ["EDS +pods"]
    assert client.ack(CDS) == ["RDS +r"]


def test_a_listener_waits_like_a_route() -> None:
    client = _settled(world := _world())
    assert world.put(cluster("green"), listener("l", "2", to=("green",))) == ["CDS +green"]
    assert client.ack() == ["LDS +l"]


def test_versions_that_arrive_while_one_is_under_way_are_merged() -> None:
    """What arrives while a push is under way is coalesced: a slow client skips the versions between."""
    client = _settled(world := _world())
    assert world.put(route("r", "2")) == ["RDS +r"]
    assert world.put(route("r", "3")) == []
    assert world.put(route("r", "4"), route("other", "2")) == ["RDS +other"]
    assert client.ack() == ["RDS +r"]
    assert client.last is not None
    assert client.last.resources == (route("r", "4"),)


def test_removals_of_routes_go_after_the_additions_of_the_same_change_are_sent() -> None:
    client = _settled(world := _world())
    changes = (cluster("green"), route("r", "2", to=("green",)))
    assert world.change(changes, (listener("l"), route("other"))) == ["CDS +green"]
    assert client.ack(CDS) == ["RDS +r", "LDS -l", "RDS -other"]


def test_a_cluster_goes_when_the_routes_that_left_it_are_acknowledged_and_it_has_drained() -> None:
    client = _settled(world := _world())
    world.put(cluster("green"))
    client.settle()
    leaves_blue = (route("r", "2", to=("green",)), route("other", "2", to=("green",)))
    assert world.change(leaves_blue, (cluster("blue"),)) == ["RDS +other +r"]
    assert world.sleep(0.7) == []
    assert client.ack() == []
    assert world.sleep(0.99) == []
    assert world.sleep(0.02) == ["CDS -blue"]


def test_a_client_that_acknowledges_nothing_delays_a_removal_by_a_second_only() -> None:
    client = _settled(world := _world())
    assert world.change((route("r", "2"),), (cluster("blue"),)) == ["RDS +r"]
    assert world.sleep(1.99) == []
    assert world.sleep(0.02) == ["CDS -blue"]
    assert client.session.next_tick() is None


def test_a_resource_that_reappears_in_time_was_never_removed() -> None:
    client = _settled(world := _world())
    world.drop(cluster("blue"), endpoints("pods"))
    world.sleep(0.9)
    assert world.put(cluster("blue", endpoints="pods"), endpoints("pods")) == []
    assert world.sleep(5) == []
    assert world.drop(cluster("blue")) == []
    assert world.sleep(0.9) == [], "a second removal drains from its own beginning"
    assert world.sleep(0.2) == ["CDS -blue"]
    assert client.session.next_tick() is None


def test_a_resource_that_reappears_changed_is_sent() -> None:
    _settled(world := _world())
    world.drop(cluster("blue"))
    assert world.put(cluster("blue", "2", endpoints="pods")) == ["CDS +blue", "EDS +pods"]
    assert world.sleep(5) == []


def test_a_removed_cluster_that_comes_back_later_is_new_again() -> None:
    client = _settled(world := _world())
    world.drop(cluster("blue"))
    assert world.sleep(1) == ["CDS -blue"]
    client.settle()
    assert world.put(cluster("blue", endpoints="pods"), route("r", "2", to=("blue",))) == ["CDS +blue", "EDS +pods"]
    assert client.ack() == ["RDS +r"]


def test_what_the_client_left_itself_is_not_removed_besides() -> None:
    client = _settled(world := _world())
    world.drop(endpoints("pods"), cluster("blue"))
    assert client.leave(EDS, "pods") == []
    assert world.sleep(5) == ["CDS -blue"]


def test_secrets_outlive_what_uses_them_like_clusters() -> None:
    world = _world()
    world.put(secret("tls"))
    _settled(world)
    assert world.change((), (secret("tls"), listener("l"))) == ["LDS -l"]
    assert world.sleep(1.99) == []
    assert world.sleep(0.02) == ["SDS -tls"]


def test_what_a_reconnecting_client_holds_and_we_do_not_goes_last() -> None:
    world = _world()
    client = Client(world)
    client.ask(CDS, has={"blue": cluster("blue").version, "old": "1"})
    client.ask(LDS, has={"l": listener("l").version, "l-old": "1"})
    assert client.unanswered[-1].removed == ("l-old",), "nothing was to be added before it"
    assert client.ask(RDS, "r", has={"r": "old"}) == ["RDS +r"]
    client.settle()
    assert world.sleep(2) == ["CDS -old"]


def test_a_removal_is_not_starved_by_a_stream_of_waiting_additions() -> None:
    client = _settled(world := _world())
    world.change((cluster("c0"), route("r", "c0", to=("c0",))), (route("other"),))
    answers: list[str] = []
    for number in range(1, 40):
        world.put(cluster(f"c{number}"), route("r", f"c{number}", to=(f"c{number}",)))
        answers += world.sleep(0.1)
    assert "RDS -other" in answers
    client.settle()


def test_nothing_waits_for_a_cluster_that_was_removed_before_it_was_acknowledged() -> None:
    client = _settled(world := _world())
    world.put(cluster("green"))
    world.drop(cluster("green"))
    assert world.sleep(1) == ["CDS -green"]
    assert world.put(route("r", "2", to=("green",))) == ["RDS +r"]
    assert client.session.next_tick() is None


def test_a_waiting_route_that_is_not_wanted_any_more_is_forgotten() -> None:
    client = _settled(world := _world())
    world.put(cluster("green"), route("r", "2", to=("green",)))
    assert client.leave(RDS, "r") == []
    assert client.session.next_tick() is None
    assert world.sleep(5) == []


def test_a_waiting_route_that_is_removed_is_forgotten() -> None:
    client = _settled(world := _world())
    world.put(cluster("green"), route("r", "2", to=("green",)))
    assert world.drop(route("r")) == ["RDS -r"]
    assert client.session.next_tick() is None
