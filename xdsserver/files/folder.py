"""A folder, read again and again: each reading tells what changed and everything that is wrong now."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from xdsserver.files.document import Document, read_document
from xdsserver.files.ledger import Claim, Ledger, Verdict
from xdsserver.files.listing import Listing, Refused, Signature, Vanished, list_folder, read_file, signature
from xdsserver.files.split import split
from xdsserver.files.values import FileProblem, Limits, Scan
from xdsserver.objects.identity import Support
from xdsserver.objects.meta import ObjectKey

RACY_NS = 2_000_000_000
"""A file written less than this before it was read may have been written again without a new time stamp (time stamps
are as coarse as two seconds on some disks), so its signature is not believed the next time."""
NAMED = 3
"""Objects that a message names before it counts the rest."""


@dataclass(frozen=True, slots=True)
class _File:
    """A file as it was last read."""

    signature: Signature | None
    believed: bool
    """An equal signature means equal content."""
    texts: dict[str, Document]
    """By text, so that an unchanged document is not parsed again wherever it moves."""
    documents: tuple[tuple[int, Document], ...]
    """(line from 1, document)."""
    error: str = ""
    """Why the file is not read now; the documents are then those of the last good reading."""


class Folder:
    """A folder as a source of objects.

    `path` need not exist: that is a problem of the reading, and everything stays as it was. Not safe to be used by two
    threads at once. `documents_parsed` counts for tests what the caches are for.
    """

    def __init__(self, path: Path, limits: Limits | None = None, clock_ns: Callable[[], int] = time.time_ns) -> None:
        self.path = path
        self.limits = limits or Limits()
        self.documents_parsed = 0
        self._clock_ns = clock_ns
        self._files: dict[str, _File] = {}
        self._ledger = Ledger(self.limits.settle_s, clock_ns)

    def scan(self) -> Scan:
        """Read the whole folder. Blocks for the disk; never raises for what a folder may hold."""
        listing = list_folder(self.path, self.limits)
        files: dict[str, _File] = {}
        half_written = False
        for name, path in listing.files.items():
            file, unfinished = self._read(name, path)
            half_written = half_written or unfinished
            if file is not None:
                files[name] = file
        for name, reason in listing.refused.items():
            files[name] = replace(self._files.get(name, NOTHING), error=reason)
        for name in self._files.keys() - files.keys():
            if _under(name, listing):
                files[name] = self._files[name]
        self._files = dict(sorted(files.items()))
        verdict = self._ledger.settle(self._claims(listing), lambda file, key: self._stays(file, key, listing))
        problems = sorted({*self._problems(listing, verdict)}, key=_by_place)
        again_s = self.limits.settle_s if verdict.waiting or half_written else None
        return Scan(verdict.changes, tuple(problems), again_s)

    def place(self, key: ObjectKey) -> tuple[str, int] | None:
        """Return where the object in force is defined: file, relative to the folder, and line from 1."""
        return self._ledger.place(key)

    def _read(self, name: str, path: str) -> tuple[_File | None, bool]:
        """Read one file if it may have changed. Returns it (None: gone) and whether it looks half-written."""
        prior = self._files.get(name)
        try:
            if prior is not None and prior.believed and not prior.error and signature(path) == prior.signature:
                return prior, False
            text, found = read_file(path, self.limits)
        except Vanished:
            return None, False
        except Refused as refusal:
            return replace(prior or NOTHING, error=str(refusal), believed=False), False
        json = name.endswith(".json")
        age_ns = self._clock_ns() - found.modified_ns
        if prior is not None and not json and not text.endswith("\n") and 0 <= age_ns < self.limits.settle_s * 1e9:
            # The last document may be cut in the middle and still be valid. Wait; then take it as it is.
            return replace(prior, believed=False), True
        return self._parsed(text, found, prior, json=json), False

    def _parsed(self, text: str, found: Signature, prior: _File | None, *, json: bool) -> _File:
        before = prior.texts if prior else {}
        texts: dict[str, Document] = {}
        documents: list[tuple[int, Document]] = []
        for line, part in [(1, text)] if json else split(text):
            document = texts.get(part) or before.get(part)
            if document is None:
                document = read_document(part, self.limits, json=json)
                self.documents_parsed += 1
            texts[part] = document
            documents.append((line, document))
        read_ns = self._clock_ns()
        believed = read_ns - max(found.modified_ns, found.changed_ns) > RACY_NS
        return _File(found, believed, texts, tuple(documents))

    def _claims(self, listing: Listing) -> dict[ObjectKey, list[Claim]]:
        """Collect what files define, in order of files. A file that is not read now defines nothing."""
        claims: dict[ObjectKey, list[Claim]] = {}
        for name, file in self._files.items():
            if file.error or _under(name, listing):
                continue
            for line, document in file.documents:
                for draft in document.drafts:
                    claims.setdefault(draft.key, []).append(Claim(name, line + draft.line, draft))
        return claims

    def _stays(self, name: str, key: ObjectKey, listing: Listing) -> bool:
        """Tell whether something is wrong with a file that may be this object, which it does not define now."""
        if _under(name, listing):
            return True
        file = self._files.get(name)
        if file is None:
            return False
        if file.error:
            return True
        for _, document in file.documents:
            # A broken document whose object this file did not define before may be the missing one under a new name.
            renamed = any(self._ledger.owner(other) != name for other in document.broken)
            if document.unknown or key in document.broken or renamed:
                return True
        return False

    def _problems(self, listing: Listing, verdict: Verdict) -> Iterator[FileProblem]:
        for name, reason in listing.blind.items():
            text = f"folder {reason}" if not name else reason
            yield FileProblem(name, 0, None, "", text)
        for name, file in self._files.items():
            if file.error:
                yield FileProblem(name, 0, None, "", file.error)
            elif not _under(name, listing):
                yield from _notes(name, file)
        for clash in verdict.clashes:
            used = clash.used
            for claim in clash.others:
                here = f"is defined here and in {used.file}:{used.line}; {used.file} is in force"
                if claim.file == used.file:
                    here = f"is defined here and in line {used.line}, which is in force"
                yield FileProblem(claim.file, claim.line, clash.key, "", here)
                there = f"is defined here, which is in force, and in {claim.file}:{claim.line}"
                yield FileProblem(used.file, used.line, clash.key, "", there)
        for name, keys in verdict.held.items():
            rest = f" and {len(keys) - NAMED} more" if len(keys) > NAMED else ""
            named = ", ".join(str(key) for key in keys[:NAMED]) + rest
            yield FileProblem(name, 0, None, "", f"stays as it was at the last good reading: {named}", "warning")


NOTHING = _File(None, believed=False, texts={}, documents=())


def _by_place(problem: FileProblem) -> tuple[str, int, str, str]:
    return problem.file, problem.line, problem.field, problem.message


def _under(name: str, listing: Listing) -> bool:
    """Tell whether a file is in a directory that could not be listed."""
    return any(not directory or name.startswith(directory + "/") for directory in listing.blind)


def _notes(name: str, file: _File) -> Iterator[FileProblem]:
    ignored: dict[tuple[str, str, Support], int] = {}
    for line, document in file.documents:
        for note in document.notes:
            yield FileProblem(name, line + note.line, note.key, note.field, note.message, note.severity)
        for kind in document.ignored:
            ignored.setdefault(kind, line)
        for draft in document.drafts:
            if draft.key.kind == "Secret" and file.signature is not None and file.signature.mode & 0o077:
                mode = f"{file.signature.mode & 0o777:04o}"
                text = f"may be read by others (mode {mode}); chmod 600 {name}"
                yield FileProblem(name, line + draft.line, draft.key, "", text, "warning")
    for (api_version, kind_name, support), line in ignored.items():
        why = "not supported yet, ignored" if support is Support.NOT_YET else "not read here, ignored"
        yield FileProblem(name, line, None, "kind", f"{kind_name} ({api_version}) is {why}", "warning")
