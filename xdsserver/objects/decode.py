"""From documents to structs: what validation has passed, and what an API server sends.

Both drop what would wake a computation for nothing: `status`, `managedFields`, `resourceVersion` and the annotation in
which kubectl keeps a copy of the object.
"""

from functools import cache
from typing import Any

import msgspec

from xdsserver.objects.kinds import Kind
from xdsserver.objects.meta import KubeObject, Untyped
from xdsserver.objects.metadata import LAST_APPLIED
from xdsserver.objects.secret import SecretBytes


@cache
def _decoder(struct: type[KubeObject]) -> msgspec.json.Decoder[KubeObject]:
    return msgspec.json.Decoder(struct, dec_hook=_hidden)


def decode(kind: Kind, document: Untyped) -> KubeObject:
    """Turn a document into its struct; fields that the struct does not have are dropped, nulls mean "not given".

    Raises msgspec.ValidationError, whose text names the path, for a wrong shape: validated documents have none.
    """
    try:
        return _without_copy(msgspec.convert(document, kind.struct, dec_hook=_hidden))
    except msgspec.ValidationError:
        return _without_copy(msgspec.convert(_without_nulls(document), kind.struct, dec_hook=_hidden))


def decode_json(kind: Kind, data: bytes) -> KubeObject:
    """Turn JSON of an API server into its struct, as `decode` does, in one pass over the bytes.

    Raises msgspec.DecodeError (of which ValidationError is one) for what is no JSON or no object of the kind.
    """
    try:
        return _decode_json(kind, data)
    except UnicodeDecodeError:
        # Not as its cause either: it carries all the bytes, which may be those of a Secret.
        message = "JSON is malformed: it is not UTF-8"
        raise msgspec.DecodeError(message) from None
    except RecursionError:
        message = "JSON is malformed: it is nested too deep"
        raise msgspec.DecodeError(message) from None


def _decode_json(kind: Kind, data: bytes) -> KubeObject:
    try:
        return _without_copy(_decoder(kind.struct).decode(data))
    except msgspec.ValidationError:
        # Go writes an empty list as null (`"endpoints": null`); rare enough to pay for a second pass.
        return decode(kind, msgspec.json.decode(data))


def _hidden(_type: type, text: object) -> SecretBytes:
    """Wrap a value of a Secret, the one type of ours that JSON does not know; what is wrong with it is not repeated."""
    if not isinstance(text, str):
        message = "expected text in base64"
        raise TypeError(message)
    return SecretBytes.of_base64(text)


def _without_copy(decoded: KubeObject) -> KubeObject:
    annotations = decoded.metadata.annotations
    if LAST_APPLIED not in annotations:
        return decoded
    kept = {key: value for key, value in annotations.items() if key != LAST_APPLIED}
    return msgspec.structs.replace(decoded, metadata=msgspec.structs.replace(decoded.metadata, annotations=kept))


def _without_nulls(value: Any) -> Any:  # noqa: ANN401  (any JSON)
    match value:
        case dict():
            return {name: _without_nulls(member) for name, member in value.items() if member is not None}
        case list():
            return [_without_nulls(member) for member in value]
        case _:
            return value
