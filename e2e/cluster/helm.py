"""The `helm` command by Helm's own code, for machines that have no such program: what the guides of this project use.

python -m e2e.cluster.helm install NAME CHART --namespace N --create-namespace --set a.b=c --values FILE --wait
python -m e2e.cluster.helm upgrade|uninstall|test NAME ...
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import helm_python

if TYPE_CHECKING:
    from collections.abc import Sequence

TIMEOUT_S = 300


def main(arguments: Sequence[str]) -> int:
    """Do one thing; the exit code is that of helm."""
    asked = _parser().parse_args(arguments)
    try:
        with helm_python.Config(namespace=asked.namespace) as config:
            print(_DO[asked.command](config, asked))
    except helm_python.HelmError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    return 0


def _install(config: helm_python.Config, asked: argparse.Namespace) -> str:
    release = config.install(
        asked.chart,
        asked.name,
        _values(asked),
        namespace=asked.namespace,
        timeout=asked.timeout,
        wait="watcher" if asked.wait else None,
        create_namespace=asked.create_namespace,
    )
    return _notes(release)


def _upgrade(config: helm_python.Config, asked: argparse.Namespace) -> str:
    # The SDK has no word for what `--reset-then-reuse-values` means: the chart's own values, and what was given before.
    before = config.get_values(asked.name) if asked.reset_then_reuse_values else {}
    release = config.upgrade(
        asked.chart,
        asked.name,
        _merged(before, _values(asked)),
        namespace=asked.namespace,
        timeout=asked.timeout,
        wait="watcher" if asked.wait else None,
        reset_values=asked.reset_then_reuse_values,
        reuse_values=asked.reuse_values,
    )
    return _notes(release)


def _uninstall(config: helm_python.Config, asked: argparse.Namespace) -> str:
    config.uninstall(asked.name, timeout=asked.timeout, wait="watcher" if asked.wait else None)
    return f'release "{asked.name}" uninstalled'


def _test(config: helm_python.Config, asked: argparse.Namespace) -> str:
    config.test(asked.name, timeout=asked.timeout)
    return f"{asked.name}: passed"


_DO = {"install": _install, "upgrade": _upgrade, "uninstall": _uninstall, "test": _test}


def _notes(release: Any) -> str:  # noqa: ANN401 (a document of Helm's)
    return str(release.get("notes") or release.get("info", {}).get("notes", ""))


def _values(asked: argparse.Namespace) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for path in asked.values:
        found = _merged(found, helm_python.values_from_yaml(Path(path).read_text(encoding="utf-8")))
    for one in asked.set:
        found = _merged(found, helm_python.parse_set_string(one))
    return found


def _merged(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    both = dict(under)
    for key, value in over.items():
        below = both.get(key)
        both[key] = _merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return both


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("helm")
    commands = parser.add_subparsers(dest="command", required=True)
    for name in _DO:
        one = commands.add_parser(name)
        one.add_argument("name")
        if name in {"install", "upgrade"}:
            one.add_argument("chart")
            one.add_argument("--set", action="append", default=[])
            one.add_argument("--values", "-f", action="append", default=[])
        one.add_argument("--namespace", "-n", default="default")
        one.add_argument("--timeout", type=int, default=TIMEOUT_S)
        one.add_argument("--wait", action="store_true")
        one.add_argument("--create-namespace", action="store_true")
        one.add_argument("--reuse-values", action="store_true")
        one.add_argument("--reset-then-reuse-values", action="store_true")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
