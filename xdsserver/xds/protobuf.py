"""The two pieces of protobuf's wire format that joining fragments needs.

Source: https://protobuf.dev/programming-guides/encoding/ (base 128 varints, length-delimited records).
"""

from __future__ import annotations

from typing import Final

_LENGTH_DELIMITED: Final = 2
_CONTINUES: Final = 0x80
_ONE_BYTE: Final = tuple(bytes((number,)) for number in range(_CONTINUES))


def varint(number: int) -> bytes:
    """Encode a non-negative integer in base 128, least significant group first."""
    if number < _CONTINUES:
        return _ONE_BYTE[number]
    groups = bytearray()
    while number >= _CONTINUES:
        groups.append(number & (_CONTINUES - 1) | _CONTINUES)
        number >>= 7
    groups.append(number)
    return bytes(groups)


def length_prefix(field_number: int, size: int) -> bytes:
    """Announce a length-delimited field of `size` bytes, which the caller appends."""
    return varint(field_number << 3 | _LENGTH_DELIMITED) + varint(size)


def bytes_field(field_number: int, content: bytes) -> bytes:
    """Encode a bytes or message field."""
    return length_prefix(field_number, len(content)) + content


def text_field(field_number: int, text: str) -> bytes:
    """Encode a string field."""
    return bytes_field(field_number, text.encode())
