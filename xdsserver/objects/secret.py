"""Secrets, whose values nothing shows: not a log, not a dump, not a traceback."""

import base64
import binascii
from collections.abc import Mapping
from typing import NoReturn, Self, final

from typing_extensions import override

from xdsserver.objects.meta import KubeObject


@final
class SecretBytes:
    """Bytes that show themselves to nobody who does not ask by `reveal()`.

    Whatever writes values that it does not know (repr, str and format, JSON, pickle, a traceback with its locals) finds
    a placeholder or an error. So whoever calls `reveal()` hands the bytes on at once, and keeps no name for them.
    """

    __slots__ = ("_content",)

    def __init__(self, content: bytes | None) -> None:
        self._content = content

    @classmethod
    def of_base64(cls, text: str) -> Self:
        """Decode what Kubernetes writes, base64 with or without line ends; anything else is not `readable`."""
        try:
            return cls(base64.b64decode(text.replace("\n", "").replace("\r", ""), validate=True))
        except (binascii.Error, ValueError):
            return cls(None)

    @property
    def readable(self) -> bool:
        """Whether the value was base64, as it has to be."""
        return self._content is not None

    def reveal(self) -> bytes:
        """Give the bytes; none where they are not `readable`."""
        return self._content or b""

    @override
    def __eq__(self, other: object) -> bool:
        return isinstance(other, SecretBytes) and self._content == other._content

    @override
    def __hash__(self) -> int:
        return hash((SecretBytes, self._content))

    @override
    def __repr__(self) -> str:
        return "SecretBytes(...)"

    @override
    def __format__(self, format_spec: str) -> str:
        return repr(self)

    # Immutable, so that a copy is the value itself; without these a copy would go the way of a pickle.

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    @override
    def __reduce__(self) -> NoReturn:
        message = "a secret value is not pickled"
        raise TypeError(message)


class Secret(KubeObject):
    """A Secret; `stringData` has become `data` when it gets here, as on an API server."""

    type: str = "Opaque"
    data: Mapping[str, SecretBytes] = {}
