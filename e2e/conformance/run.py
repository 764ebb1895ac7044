"""`make conformance`: one run of the suite, its report, and a summary with the suite's own words for what failed.

Exit code: 0 the report is whole (or every test that was asked for passed), 1 something failed or was skipped, 2 it
could not run.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from e2e.conformance import summary
from e2e.conformance.stage import CLASS, Served, Stage, StageError, serving
from e2e.conformance.suite import Implementation, Suite, found
from e2e.rig import RigError, started

if TYPE_CHECKING:
    from collections.abc import Iterator

    from e2e.conformance.output import Output

REPORTS = Path(__file__).parent / "reports"
LOGS = REPORTS / "logs"

USABLE = os.environ.get("CONFORMANCE_USABLE_ADDRESS", "10.250.0.201")
UNUSABLE = os.environ.get("CONFORMANCE_UNUSABLE_ADDRESS", "198.51.100.1")
"""One of the pool, and one that no machine has (RFC 5737)."""

NO_SUITE = """conformance: no suite of release {version}. It is a program in Go, built once (Go 1.27 or later):
    mkdir suite && cd suite && go mod init suite
    go mod edit -replace sigs.k8s.io/gateway-api-conformance-images=sigs.k8s.io/gateway-api-conformance-images@v0.1.0
    go get sigs.k8s.io/gateway-api@v{version} sigs.k8s.io/gateway-api/conformance@v{version}
    go get -t sigs.k8s.io/gateway-api/conformance
    go test -c -o conformance.test sigs.k8s.io/gateway-api/conformance
Then: CONFORMANCE_SUITE=$PWD/conformance.test make conformance"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be run, and on which cluster: one of the rig's, or that of a kubeconfig.

    There a GatewayClass is served by somebody (`served` is None), or by us from this machine.
    """

    version: str
    channel: str
    gateway_class: str
    rig: Path | None = None
    kubeconfig: Path | None = None
    served: Served | None = None
    flags: tuple[str, ...] = ()

    @property
    def mode(self) -> str:
        """How the servers run, as the report calls it."""
        served = self.served or Served()
        several = f"{served.replicas}-replicas" if served.replicas > 1 else ""
        restarted = f"restarted-every-{served.restart_s:g}-s" if served.restart_s is not None else ""
        return "-".join(one for one in (several, restarted) if one) or "default"


def run(wanted: Wanted) -> Output:
    """Set the stage, run the suite, and tell how it goes; the report is written where the suite got so far.

    Raises:
        RigError: the rig does not start.
        StageError: the stage cannot be set.
    """
    LOGS.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        stage = stack.enter_context(_cluster(wanted))
        binary = found(wanted.version)
        if binary is None:
            raise StageError(NO_SUITE.format(version=wanted.version))
        if wanted.served is not None:
            stack.enter_context(serving(stage, LOGS, wanted.served))
        who = Implementation.of_environment()
        suite = Suite(binary, wanted.gateway_class, USABLE, UNUSABLE, wanted.mode, who)
        return suite.run(stage.kubeconfig, LOGS, wanted.flags)


@contextmanager
def _cluster(wanted: Wanted) -> Iterator[Stage]:
    if wanted.kubeconfig is not None:
        yield Stage(wanted.kubeconfig)
    elif wanted.rig is not None:
        with started(wanted.rig, "--gateway-api", wanted.version, "--channel", wanted.channel) as one:
            yield Stage(one.kubeconfig, one.kubectl)
    else:
        message = "no cluster: set KUBECONFIG, or XDSSERVER_RIG for one that is made for the run"
        raise StageError(message)


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
    if not report["profiles"]:
        print(f"no test was run; see {LOGS / 'suite.log'}")
        return 1
    # With flags of the suite's it is not the whole suite as it is meant.
    if wanted.flags:
        return 1 if counts["FAIL"] else 0
    folder = REPORTS / str(report["gatewayAPIVersion"])
    folder.mkdir(exist_ok=True)
    channel, version = report["gatewayAPIChannel"], report["implementation"]["version"]
    kept = folder / f"{channel}-{version}-{report['mode']}-report.yaml"
    shutil.copy(file, kept)
    print(f"report: {kept}")
    return 0 if summary.whole(report) else 1


def _wanted(arguments: list[str]) -> Wanted:
    parser = argparse.ArgumentParser(prog="make conformance", allow_abbrev=False)
    parser.add_argument("--version", default="1.7.0")
    parser.add_argument("--channel", default="experimental", choices=("experimental", "standard"))
    parser.add_argument("--replicas", type=int, default=1, help="servers, each with an Envoy of its own")
    parser.add_argument("--restart-s", type=float, help="start one of the servers anew every so many seconds")
    known, flags = parser.parse_known_args(arguments)
    rig, kubeconfig = os.environ.get("XDSSERVER_RIG"), os.environ.get("KUBECONFIG")
    gateway_class = os.environ.get("GATEWAY_CLASS")
    return Wanted(
        version=known.version,
        channel=known.channel,
        gateway_class=gateway_class or CLASS,
        rig=Path(rig) if rig else None,
        kubeconfig=Path(kubeconfig) if kubeconfig else None,
        served=None if gateway_class else Served(replicas=known.replicas, restart_s=known.restart_s),
        flags=tuple(flags),
    )


def main() -> int:
    """Run what the command line asks for."""
    wanted = _wanted(sys.argv[1:])
    try:
        output = run(wanted)
    except (RigError, StageError) as error:
        print(error, file=sys.stderr)
        return 2
    return _conclude(wanted, output)


if __name__ == "__main__":
    sys.exit(main())
