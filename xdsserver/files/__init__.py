"""Files: a folder of YAML and JSON as a source of objects, and the state that is saved for a later start.

Belongs here: which files of a folder are read and which are refused, documents and their lines, the last good version
of what is broken now, and the watch that says when to read again; how a state is written so that a crash or a full disk
leaves the old one, what it holds and what of it is sealed. Does not belong here: what a valid object looks like
(`xdsserver.objects`) and what it means (`xdsserver.gatewayapi`).

Two ways in. `Folder(path).scan()` reads once and needs no event loop (`xdsserver check`, tests); `scans(folder)` yields
a `Scan` at the start and after every change. One rule holds both together: *a reading is always of the whole folder*.
Events only say when, never what, because editors, checkouts and mounted ConfigMaps report changes in ways that cannot
be told apart. What makes that cheap is that unchanged files are not opened and unchanged documents are not parsed.
"""

from xdsserver.files.folder import Folder
from xdsserver.files.values import Change, FileProblem, Limits, Scan
from xdsserver.files.watch import Pace, scans

__all__ = ["Change", "FileProblem", "Folder", "Limits", "Pace", "Scan", "scans"]
