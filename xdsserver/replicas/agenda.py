"""What the leader tells the others: each subject and what became of it, newest state by key, to each once."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from xdsserver.replicas.statements import Matter, State, Subject

if TYPE_CHECKING:
    from collections.abc import Callable

    from xdsserver.model.places import ListenerKey


class Reader:
    """One replica that is told; `on_news` is called when there is something for it."""

    def __init__(self, matters: dict[ListenerKey, Matter], on_news: Callable[[], None]) -> None:
        self._matters = matters
        self._news = dict.fromkeys(matters)
        self._on_news = on_news

    def note(self, key: ListenerKey) -> None:
        """Tell of this subject again."""
        self._news[key] = None
        self._on_news()

    def take(self, most: int) -> tuple[Matter, ...]:
        """Give what it has not been told, as it is now, or some of it."""
        keys = tuple(islice(self._news, most))
        for key in keys:
            del self._news[key]
        return tuple(self._matters.get(key) or Matter(Subject(key, "", 0), State.WITHDRAWN) for key in keys)


class Agenda:
    """All subjects, and who reads of them."""

    def __init__(self) -> None:
        self._matters: dict[ListenerKey, Matter] = {}
        self._readers: set[Reader] = set()

    def put(self, matter: Matter) -> None:
        """Note what became of a subject."""
        key = matter.subject.key
        if self._matters.get(key) != matter:
            self._matters[key] = matter
            self._tell(key)

    def withdraw(self, key: ListenerKey) -> None:
        """Note that nothing is to be said of a subject any more."""
        if self._matters.pop(key, None) is not None:
            self._tell(key)

    def clear(self) -> None:
        """Forget everything, and everybody: somebody else leads."""
        self._matters.clear()
        self._readers.clear()

    def open(self, on_news: Callable[[], None]) -> Reader:
        """Begin to tell somebody, with everything."""
        reader = Reader(self._matters, on_news)
        self._readers.add(reader)
        return reader

    def close(self, reader: Reader) -> None:
        """Tell this one no more."""
        self._readers.discard(reader)

    def _tell(self, key: ListenerKey) -> None:
        for reader in self._readers:
            reader.note(key)
