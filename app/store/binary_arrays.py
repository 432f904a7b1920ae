"""Binary arrays: columns of many rows in PostgreSQL's binary form; statements name their types.

psycopg names the type of each array by what is in it, and prepares a statement anew for each
combination of types. An array of this module has no type of its own, so that a statement with
twenty of them, any of which may be NULL, is prepared once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from struct import Struct
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import psycopg
from psycopg.adapt import Dumper
from psycopg.pq import Format

_HEAD: Final = Struct("!iiIii")
"""Dimensions, whether an element is NULL, the element's type, length, first index."""
_LENGTH: Final = Struct("!i")
_NULL: Final = _LENGTH.pack(-1)
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_INT8: Final = Struct("!q").pack
_DISTINCT: Final = "UUID"
"""The type whose values are ids, no two of which are the same."""


class _Element(NamedTuple):
    """The type of an array's elements: its oid, and the binary form of a value."""

    oid: int
    encode: Callable[[Any], bytes]


def _of_instant(instant: datetime) -> bytes:
    return _INT8((instant - _EPOCH) // _MICROSECOND)


_ELEMENTS: Final[Mapping[str, _Element]] = MappingProxyType(
    {
        "BOOLEAN": _Element(16, lambda flag: b"\1" if flag else b"\0"),
        "BYTEA": _Element(17, bytes),
        "BIGINT": _Element(20, _INT8),
        "SMALLINT": _Element(21, Struct("!h").pack),
        "INTEGER": _Element(23, _LENGTH.pack),
        "TEXT": _Element(25, str.encode),
        "DOUBLE PRECISION": _Element(701, Struct("!d").pack),
        "TIMESTAMP WITH TIME ZONE": _Element(1184, _of_instant),
        "UUID": _Element(2950, lambda value: value.bytes),
    }
)


class BinaryArray(bytes):
    """The binary form of an array."""

    __slots__ = ()


class _BinaryArrayDumper(Dumper):
    """Hands an array over as it is, and leaves its type to the statement."""

    format = Format.BINARY

    def dump(self, obj: BinaryArray) -> bytes:
        return obj


psycopg.adapters.register_dumper(BinaryArray, _BinaryArrayDumper)


def array_of(kind: str, values: Sequence[Any]) -> BinaryArray | None:
    """Return an array of values of an SQL type, in upper case; None if there is no value in it.

    `unnest` fills up an array that is NULL with as many NULLs as others have elements.
    """
    element = _ELEMENTS[kind]
    if not values or (kind != _DISTINCT and values.count(values[0]) == len(values)):
        return _array_of_one(element, values)
    parts = [b""]
    has_null = False
    for value in values:
        if value is None:
            has_null = True
            parts.append(_NULL)
        else:
            encoded = element.encode(value)
            parts += (_LENGTH.pack(len(encoded)), encoded)
    if len(parts) == 1 + len(values):
        return None
    parts[0] = _HEAD.pack(1, has_null, element.oid, len(values), 1)
    return BinaryArray(b"".join(parts))


def _array_of_one(element: _Element, values: Sequence[Any]) -> BinaryArray | None:
    """As `array_of`, of values that are all the same, as those of most columns of a batch are."""
    if not values or values[0] is None:
        return None
    encoded = element.encode(values[0])
    head = _HEAD.pack(1, False, element.oid, len(values), 1)  # noqa: FBT003 - a field of the format
    return BinaryArray(head + (_LENGTH.pack(len(encoded)) + encoded) * len(values))
