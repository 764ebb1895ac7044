"""`make conformance`: one run of the suite, its report, and a summary with the suite's own words for what failed.

Exit code: 0 the report is whole (or every test that was asked for passed), 1 something failed or was skipped, 2 it
could not run.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import version as version_of
from pathlib import Path

from e2e.conformance import summary
from e2e.conformance.output import Output
from e2e.conformance.stage import CLASS, Stage, StageError, rig_cluster, serving

REPORTS = Path(__file__).parent / "reports"
LOGS = REPORTS / "logs"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be run. `kubeconfig` is that of a cluster where a GatewayClass `gateway_class` is served already."""

    version: str
    channel: str
    rig: Path
    kubeconfig: Path | None
    gateway_class: str
    restart_s: float | None = None
    flags: tuple[str, ...] = ()

    @property
    def everything(self) -> bool:
        """Whether it is the whole suite as it is meant, whose report may be handed in."""
        return not self.flags and self.restart_s is None


def run(wanted: Wanted) -> Output:
    """Set the stage, run the suite, and tell how it goes; the report is written where the suite got so far.

    Raises:
        StageError: the stage cannot be set.
    """
    LOGS.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        if wanted.kubeconfig is not None:
            stage = Stage(wanted.kubeconfig, "kubectl", wanted.rig)
        else:
            stage = stack.enter_context(rig_cluster(wanted.rig, wanted.version, wanted.channel))
            stack.enter_context(serving(stage, LOGS, wanted.restart_s))
        return suite(stage, wanted)


def suite(stage: Stage, wanted: Wanted) -> Output:
    """Run the suite where a GatewayClass of this name is served; its report and log are in `LOGS`."""
    report = LOGS / "report.yaml"
    report.unlink(missing_ok=True)
    command = [
        *(f"{stage.rig}/conformance", f"--gateway-class={wanted.gateway_class}", f"--report-output={report}"),
        *wanted.flags,
    ]
    environment = os.environ | {
        "KUBECONFIG": str(stage.kubeconfig),
        "RIG_GATEWAY_API": wanted.version,
        "RIG_VERSION": f"v{version_of('xdsserver')}",
    }
    output, began_s = Output(), time.monotonic()
    with (
        (LOGS / "suite.log").open("w") as log,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", env=environment
        ) as process,
    ):
        try:
            for line in process.stdout or ():
                log.write(line)
                name = output.take(line)
                if name and "/" not in name:
                    print(f"[{time.monotonic() - began_s:4.0f} s] {name}", flush=True)
        finally:
            process.terminate()
    return output


def _conclude(wanted: Wanted, output: Output) -> int:
    counts = {how: sum(one.how == how for one in output.tests()) for how in ("PASS", "FAIL", "SKIP")}
    for failed, words in output.failures():
        print(f"FAIL {failed.name} ({failed.seconds:.1f} s)")
        print("".join(f"     {word}\n" for word in words), end="")
    print(f"{counts['PASS']} passed, {counts['FAIL']} failed, {counts['SKIP']} not asked for or not supported")
    print("".join(f"failed: {failed.name}\n" for failed, _ in output.failures()), end="")
    file = LOGS / "report.yaml"
    if not output.ended or not file.exists():
        print(f"the suite did not get to its report; see {LOGS / 'suite.log'}")
        return 1
    report = summary.read(file)
    print("\n".join(summary.lines(report)))
    if not wanted.everything:
        return 1 if counts["FAIL"] else 0
    folder = REPORTS / f"v{wanted.version}"
    folder.mkdir(exist_ok=True)
    kept = folder / f"{wanted.channel}-{report['implementation']['version']}-{report['mode']}-report.yaml"
    shutil.copy(file, kept)
    print(f"report: {kept}")
    return 0 if summary.whole(report) else 1


def _wanted(arguments: list[str]) -> Wanted | None:
    parser = argparse.ArgumentParser(prog="make conformance", allow_abbrev=False)
    parser.add_argument("--version", default="1.7.0")
    parser.add_argument("--channel", default="experimental", choices=("experimental", "standard"))
    parser.add_argument("--restart-s", type=float, help="start the server anew every so many seconds")
    known, flags = parser.parse_known_args(arguments)
    rig, kubeconfig = os.environ.get("XDSSERVER_RIG"), os.environ.get("KUBECONFIG")
    if not rig:
        return None
    return Wanted(
        known.version,
        known.channel,
        Path(rig),
        Path(kubeconfig) if kubeconfig else None,
        os.environ.get("GATEWAY_CLASS", CLASS),
        known.restart_s,
        tuple(flags),
    )


def main() -> int:
    """Run what the command line asks for."""
    wanted = _wanted(sys.argv[1:])
    if wanted is None:
        print("conformance: no rig beside the checkout (set XDSSERVER_RIG), which has the suite: nothing run")
        return 0
    try:
        output = run(wanted)
    except StageError as error:
        print(f"conformance: {error}", file=sys.stderr)
        return 2
    return _conclude(wanted, output)


if __name__ == "__main__":
    sys.exit(main())
