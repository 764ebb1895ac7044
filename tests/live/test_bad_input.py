"""What users get wrong costs what is wrong and nothing else, seen at the gateway and in what is said."""

from __future__ import annotations

import os
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
import re2

from tests.live import manifests as m
from tests.live.backends import backend, seen
from tests.live.edits import EDIT_HEADER
from tests.live.http1 import Ask, ask
from tests.live.load import Traffic, load
from tests.live.product import admin, answers, home, standalone
from tests.ports import free_port
from xdsserver.model.routing import MAX_REGEX_INSTRUCTIONS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from tests.live.http1 import Answer
    from tests.live.manifests import Document
    from tests.live.product import Home, Product

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]


@dataclass
class World:
    """One folder that is served; what a test writes it takes away, or replaces with the next saving."""

    home: Home
    port: int
    product: Product
    savings: int = 0
    heard: int = 0

    async def save(self, *rules: Document) -> None:
        """Save the route, and wait for it: these rules, and one for the rest with a header that tells the saving."""
        self.savings += 1
        stamp = str(self.savings)
        rest = m.rule(m.to("blue"), filters=[m.request_headers(set_=[(EDIT_HEADER, stamp)])])
        m.write(self.home.folder / "route.yaml", [m.http_route("r", *rules, rest)])

        def matches(answer: Answer) -> bool:
            return answer.status == 200 and seen(answer).values(EDIT_HEADER) == [stamp]

        await answers(self.port, Ask("/rest"), matches)

    async def stamp(self, path: str) -> list[str]:
        """Return which saving answers for the rest of all paths; nothing for a path that a rule of its own takes."""
        answer = await ask(self.port, Ask(path))
        assert answer.status == 200
        return seen(answer).values(EDIT_HEADER)

    async def notice(self, *words: str) -> str:
        """Wait for the next notice with these words, after the one that was waited for last."""
        self.heard, said = await self.product.since(self.heard, *words)
        return str(said["message"])

    async def rejected(self) -> int:
        """Return how many updates Envoy has refused, of any kind."""
        async with admin(self.home) as envoy:
            return sum((await envoy.stats("update_rejected$")).values())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def on() -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        where = await stack.enter_async_context(home())
        blue = await stack.enter_async_context(backend("blue"))
        port = free_port()
        m.write(
            where.folder / "base.yaml",
            [m.gateway_class(), m.gateway(m.listener(port)), *m.service("blue", blue.port)],
        )
        product = await stack.enter_async_context(standalone(where, "--concurrency", "1"))
        await product.notice("Envoy", "ready")
        found = World(where, port, product)
        await found.save()
        yield found


def by_regex(expression: str) -> Document:
    return m.rule(m.to("blue"), matches=[m.path(expression, "RegularExpression")])


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("/(unclosed", "missing )"),
        ("/a(?=b)", "invalid perl operator: (?="),
        (r"/(a)\1", r"invalid escape sequence: \1"),
        ("/a{1,1001}", "invalid repetition size: {1,1001}"),
    ],
)
async def test_p1_a_regex_that_re2_refuses_spoils_its_rule_only(on: World, expression: str, words: str) -> None:
    """P1: refused by `google-re2` with Envoy's own wording; rule refused, reason UnsupportedValue; the others live."""
    await on.save(by_regex(expression), by_regex("/good/[0-9]+"))
    assert await on.stamp("/good/1") == []
    said = await on.notice("HTTPRoute default/r", words)
    assert "UnsupportedValue" in said
    assert "rules[0]" in said
    assert await on.rejected() == 0
    await on.save(by_regex("/good/[0-9]+"))
    await on.notice("HTTPRoute default/r", "has no problems any more")


async def test_p1_envoy_takes_a_regex_as_large_as_we_do(on: World) -> None:
    """P1, where Envoy is stricter than RE2: it limits the size of a program, and so do we, at the same number."""
    repeats = 1
    while re2.compile(large(repeats + 1)).programsize <= MAX_REGEX_INSTRUCTIONS:
        repeats += 1
    await on.save(by_regex(large(repeats)))
    assert await on.stamp("/" + "ab" * repeats) == []
    await on.save(by_regex(large(repeats + 1)), by_regex("/good/[0-9]+"))
    assert await on.stamp("/good/1") == []
    assert str(MAX_REGEX_INSTRUCTIONS) in await on.notice("HTTPRoute default/r", "too large")
    assert await on.rejected() == 0


def large(repeats: int) -> str:
    """Give an expression whose program grows by a few instructions with each repeat."""
    return f"/(?:ab){{{repeats}}}"


def broken(path: Path) -> None:
    path.write_text("apiVersion: v1\nkind: [unclosed\n")


def half_written(path: Path) -> None:
    text = m.dump([m.http_route("other", m.rule(m.to("blue")), hostnames=["other.test"])])
    path.write_text(text[: len(text) // 2])


def bomb(path: Path) -> None:
    levels = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    path.write_text("\n".join(["a0: &a0 [x]", *levels, ""]))


def binary(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 64)


def large_file(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(100 * 1024 * 1024)


def fifo(path: Path) -> None:
    os.mkfifo(path)


def outside(path: Path) -> None:
    path.symlink_to("/etc/passwd")


@pytest.mark.parametrize("spoil", [broken, half_written, bomb, binary, large_file, fifo, outside])
async def test_p11_a_bad_file_while_serving_changes_nothing_and_is_named(
    on: World, spoil: Callable[[Path], None]
) -> None:
    """P11: size cap 10 MiB, alias cap, regular files only, last-good per file + error in `/status`."""
    async with load(Traffic([Ask("/rest")], on.port, rate=300)) as tally:
        bad = on.home.folder / "bad.yaml"
        spoil(bad)
        await on.notice("bad.yaml", "error:")
        # All the rest of the folder is followed as before.
        await on.save()
        bad.unlink()
        await on.notice("no errors any more")
        await on.save()
    assert await on.rejected() == 0
    assert not tally.failures, str(tally)


async def test_p11_a_route_that_is_broken_while_serving_stays_as_it_was(on: World) -> None:
    """P11: half-written or broken: last-good per file."""
    async with load(Traffic([Ask("/rest")], on.port, rate=300)) as tally:
        await on.save()
        route = on.home.folder / "route.yaml"
        route.write_text(route.read_text().replace("backendRefs:", "backendRefs: {"))
        await on.notice("route.yaml:", "error:")
        assert await on.stamp("/rest") == [str(on.savings)]
        await on.save()
        await on.notice("no errors any more")
    assert not tally.failures, str(tally)
