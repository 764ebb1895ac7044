"""Explain is right: what it says of random requests to random configurations is what a real Envoy does with them."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest
import re2

from tests.live.answered import Written, backends, observe
from tests.live.questions import SERVICES, Ports, between, configurations, open_to_all, requests, rivals, spellings
from tests.ports import free_port
from xdsserver.gatewayapi import hostnames
from xdsserver.gatewayapi.precedence import precedence
from xdsserver.inspection.explain import explain
from xdsserver.model.routing import MILLION, PathKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.live.answered import Observed
    from tests.live.questions import Configuration
    from xdsserver.inspection.answers import Explanation, Share
    from xdsserver.inspection.requests import Request
    from xdsserver.model.places import Bind, ListenerKey
    from xdsserver.model.routing import PathMatch
    from xdsserver.pipeline import Pipeline
    from xdsserver.tables import Read

pytestmark = [pytest.mark.live, pytest.mark.long]

CONFIGURATIONS = 25
AT_LEAST = 0.05
"""Of all pairs, for each of the outcomes that matter."""
AGAIN = 64
"""How often a request is repeated: a part of a quarter stays unseen once in 100 million times."""


@dataclass(frozen=True)
class Pairs:
    """Requests, and what a real Envoy did with each; kept for all tests of this module.

    `repeated` are some of which a part goes here and another there, each asked often enough for all parts to be met.
    """

    written: Written
    requests: list[Request]
    observed: list[Observed]
    repeated: list[tuple[Request, list[Observed]]]
    spelled: list[tuple[Request, Observed]]

    def differences(self, *, spelled: bool = False) -> Iterator[str]:
        """Decide on the configurations, explain requests, and say in what that is not what was observed."""
        pipeline = self.written.reconciled().pipeline
        asked = self.spelled if spelled else zip(self.requests, self.observed, strict=True)
        for request, observed in asked:
            found = explain(pipeline, request)
            if not any(agrees(share, observed) for share in found.shares):
                shares = [
                    (one.kind, one.status, one.location, one.route_name, one.host, one.path) for one in found.shares
                ]
                yield f"\n{request}\n  Envoy: {observed}\n  explain: {shares}"


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory, load_s: float) -> Pairs:
    """Ask a real Envoy: 1,000 pairs, and 5,000 where there is the time (`make live`)."""
    return asyncio.run(_pairs(tmp_path_factory.mktemp("explain"), 5000 if load_s >= 60 else 1000))


async def _pairs(where: Path, count: int) -> Pairs:
    random = Random(11)  # noqa: S311 (chance, and the same one each time)
    ports = Ports(free_port(), free_port())
    async with backends(SERVICES) as running:
        found = configurations(random, CONFIGURATIONS, ports, running)
        plain = open_to_all(CONFIGURATIONS, ports, running)
        rival = rivals(CONFIGURATIONS + 1, ports, running)
        s3 = open_to_all(CONFIGURATIONS + 2, ports, running, s3=True)
        written = Written.below(where, [*found, plain, rival, s3])
        reconciler = written.reconciled()
        asked = list(between(rival, ports))
        asked += requests(random, found, ports, count - len(asked))
        divided = [one for one in asked if len(explain(reconciler.pipeline, one).shares) > 1][:6]
        spelled = [*spellings(plain, ports), *spellings(s3, ports)]
        again = [one for one in divided for _ in range(AGAIN)]
        observed = await observe(reconciler, [*asked, *spelled, *again], where / "log")
    of_asked, of_spelled = observed[:count], observed[count:][: len(spelled)]
    of_again = observed[count + len(spelled) :]
    parts = [of_again[at : at + AGAIN] for at in range(0, len(of_again), AGAIN)]
    return Pairs(
        written,
        asked,
        of_asked,
        list(zip(divided, parts, strict=True)),
        list(zip(spelled, of_spelled, strict=True)),
    )


def agrees(share: Share, observed: Observed) -> bool:
    """Whether what was observed is what this share of the requests gets."""
    if observed.closed or share.kind == "closed":
        return observed.closed and share.kind == "closed"
    if observed.route is not None and observed.route != share.route_name:
        return False
    match share.kind:
        case "backend":
            assert share.backend is not None
            told = (share.backend.object.name, share.path, share.host)
            return (observed.backend, observed.path, observed.host) == told
        case "redirect":
            return (observed.status, observed.location) == (share.status, share.location)
        case "answer":
            return not observed.backend and (observed.status, observed.grpc_status) == (share.status, share.grpc_status)


def outcomes(request: Request, found: Explanation, observed: Observed) -> Iterator[str]:
    """Say what a pair is an example of."""
    for share in found.shares:
        if agrees(share, observed):
            yield {"backend": "backend", "redirect": "redirect", "closed": "closed"}.get(share.kind, str(share.status))
            if share.grpc_status is not None:
                yield "gRPC"
            if share.ppm < MILLION:
                yield "a share"
    if found.virtual_host.startswith("*."):
        yield "wildcard"
    if request.scheme == "https":
        yield "TLS"


def matches(found: Explanation, configuration: Configuration) -> Iterator[str]:
    """Say which kinds of match the rule has that answers."""
    route = next((one.rule for one in found.shares if one.rule is not None), None)
    if route is None:
        return
    document = next(one for one in configuration.documents if one["metadata"]["name"] == route.route.name)
    asked = document["spec"]["rules"][route.rule].get("matches") or [{}]
    match = asked[min(route.match, len(asked) - 1)]
    if isinstance(match.get("method"), dict):
        yield "gRPC method"
        return
    yield f"path {match.get('path', {}).get('type', 'none')}"
    if "method" in match:
        yield "method"
    for field in ("headers", "queryParams"):
        yield from (f"{field} {one.get('type', 'Exact')}" for one in match.get(field, ()))


def test_explain_says_what_envoy_does(pairs: Pairs) -> None:
    different = list(pairs.differences())
    assert not different, f"{len(different)} of {len(pairs.requests)}: {''.join(different[:10])}"


def test_explain_knows_what_the_edge_does(pairs: Pairs) -> None:
    """Every character in a path, as it is and escaped; odd hosts, methods and headers; both profiles."""
    different = list(pairs.differences(spelled=True))
    assert not different, f"{len(different)} of {len(pairs.spelled)}: {''.join(different[:60])}"


def test_explain_knows_all_parts(pairs: Pairs) -> None:
    """Where chance decides, it names each backend and answer that is met, and no other."""
    assert pairs.repeated
    pipeline = pairs.written.reconciled().pipeline
    for request, observed in pairs.repeated:
        shares = explain(pipeline, request).shares
        assert sum(one.ppm for one in shares) == MILLION
        assert all(any(agrees(share, one) for one in observed) for share in shares), (request, shares)
        assert all(any(agrees(share, one) for share in shares) for one in observed), (request, shares)


def test_the_pairs_are_of_all_kinds(pairs: Pairs) -> None:
    """A difference that no pair could show is not looked for."""
    pipeline = pairs.written.reconciled().pipeline
    by_gateway = {one.gateway: one for one in pairs.written.configurations}
    by_outcome, by_match = Counter[str](), Counter[str]()
    for request, observed in zip(pairs.requests, pairs.observed, strict=True):
        found = explain(pipeline, request)
        by_outcome.update(set(outcomes(request, found, observed)))
        assert request.gateway is not None
        by_match.update(set(matches(found, by_gateway[request.gateway])))
    print(f"\npairs: {len(pairs.requests)}\nby outcome: {dict(by_outcome)}\nby match: {dict(by_match)}")  # noqa: T201 (what was tried)
    few = {
        one
        for one in ("404", "421", "500", "503", "redirect", "wildcard")
        if by_outcome[one] < AT_LEAST * len(pairs.requests)
    }
    assert not few, by_outcome
    assert {"path Exact", "path PathPrefix", "path RegularExpression", "method", "gRPC method"} <= by_match.keys()
    assert {f"{field} {kind}" for field in ("headers", "queryParams") for kind in ("Exact", "RegularExpression")} <= (
        by_match.keys()
    )
    routed = sum(one.route is not None for one in pairs.observed)
    assert routed > len(pairs.requests) / 2, "Envoy told of too few which route it chose"


# ----------------------------------------------------------------------------------- errors that are planted on purpose
def _ranked(change: Callable[[list[Any]], list[Any]]) -> dict[str, Any]:
    """Order matches by something else; what they are ranked by is told in `gatewayapi.precedence`."""
    return {"xdsserver.translation.routes.precedence": lambda *asked: tuple(change(list(precedence(*asked))))}


def _swapped(one: int, other: int) -> Callable[[list[Any]], list[Any]]:
    def swap(rank: list[Any]) -> list[Any]:
        rank[one], rank[other] = rank[other], rank[one]
        return rank

    return swap


def _reversed(at: int) -> Callable[[list[Any]], list[Any]]:
    def change(rank: list[Any]) -> list[Any]:
        rank[at] = tuple(-ord(letter) for letter in rank[at]) if isinstance(rank[at], str) else -rank[at]
        return rank

    return change


def _by_text(out: Any, path: PathMatch) -> None:  # noqa: ANN401 (a RouteMatch)
    """Compare a prefix by its text, not by elements."""
    match path.kind:
        case PathKind.EXACT:
            out.path = path.value
        case PathKind.REGEX:
            out.safe_regex.regex = path.value
        case PathKind.PREFIX:
            out.prefix = path.value or "/"


def _least_specific(tables: Pipeline, read: Read, listener: ListenerKey, bind: Bind, hostname: str) -> bool:
    owners = [keys[0] for one in COVERING(hostname) if (keys := read(tables.listeners_at, (bind, one)))]
    return owners[-1:] == [listener]


COVERING = hostnames.covering

PLANTED: dict[str, dict[str, Any]] = {
    "a prefix comes before an exact path": _ranked(_reversed(3)),
    "the shortest path comes first": _ranked(_reversed(4)),
    "a match without a method comes first": _ranked(_reversed(5)),
    "fewer headers come first": _ranked(_reversed(6)),
    "query parameters count before headers": _ranked(_swapped(6, 7)),
    "fewer query parameters come first": _ranked(_reversed(7)),
    "the youngest route comes first": _ranked(_reversed(8)),
    "the last rule of a route comes first": _ranked(_reversed(11)),
    "the least specific hostname of a route comes first": _ranked(_reversed(0)),
    "the least specific listener answers": {"xdsserver.pipeline.routes.owns": _least_specific},
    "the least specific virtual host answers": {
        "xdsserver.gatewayapi.hostnames.covering": lambda name: iter([*COVERING(name)][::-1])
    },
    "a prefix is compared by its text": {"xdsserver.translation.matches._set_path": _by_text},
    "an expression may match a part": {
        "xdsserver.inspection.matching._fullmatch": lambda pattern, value: re2.search(pattern, value) is not None
    },
    "what others serve is not misdirected": {"xdsserver.pipeline.routes.misdirected": lambda _names: None},
}


@pytest.mark.parametrize("error", PLANTED)
def test_a_planted_error_is_found(pairs: Pairs, error: str) -> None:
    """With an error in the order or the matching, explain says of some request what Envoy did not do without it."""
    with ExitStack() as stack:
        for name, instead in PLANTED[error].items():
            stack.enter_context(patch(name, instead))
        assert next(pairs.differences(), None) is not None
