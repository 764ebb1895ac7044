"""The table of rules is true: what it names exists, each rule is there once, and no topic has lost one."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from itertools import groupby

from tests.docs.reference import ROOT
from tests.docs.rules import AREAS, COUNTS, named_files, rows, shown


def test_every_golden_case_of_a_rule_exists() -> None:
    named = {case for row in rows() for case in row.cases}
    folders = {case for case in named if (shown(case) / "cluster.yaml").is_file()}
    assert {case for case in named - folders if not shown(case).is_file()} == set()


def test_every_live_test_of_a_rule_exists() -> None:
    collected = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *named_files()],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert {test for row in rows() for test in row.tests} - set(collected.stdout.splitlines()) == set(), collected


def test_no_topic_has_lost_a_rule_and_each_stands_in_one_place() -> None:
    counts = Counter(row.topic for row in rows())
    assert counts == COUNTS
    assert len([*groupby(rows(), key=lambda row: row.topic)]) == len(counts)


def test_every_rule_is_there_once() -> None:
    assert [row for row, count in Counter((row.topic, row.rule) for row in rows()).items() if count > 1] == []


def test_every_file_of_rules_is_read() -> None:
    assert {path.stem for path in (ROOT / "tests" / "rules").glob("*.yaml")} == set(AREAS)
