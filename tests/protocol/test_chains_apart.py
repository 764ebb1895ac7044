"""Filter chains of one port belong to several listeners and routes: a bad one stays as it was, the others go on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envoy.config.listener.v3.listener_pb2 import Listener

from tests.protocol.fleet import Fleet
from tests.protocol.script import FLEET, LDS
from xdsserver.model.places import Bind, ChainKey, ListenerKey
from xdsserver.model.tls import Termination
from xdsserver.objects.meta import Name, ObjectKey
from xdsserver.translation.chains import HttpSettings, closing_chain, http_chain, stream_chain
from xdsserver.translation.listeners import listener

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.protocol.fleet import Envoy
    from xdsserver.translation.chains import Chain
    from xdsserver.xds.resource import Resource

BIND = Bind(FLEET, "127.0.0.1", 443, "TCP")
PORT = str(BIND)


def owner(host: str) -> ListenerKey:
    return ListenerKey("Gateway", "default", "edge", host)


def https(shows: Mapping[str, str]) -> Resource:
    """Make the Listener of a port with an HTTPS listener for each host, which shows a certificate of this name."""
    return port((host, _https(host, name)) for host, name in shows.items())


def port(chains: Iterable[tuple[str, Chain]]) -> Resource:
    return listener(BIND, [(ChainKey(BIND, host), chain) for host, chain in chains])


def _https(host: str, certificate: str) -> Chain:
    termination = Termination((Name("default", certificate),))
    return http_chain(ChainKey(BIND, host), HttpSettings(0), termination, owner(host))


def shown(envoy: Envoy) -> dict[str, str]:
    """Read off what each host of the port shows; what only closes connections shows nothing."""
    found = Listener.FromString(envoy.running[LDS, PORT].body)
    return {
        chain.filter_chain_match.server_names[0]: _certificate(chain.SerializeToString())
        for chain in found.filter_chains
    }


def _certificate(chain: bytes) -> str:
    _, mark, rest = chain.partition(b"certificate/default/")
    return rest[:3].decode() if mark else ""


def test_x15_one_bad_filter_chain_among_a_hundred_of_a_port() -> None:
    """X15: the offender's last good stays, all others are live; its listener is named, and few bytes are sent."""
    fleet = Fleet()
    envoy = fleet.join()
    hosts = [f"h{number}.test" for number in range(100)]
    fleet.put(https(dict.fromkeys(hosts, "one")))
    changed = dict.fromkeys(hosts, "two")
    sent = sum(envoy.sends.values())
    fleet.put(https(changed | {"h42.test": "bad"}))
    assert shown(envoy) == changed | {"h42.test": "one"}
    assert [blame.owner for blame in fleet.quarantine.rejections()] == [owner("h42.test")]
    assert sum(envoy.sends.values()) - sent <= 2 + 2 * 7, "trials grow with the logarithm of 100"
    assert max(envoy.sends.values()) <= 3
    assert fleet.quarantine.stands_for_wanted((FLEET, LDS, PORT))
    fleet.put(https(changed | {"h42.test": "new"}))
    assert shown(envoy) == changed | {"h42.test": "new"}
    assert not fleet.quarantine.rejections()


def test_x15_a_filter_chain_that_nobody_ever_took_closes_connections() -> None:
    """X15: withheld where there was nothing good; nothing less specific answers in its place."""
    fleet = Fleet()
    envoy = fleet.join()
    fleet.put(https({"*.test": "one", "a.test": "bad", "b.test": "two"}))
    assert shown(envoy) == {"*.test": "one", "a.test": "", "b.test": "two"}
    body = envoy.running[LDS, PORT].body
    assert closing_chain(ChainKey(BIND, "a.test")).body in body
    assert [blame.owner for blame in fleet.quarantine.rejections()] == [owner("a.test")]


def test_x15_a_route_that_gets_whole_connections_is_to_blame_for_its_chains() -> None:
    """X15: status shows it on the owner; the chains of other routes of the same listener go on."""
    fleet = Fleet()
    envoy = fleet.join()
    routes = {host: ObjectKey("TLSRoute", "default", host) for host in ("a.test", "b.test")}

    def passed(shows: str) -> Resource:
        made = {
            host: stream_chain(ChainKey(BIND, host), (), Termination((Name("default", name),)), route)
            for (host, route), name in zip(routes.items(), (shows, "two"), strict=True)
        }
        return port(made.items())

    fleet.put(passed("bad"))
    assert shown(envoy) == {"a.test": "", "b.test": "two"}
    assert [blame.owner for blame in fleet.quarantine.rejections()] == [routes["a.test"]]


def test_x15_chains_that_close_anyway_do_not_hide_the_bad_one() -> None:
    """X15, where holding back all others would change no bytes, and nothing be sent: they are no suspects."""
    fleet = Fleet()
    envoy = fleet.join()
    hosts = [f"h{number}.test" for number in range(10)]
    closed = {host: closing_chain(ChainKey(BIND, host)) for host in hosts}
    fleet.put(port((closed | {"h7.test": _https("h7.test", "bad")}).items()))
    assert shown(envoy) == dict.fromkeys(closed, "")
    assert [blame.owner for blame in fleet.quarantine.rejections()] == [owner("h7.test")]
    fleet.put(port((closed | {"h7.test": _https("h7.test", "two")}).items()))
    assert shown(envoy) == dict.fromkeys(closed, "") | {"h7.test": "two"}
    assert not fleet.quarantine.rejections()


def test_x15_where_what_closes_a_filter_chain_is_rejected_too_the_chain_alone_is_left_out() -> None:
    """X15, at its worst: even then the rest of the port is served, also at a start where nothing was ever good."""
    hosts = [f"h{number}.test" for number in range(20)]
    closed = closing_chain(ChainKey(BIND, "h13.test")).body

    def judge(resource: Resource) -> str:
        return "no" if b"bad" in resource.body or closed in resource.body else ""

    for shows_before in (None, dict.fromkeys(hosts[:13], "one")):
        fleet = Fleet()
        envoy = fleet.join(judge=judge)
        if shows_before is not None:
            fleet.put(https(shows_before))
        fleet.put(https(dict.fromkeys(hosts, "two") | {"h13.test": "bad"}))
        assert shown(envoy) == {host: "two" for host in hosts if host != "h13.test"}
        assert [blame.owner for blame in fleet.quarantine.rejections()] == [owner("h13.test")]
        assert max(envoy.sends.values()) <= 3
        fleet.put(https(dict.fromkeys(hosts, "two")))
        assert shown(envoy) == dict.fromkeys(hosts, "two")
        assert not fleet.quarantine.rejections()
