"""No bytes make certificates or Secrets raise: they are read, or they are a problem in words of ours."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.fuzz.targets import TARGETS, seeds
from xdsserver.objects.decode import decode_json
from xdsserver.objects.kinds import BY_NAME

if TYPE_CHECKING:
    from pathlib import Path

START_S = 60
"""How long a program may take to start and to end."""


@pytest.mark.skipif(find_spec("atheris") is None, reason="atheris has no wheel for this platform or Python")
@pytest.mark.parametrize("target", TARGETS)
def test_no_bytes_break_the_promise_of(target: str, fuzz_s: float, tmp_path: Path) -> None:
    limits = (f"-max_total_time={max(1, round(fuzz_s / len(TARGETS)))}", "-timeout=5", "-rss_limit_mb=1024")
    command = (sys.executable, "-m", "tests.fuzz.run", target, *limits, f"-artifact_prefix={tmp_path}/")
    done = subprocess.run(command, capture_output=True, text=True, timeout=fuzz_s + START_S, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    assert "DONE" in done.stderr


@pytest.mark.parametrize("target", TARGETS)
def test_what_fuzzing_begins_with_keeps_the_promise(target: str) -> None:
    for seed in seeds(target):
        TARGETS[target](seed)


@pytest.mark.parametrize("data", [b'{"data": {"a": "\xa2"}}', b'{"data": ' + b"[" * 100_000, b"", b"\xff"])
def test_what_is_no_json_of_a_secret_is_refused_without_its_bytes(data: bytes) -> None:
    with pytest.raises(msgspec.DecodeError) as refusal:
        decode_json(BY_NAME["Secret"], data)
    assert refusal.value.__cause__ is None
    assert len(str(refusal.value)) < 100
