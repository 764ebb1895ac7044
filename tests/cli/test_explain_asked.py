"""`explain` and `why` of a server that runs say what they say of its folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cli.test_asking import folder, run, served

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    "arguments",
    [
        ("explain", "http://lost.test:8080/x?y=1", "-H", "X-A: 1", "-H", "X-B: 2", "--method", "POST"),
        ("explain", "https://lost.test:8080/", "--sni", ""),
        ("explain", "http://nobody.test/", "--port", "8080", "--output", "json"),
        ("why", "httproute/default/lost"),
        ("why", "gc/nothing"),
        ("why", "httproute/default/nothing"),
    ],
)
async def test_a_server_says_what_its_folder_says(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    async with served(tmp_path) as asked:
        of_server = await run(*arguments, *asked.options)
    of_folder = await run(*arguments, "--dir", str(folder(tmp_path)))
    assert of_server == of_folder
    assert of_server.out or of_server.err
