"""The suite as a program: where it is found, what it is told, and what it says."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass, field
from importlib.metadata import version as version_of
from pathlib import Path

from e2e.conformance.output import Output

PROFILES = ("GATEWAY-HTTP", "GATEWAY-GRPC", "GATEWAY-TLS", "GATEWAY-TCP", "GATEWAY-UDP")

LIMIT_S = 5400


@dataclass(frozen=True, slots=True)
class Implementation:
    """Who is tested, as the report says it. Nobody is named who was not: whoever hands a report in names himself."""

    organization: str = "xdsserver"
    project: str = "xdsserver"
    url: str = "https://xdsserver.invalid"
    contact: str = "none named"

    @classmethod
    def of_environment(cls) -> Implementation:
        """Take what is set of CONFORMANCE_ORGANIZATION, CONFORMANCE_PROJECT, CONFORMANCE_URL, CONFORMANCE_CONTACT."""
        names = ("organization", "project", "url", "contact")
        told = {name: value for name in names if (value := os.environ.get(f"CONFORMANCE_{name.upper()}"))}
        return cls(**told)

    @property
    def flags(self) -> tuple[str, ...]:
        """What the suite is told."""
        own = f"--version=v{version_of('xdsserver')}"
        who = (f"--organization={self.organization}", f"--project={self.project}")
        return (*who, f"--url={self.url}", f"--contact={self.contact}", own)


@dataclass(frozen=True, slots=True)
class Suite:
    """A test binary of the suite, and what it is told besides the flags of whoever runs it.

    `usable` is an address that a Gateway may ask for, `unusable` one that it cannot have (GatewayStaticAddresses);
    `mode` is how what is tested runs, where it is not as usual.
    """

    binary: Path
    gateway_class: str
    usable: str
    unusable: str
    mode: str = "default"
    implementation: Implementation = field(default_factory=Implementation)

    def run(self, kubeconfig: Path, logs: Path, flags: tuple[str, ...] = ()) -> Output:
        """Run it to its end and print each test as it begins; `report.yaml` and `suite.log` are in `logs` then."""
        report = logs / "report.yaml"
        report.unlink(missing_ok=True)
        command = [
            *(str(self.binary), "-test.v", f"-test.timeout={LIMIT_S}s", "-test.run=^TestConformance$"),
            *(f"--gateway-class={self.gateway_class}", f"--conformance-profiles={','.join(PROFILES)}"),
            *(f"--usable-address={self.usable}", f"--unusable-address={self.unusable}"),
            *(f"--report-output={report}", f"--mode={self.mode}", *self.implementation.flags, *flags),
        ]
        environment = os.environ | {"KUBECONFIG": str(kubeconfig)}
        output, began_s = Output(), time.monotonic()
        with (
            (logs / "suite.log").open("w") as log,
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
        print(f"[{time.monotonic() - began_s:4.0f} s] the end", flush=True)
        return output


def found(version: str) -> Path | None:
    """Find the test binary of a release: the one that CONFORMANCE_SUITE names, else one that the rig has built."""
    if named := os.environ.get("CONFORMANCE_SUITE"):
        return Path(named)
    home = Path(os.environ.get("RIG_HOME") or Path.home() / ".cache" / "rig")
    built = home / "bin" / f"conformance-{version}.test"
    return built if built.exists() else None
