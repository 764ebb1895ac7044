"""The objects by which fleets run, as a reader of a change should see them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml
from typing_extensions import override

from tests.docs.reference import ROOT
from tests.infrastructure.fleets import PLANE, dedicated, shared, spec_of
from tests.objects.fleets import TAKEN
from xdsserver.infrastructure.workload import workload

if TYPE_CHECKING:
    from pathlib import Path

    from xdsserver.infrastructure.dataplane import Envoys

REVIEWED = ROOT / "tests" / "infrastructure" / "workloads"
CASES: dict[str, Envoys] = {
    "defaults": shared(spec_of({})),
    "everything": dedicated(spec_of(TAKEN["a Deployment with everything"])),
    "host_ports": shared(spec_of(TAKEN["a DaemonSet on ports of its nodes"])),
    "address_pool": dedicated(spec_of(TAKEN["a pool of addresses"])),
}


class _Readable(yaml.SafeDumper):
    """Texts of several lines as such, and everything where it is."""

    @override
    def ignore_aliases(self, data: object) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Readable.add_representer(str, _text)


def pages() -> dict[Path, str]:
    return {REVIEWED / f"{name}.yaml": rendered(envoys) for name, envoys in CASES.items()}


def rendered(envoys: Envoys) -> str:
    documents: list[dict[str, Any]] = [one.document for one in workload(envoys, PLANE)]
    return str(yaml.dump_all(documents, Dumper=_Readable, sort_keys=False, width=120))
