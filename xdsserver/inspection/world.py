"""What views look at: the tables, and where Envoys are served, what these hold and what happened."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from xdsserver.inspection.history import History
from xdsserver.objects.meta import Name, ObjectKey
from xdsserver.pipeline import Pipeline
from xdsserver.reconciler import Reconciler
from xdsserver.tables import Table
from xdsserver.xds.cache import Cache
from xdsserver.xds.ledger import Ledger

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Unread:
    """Something that cannot be read, so that it is not in the tables as its writer meant it.

    Attributes:
        where: a file with its line, or "" where an API server has it.
        key: the object, None where it is not known.
        words: what is wrong, with the field.
        severity: `error` where it is not in force, `warning` where it is, perhaps not as meant.
    """

    where: str
    key: ObjectKey | None
    words: str
    severity: Literal["error", "warning"] = "error"


@dataclass(frozen=True, slots=True)
class Serving:
    """What is known of Envoys by whoever serves them.

    Attributes:
        cache: what they are to have.
        ledger: what they were sent, and said.
        now_s: the clock of the sessions.
    """

    cache: Cache
    ledger: Ledger
    now_s: Callable[[], float]


@dataclass(frozen=True, slots=True)
class World:
    """Everything that can be told of a run, read where it is and as it is now; nothing is copied before it is asked.

    Attributes:
        reconciler: the tables.
        serving: None where nobody is served, as with a folder that is only looked at.
        history: the last changes.
        unread: what cannot be read now.
        replica: the name of this server among several; "" for the only one.
    """

    reconciler: Reconciler
    serving: Serving | None = None
    history: History = field(default_factory=History)
    unread: Callable[[], tuple[Unread, ...]] = tuple
    replica: str = ""

    @property
    def pipeline(self) -> Pipeline:
        """The tables."""
        return self.reconciler.pipeline


def look(table: Table[K, V], key: K) -> V | None:
    """Read a row as a derivation does, without being woken later: so views can call what derivations call."""
    return table.rows.get(key)


def key_of(kind: str, namespace: str, name: str) -> ObjectKey:
    """Name an object; objects of the cluster have no namespace, which is written "-" where something must stand."""
    return ObjectKey(kind, "" if namespace == "-" else namespace, name)


def name_of(key: ObjectKey) -> Name:
    """Give the name of an object among those of its kind."""
    return Name(key.namespace, key.name)
