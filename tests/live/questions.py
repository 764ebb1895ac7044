"""Random configurations and random requests to them: every kind of match, host and answer that routes can have.

A configuration is a Gateway in a namespace of its own, so that many of them are served by one Envoy side by side. A
request is mostly made to meet some match of some rule, and then mostly changed in one thing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tests.live import manifests as m
from xdsserver.inspection.requests import Request
from xdsserver.objects.meta import Name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from random import Random

    from tests.live.manifests import Document

HOSTS = ("a.x.test", "b.x.test", "c.a.x.test", "x.test", "y.test", "z.y.test")
"""What clients ask for."""
NAMES = ("a.x.test", "b.x.test", "*.x.test", "*.a.x.test", "x.test", "*.y.test", "*.test")
"""What listeners and routes are for."""
PREFIXES = ("/", "/a", "/a/", "/a/b", "/ab", "/a/b/c", "/v1.0")
EXACT = ("/", "/a", "/a/", "/a/b", "/ab", "/a/b/c", "/index.html")
EXPRESSIONS = ("/a/[0-9]+", "/[ab]+", "/a/.*", "/.*c", "/v[0-9][.][0-9]/?")
PATHS = (
    "/",
    "/a",
    "/a/",
    "/a/b",
    "/ab",
    "/abc",
    "/a/b/c",
    "/a/b/c/d",
    "/a/1",
    "/b",
    "/A",
    "/index.html",
    "/v1.0",
    "/q",
)
ODD_PATHS = ("//a", "/x/../a", "/%61", "/a%2fb", "/a/./b", "/a\\b", "/a%00", "/a//b", "/a%20b", "/a;x", "/..")
METHODS = ("GET", "POST", "PUT", "OPTIONS")
VALUES = ("1", "2", "12")
SERVICES = ("red", "blue", "green")
CALLS = ("/shop.Cart/Add", "/shop.Cart/Empty", "/shop.Till/Add")


@dataclass(frozen=True, slots=True)
class Ports:
    """Where all Gateways listen, each at an address of its own."""

    plain: int
    secure: int


@dataclass(frozen=True, slots=True)
class Configuration:
    """A Gateway with its routes, as documents."""

    number: int
    documents: tuple[Document, ...]
    rules: tuple[tuple[tuple[str, ...], Document], ...]
    """Hostnames of its route (or none) and the rule, for all rules."""
    secure: tuple[str, ...]
    """Hostnames of its HTTPS listeners."""

    @property
    def gateway(self) -> Name:
        return Name(f"c{self.number}", "edge")


def configurations(random: Random, count: int, ports: Ports, backends: dict[str, int]) -> list[Configuration]:
    """Make so many; `backends` are ports of Services."""
    return [_configuration(random, number, ports, backends) for number in range(count)]


def open_to_all(number: int, ports: Ports, backends: dict[str, int], *, s3: bool = False) -> Configuration:
    """Make one that sends everything to one backend, which tells what came of the path; clean, or as S3 wants it."""
    documents = [m.gateway(m.listener(ports.plain)), m.http_route("all", m.rule(m.to("red")))]
    documents += m.service("red", backends["red"])
    for document in documents:
        document["metadata"]["namespace"] = f"c{number}"
    if s3:
        documents[0]["metadata"]["annotations"] = {"gateway.xdsserver.io/s3-listeners": "http"}
    return Configuration(number, tuple(documents), (), ())


def rivals(number: int, ports: Ports, backends: dict[str, int]) -> Configuration:
    """Make one whose rules ask for much the same, in pairs: what ranks first is written last."""
    header, headers = [{"name": "x-a", "value": "1"}], [{"name": name, "value": "1"} for name in ("x-a", "x-b")]
    query, queries = [{"name": "q", "value": "1"}], [{"name": name, "value": "1"} for name in ("q", "r")]
    pairs: list[tuple[Document, Document]] = [
        ({"queryParams": queries}, {"headers": header}),
        ({"headers": header}, {"headers": headers}),
        ({"queryParams": query}, {"queryParams": queries}),
        ({"headers": headers, "queryParams": queries}, {"method": "GET"}),
    ]
    rules = []
    for at, pair in enumerate(pairs):
        for backend, match in zip(("red", "blue"), pair, strict=True):
            rules.append(m.rule(m.to(backend), matches=[match | m.path(f"/rivals/{at}")]))
    documents = [m.gateway(m.listener(ports.plain)), m.http_route("rivals", *rules)]
    documents += [one for name in ("red", "blue") for one in m.service(name, backends[name])]
    for document in documents:
        document["metadata"]["namespace"] = f"c{number}"
    return Configuration(number, tuple(documents), (), ())


def between(to: Configuration, ports: Ports) -> Iterator[Request]:
    """Ask for what both of a pair of rules ask for."""
    for at in range(4):
        yield Request(
            "http",
            ports.plain,
            "a.x.test",
            f"/rivals/{at}?q=1&r=1",
            headers=(("x-a", "1"), ("x-b", "1")),
            gateway=to.gateway,
        )


def spellings(to: Configuration, ports: Ports) -> Iterator[Request]:
    """Ask for every character in a path, as it is and escaped, and for hosts and methods that are odd."""
    plain = Request("http", ports.plain, "a.x.test", gateway=to.gateway)
    for code in range(0x21, 0x100):
        yield replace(plain, target=f"/a{chr(code)}b")
    for code in range(0x100):
        yield replace(plain, target=f"/a%{code:02x}b/../c%{code:02X}")
    for path in (
        *ODD_PATHS,
        "/a/..",
        "/a/.",
        "/a/../..",
        "/a//../b",
        "/%2e%2E/b",
        "/a/%2e",
        "/a%",
        "/a%4",
        "/a?b//c%2f",
        "*",
    ):
        yield replace(plain, target=path)
    for host in (
        "",
        "a.x.test:",
        "a.x.test:80:80",
        "[::1]",
        "[::1]:80",
        "a@x.test",
        "a/x.test",
        "a,b",
        "a..x.test",
        ".",
    ):
        yield replace(plain, host=host)
    for method in ("MAKE", "get", "TRACE", "PROPFIND", "CONNECT"):
        yield replace(plain, method=method)
    yield replace(plain, target="/a%2fb", headers=(("content-type", "application/grpc"),))
    for headers in (
        (("x_a", "1"),),
        (("upgrade", "other"), ("connection", "upgrade")),
        (("x a", "1"),),
        (("a", "1"),) * 101,
    ):
        yield replace(plain, headers=headers)


def _configuration(random: Random, number: int, ports: Ports, backends: dict[str, int]) -> Configuration:
    namespace = f"c{number}"
    plain = random.sample([None, *NAMES], random.randint(1, 3))
    secure = random.sample(["a.x.test", "b.x.test", "*.x.test", "*.y.test"], random.randint(2, 3))
    listeners = [
        *(m.listener(ports.plain, name=f"p{at}", hostname=name) for at, name in enumerate(plain)),
        *(m.https_listener(ports.secure, "shown", name=f"s{at}", hostname=name) for at, name in enumerate(secure)),
    ]
    routes = [_route(random, f"r{at}", [one["name"] for one in listeners]) for at in range(random.randint(3, 6))]
    routes.append(_calls(random))
    services = [one for name in SERVICES for one in m.service(name, backends[name])] + m.service("empty", None)
    documents = [m.gateway(*listeners), *routes, *services]
    for document in documents:
        document["metadata"]["namespace"] = namespace
    rules = [(tuple(one["spec"].get("hostnames", ())), rule) for one in routes for rule in one["spec"]["rules"]]
    return Configuration(number, tuple(documents), tuple(rules), tuple(secure))


def _route(random: Random, name: str, listeners: list[str]) -> Document:
    hostnames = random.sample(NAMES, random.choice((0, 1, 1, 1, 2)))
    parent = {"sectionName": random.choice(listeners)} if random.random() < 0.2 else {}
    rules = [_rule(random) for _ in range(random.randint(1, 4))]
    route = m.http_route(name, *rules, hostnames=hostnames, **parent)
    # Few ages, so that names decide too.
    route["metadata"]["creationTimestamp"] = f"202{random.randint(4, 6)}-01-01T00:00:00Z"
    return route


def _rule(random: Random) -> Document:
    matches = [_match(random) for _ in range(random.choice((0, 1, 1, 2, 3)))]
    filters: list[Document] = []
    drawn = random.random()
    # The schema allows a new prefix in place of the one of a single match only.
    prefixed = [one.get("path", {}).get("type") for one in matches] == ["PathPrefix"]
    if drawn < 0.22:
        return m.rule(matches=matches, filters=[_redirect(random, prefixed=prefixed)])
    if drawn < 0.31:
        change = m.prefix("/new") if prefixed else m.full_path("/whole")
        filters.append(m.rewrite(path=change, hostname="rewritten.test"))
    elif drawn < 0.36:
        filters.append(m.request_headers(set_=[("x-set", "1")]))
    elif drawn < 0.42:
        filters.append({"type": "CORS", "cors": {"allowOrigins": ["http://shop.test"], "allowMethods": ["GET", "PUT"]}})
    return m.rule(*_backends(random), matches=matches, filters=filters)


def _backends(random: Random) -> list[Document]:
    match random.choice(("one", "one", "one", "two", "split", "missing", "missing", "empty", "empty", "empty", "part")):
        case "one":
            return [m.to(random.choice(SERVICES))]
        case "two":
            return [m.to("red", weight=1), m.to("blue", weight=random.choice((0, 1, 3)))]
        case "split":
            # Envoy has no rewrite of a path for one weighted cluster, so that this becomes two routes.
            changed = {**m.to("green", weight=1), "filters": [m.rewrite(path=m.full_path("/split"))]}
            return [m.to("red", weight=1), changed]
        case "missing":
            return [m.to("missing")]
        case "empty":
            return [m.to("empty")]
        case "part":
            return [m.to("red", weight=1), m.to("missing", weight=1)]
        case never:
            raise AssertionError(never)


def _match(random: Random) -> Document:
    found: Document = {}
    if random.random() < 0.85:
        kind = random.choice(("PathPrefix", "PathPrefix", "Exact", "RegularExpression"))
        values = {"PathPrefix": PREFIXES, "Exact": EXACT, "RegularExpression": EXPRESSIONS}[kind]
        found |= m.path(random.choice(values), kind)
    if random.random() < 0.2:
        found["method"] = random.choice(METHODS[:3])
    for field, names in (("headers", ("x-a", "X-B", "host")), ("queryParams", ("q", "Q", "r"))):
        if random.random() < 0.3:
            some = random.sample(names[:2] if random.random() < 0.9 else names, random.randint(1, 2))
            found[field] = [_value(random, name) for name in some]
    return found


def _value(random: Random, name: str) -> Document:
    if name == "host":
        return {"name": name, "value": random.choice(HOSTS)}
    if random.random() < 0.3:
        return {"name": name, "type": "RegularExpression", "value": random.choice(("[0-9]", "1.*"))}
    return {"name": name, "value": random.choice(VALUES[:2])}


def _redirect(random: Random, *, prefixed: bool) -> Document:
    to: dict[str, object] = {"statusCode": random.choice((301, 302, 303, 307, 308))}
    if random.random() < 0.5:
        to["scheme"] = random.choice(("http", "https"))
    if random.random() < 0.5:
        to["hostname"] = "other.test"
    if random.random() < 0.3:
        to["port"] = random.choice((80, 443, 8443))
    if random.random() < 0.6:
        to["path"] = random.choice(
            [m.full_path("/full"), *([m.prefix(one) for one in ("/", "/p")] if prefixed else [])]
        )
    return m.redirect(**to)


def _calls(random: Random) -> Document:
    """A GRPCRoute; what it meets is told by the route that answers, so that no backend must speak gRPC."""
    methods = (
        {"service": "shop.Cart"},
        {"service": "shop.Cart", "method": "Add"},
        {"method": "Add"},
        {"type": "RegularExpression", "service": "shop[.].*"},
    )
    rules = []
    for method in random.sample(methods, random.randint(1, 3)):
        match: Document = {"method": method}
        if random.random() < 0.3:
            match["headers"] = [{"name": "x-a", "value": "1"}]
        rules.append(m.rule(m.to(random.choice(("empty", "missing"))), matches=[match]))
    return m.grpc_route("calls", *rules, hostnames=random.sample(NAMES, random.choice((0, 1))))


# ------------------------------------------------------------------------------------------------------------ requests
def requests(random: Random, found: Sequence[Configuration], ports: Ports, count: int) -> Iterator[Request]:
    """Make requests, to all configurations in turn."""
    for number in range(count):
        yield _request(random, found[number % len(found)], ports)


def _request(random: Random, to: Configuration, ports: Ports) -> Request:
    """Ask for what some match of some rule asks for; often for more than that, or for something else in one thing."""
    if random.random() < 0.08:
        return _call(random, to, ports)
    hostnames, rule = random.choice(to.rules)
    match = random.choice(rule.get("matches") or [{}])
    if isinstance(match.get("method"), dict):
        match = {}
    host, path = _host(random, hostnames), _path(random, match)
    method = match.get("method", random.choice(("GET", "GET", "POST", "OPTIONS")))
    headers = [(one["name"], _meets(random, one)) for one in match.get("headers", ()) if one["name"] != "host"]
    query = [(one["name"], _meets(random, one)) for one in match.get("queryParams", ())]
    if random.random() < 0.3:
        # Meets many matches, so that their ranks decide.
        headers = [("x-a", "1"), ("x-b", "1")]
        query = [("q", "1"), ("Q", "1")]
    request = Request("http", 0, host, _target(path, query), method, tuple(headers))
    return _sent(random, to, ports, _changed(random, request, query))


def _changed(random: Random, request: Request, query: list[tuple[str, str]]) -> Request:
    """Change a request in one thing, or not at all."""
    values = random.choices(VALUES, k=2)
    match random.randrange(16):
        case 0 | 1:
            return replace(request, target=_target(random.choice(PATHS if random.random() < 0.5 else ODD_PATHS), query))
        case 2:
            return replace(request, method=random.choice(METHODS))
        case 3 | 4:
            return replace(request, headers=(*request.headers[1:], *(("x-a", value) for value in values)))
        case 5 | 6:
            repeated = [*query[1:], *(("q", value) for value in values)]
            return replace(request, target=_target(request.target.partition("?")[0], repeated))
        case 7:
            return replace(request, host=random.choice((*HOSTS, "nobody.example")))
        case 8:
            host = request.host or ""
            return replace(request, host=random.choice((f"{host}.", f"{host}:8080", host.upper())))
        case 9:
            origin = ("origin", random.choice(("http://shop.test", "http://evil.test")))
            asked = ("access-control-request-method", random.choice(("GET", "PUT")))
            return replace(request, method="OPTIONS", headers=(*request.headers, origin, asked))
        case 10 if random.random() < 0.3:
            return replace(request, headers=(*request.headers, ("x_user", "1")))
        case _:
            return request


def _target(path: str, query: list[tuple[str, str]]) -> str:
    return path + ("?" + "&".join(f"{name}={value}" for name, value in query) if query else "")


def _sent(random: Random, to: Configuration, ports: Ports, request: Request) -> Request:
    """Send it in plain text, or by TLS: with the name that it asks for, or with another one (421)."""
    if random.random() < 0.5:
        return replace(request, scheme="http", port=ports.plain, gateway=to.gateway)
    host = (request.host or "").lower().partition(":")[0].removesuffix(".")
    sni = host if random.random() < 0.45 else random.choice(to.secure).replace("*", "www")
    return replace(request, scheme="https", port=ports.secure, gateway=to.gateway, sni=sni)


def _call(random: Random, to: Configuration, ports: Ports) -> Request:
    kind = random.choice(("application/grpc", "application/grpc+proto", "application/grpc-web", "application/json"))
    headers = [("content-type", kind), *([("x-a", "1")] if random.random() < 0.5 else [])]
    host = _host(random, to.rules[-1][0])
    request = Request("http", ports.plain, host, random.choice(CALLS), "POST", tuple(headers))
    return replace(request, gateway=to.gateway)


def _host(random: Random, hostnames: tuple[str, ...]) -> str:
    if hostnames and random.random() < 0.8:
        name = random.choice(hostnames)
        return name.replace("*", random.choice(("w", "a", "c.a"))) if name.startswith("*") else name
    return random.choice(HOSTS)


def _path(random: Random, match: Document) -> str:
    path = match.get("path")
    if path is None:
        return random.choice(PATHS)
    match path["type"]:
        case "Exact":
            return str(path["value"])
        case "PathPrefix":
            return str(path["value"]).rstrip("/") + random.choice(("", "/", "/b", "/c/d", "b")) or "/"
        case _:
            return random.choice(("/a/1", "/a/12", "/ab", "/a/x/c", "/bc", "/v1.0/"))


def _meets(random: Random, one: Document) -> str:
    return random.choice(("1", "2", "12")) if one.get("type") == "RegularExpression" else str(one["value"])
