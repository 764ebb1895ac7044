"""What the suite's report says, in a few lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def read(file: Path) -> dict[str, Any]:
    """Read a report; one of a suite that ended before its first test has no profile."""
    report: dict[str, Any] = yaml.safe_load(file.read_text())
    return report | {"profiles": report.get("profiles") or []}


def whole(report: dict[str, Any]) -> bool:
    """Whether every test of every profile was run, and none failed."""
    halves = [half for profile in report["profiles"] for half in _halves(profile).values()]
    return bool(halves) and all(half["result"] == "success" for half in halves)


def claimed(report: dict[str, Any]) -> int:
    """How many extended features are claimed, added up over the profiles."""
    return sum(len(profile.get("extended", {}).get("supportedFeatures") or ()) for profile in report["profiles"])


def lines(report: dict[str, Any]) -> Iterator[str]:
    """Tell of every profile, its two halves beside each other."""
    yield f"Gateway API {report['gatewayAPIVersion']}, {report['gatewayAPIChannel']} channel"
    for profile in sorted(report["profiles"], key=lambda one: str(one["name"])):
        told = [_tell(half, numbers) for half, numbers in _halves(profile).items()]
        features = profile.get("extended", {})
        known = [len(features.get(kind) or ()) for kind in ("supportedFeatures", "unsupportedFeatures")]
        yield f"  {profile['name']:<13} {'  '.join(told)}  features {known[0]} of {sum(known)}"
    yield f"  claimed: {claimed(report)} extended features"


def _halves(profile: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {half: profile[half] for half in ("core", "extended") if half in profile}


def _tell(half: str, numbers: dict[str, Any]) -> str:
    counts = numbers.get("statistics", {})
    passed, failed, skipped = (int(counts.get(one, 0)) for one in ("Passed", "Failed", "Skipped"))
    return f"{half} {numbers['result']:<7} {passed:>2} passed, {failed} failed, {skipped} skipped"
