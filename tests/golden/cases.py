"""A case: where it is, the stage that its first comment sets, and the objects that its documents define."""

from __future__ import annotations

import re
import shutil
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from xdsserver.files import Folder
from xdsserver.gatewayapi.installed import EXPERIMENTAL, STANDARD, Installed
from xdsserver.infrastructure.allocation import Pool
from xdsserver.objects.meta import Name
from xdsserver.reconciler import LOOPBACK, Surroundings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xdsserver.files import Scan

HERE = Path(__file__).parent
CASES = HERE / "cases"
OUTPUTS = ("envoy.yaml", "status.yaml")
FLEET = "xdsserver-system/default"

_DIRECTIVE = re.compile(r"# (?P<name>base|envoys|addresses|taken|bundle|ingress|nodes|show): (?P<value>.+)")
_KINDS = frozenset({"listener", "routes", "secrets"})
_REJECT = re.compile(
    r'reject (?P<what>listener|routes|secrets|cluster|endpoints|[A-Z]\w+)( (?P<name>\S+))? "(?P<words>.+)"'
)


@dataclass(frozen=True, slots=True)
class Envoys:
    """What the Envoys answer: to which kinds of resources, and which one they reject with which words.

    `rejected` is a kind of resource, or that of the object whose piece of a route table is bad; a cluster, endpoints or
    an object have a `name`.
    """

    answered: frozenset[str] = _KINDS
    rejected: str = ""
    name: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """A folder with inputs and the outputs that are expected; `name` is `<area>/<case>`."""

    name: str
    base: tuple[str, ...]
    envoys: Envoys
    addresses: tuple[str, ...]
    taken: frozenset[int]
    schemas: Installed | None
    ingress: tuple[tuple[Name, tuple[str, ...]], ...]
    nodes: tuple[tuple[str, tuple[str, ...]], ...]
    shows_intended: bool

    @property
    def folder(self) -> Path:
        """Where it is."""
        return CASES / self.name

    def surroundings(self) -> Surroundings:
        """Give what the reconciler asks for besides the objects."""

        def probe(_address: str, port: int, _transport: str) -> str | None:
            return f"{port} is in use" if port in self.taken else None

        return Surroundings(pool=Pool(self.addresses), probe=probe, schemas=self.schemas)


@cache
def all_cases() -> tuple[Case, ...]:
    """Find every case, sorted by name."""
    return tuple(_case(path.parent) for path in sorted(CASES.glob("*/*/cluster.yaml")))


@cache
def scan(case: Case) -> Scan:
    """Read the documents of a case, and of the base files that it names, the way a folder of a user is read."""
    with tempfile.TemporaryDirectory() as place:
        for name in case.base:
            shutil.copy(HERE / "base" / f"{name}.yaml", Path(place) / f"base-{name}.yaml")
        for path in sorted(case.folder.glob("*.yaml")):
            if path.name not in OUTPUTS:
                shutil.copy(path, place)
        for path in Path(place).iterdir():
            # Else it is told that others may read the Secrets in it.
            path.chmod(0o600)
        return Folder(Path(place)).scan()


def _case(folder: Path) -> Case:
    name = folder.relative_to(CASES).as_posix()
    head = _head(folder / "cluster.yaml")
    told = {found["name"]: found["value"] for line in head if (found := _DIRECTIVE.fullmatch(line))}
    if not head or _DIRECTIVE.fullmatch(head[0]):
        message = f"{name}/cluster.yaml: the first line must be a comment that says what the case proves"
        raise ValueError(message)
    return Case(
        name=name,
        base=tuple(told.get("base", "").split()),
        envoys=_envoys(name, told),
        addresses=tuple(told["addresses"].split()) if "addresses" in told else LOOPBACK,
        taken=frozenset(map(int, told.get("taken", "").split())),
        schemas=_schemas(told.get("bundle", "v1.7.0")),
        ingress=tuple((Name(*key.split("/")), row) for key, row in _pairs(told.get("ingress", ""))),
        nodes=_pairs(told.get("nodes", "")),
        shows_intended=told.get("show") == "intended",
    )


def _schemas(told: str) -> Installed | None:
    version, *rest = told.split()
    channel = STANDARD if STANDARD in rest else EXPERIMENTAL
    return None if version == "none" else Installed((version,), channel, in_cluster="cluster" in rest)


def _head(path: Path) -> list[str]:
    head = []
    for line in path.read_text().splitlines():
        if not line.startswith("#"):
            break
        head.append(line)
    return head


def _pairs(text: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Read `key=a,b key=c`."""
    found = (part.partition("=") for part in text.split())
    return tuple((key, tuple(values.split(","))) for key, _, values in found)


def _envoys(name: str, told: Mapping[str, str]) -> Envoys:
    value = told.get("envoys")
    if value is None:
        return Envoys()
    if value == "none":
        return Envoys(answered=frozenset())
    if _KINDS.issuperset(value.split()):
        return Envoys(answered=frozenset(value.split()))
    found = _REJECT.fullmatch(value)
    if found is None:
        message = f"{name}/cluster.yaml: envoys is {value}, and may be what `tests.golden` says"
        raise ValueError(message)
    # An Envoy that refused the listener never asked for its routes.
    answered = frozenset({"listener"}) if found["what"] == "listener" else _KINDS
    return Envoys(answered, found["what"], found["name"] or "", found["words"])
