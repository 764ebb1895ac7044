"""Two forms of one pod: as the operator before us made it, and as we make it."""

from __future__ import annotations

from enum import Enum


class Rendering(Enum):
    """In which form a pod template is written.

    A StatefulSet that was there before us is held against the first, which tells whether its Tenant was changed since;
    until then its pods stay as they are. Everything that is new, or changed by its user, gets the second.
    """

    REFERENCE = "as the operator before us"
    OURS = "with what was missing there"
