"""Names of objects of ours: made of names of others, at most 63 characters, and never the same for two."""

from __future__ import annotations

from hashlib import sha256
from typing import Final

MAX_NAME: Final = 63
"""Of a DNS label, which names of Services and values of labels must be."""

_DIGITS: Final = 10
"""Of a hash in a name: no two of a million names are likely to share one."""


def label_name(prefix: str, name: str) -> str:
    """Make a DNS label of a prefix and a name that may be longer or have dots.

    What fits stays as it is; of what does not, a hash tells names with one beginning apart.
    """
    whole = f"{prefix}-{name}"
    if len(whole) <= MAX_NAME and "." not in name:
        return whole
    digest = sha256(whole.encode()).hexdigest()[:_DIGITS]
    kept = whole.replace(".", "-")[: MAX_NAME - _DIGITS - 1].rstrip("-")
    return f"{kept}-{digest}"
