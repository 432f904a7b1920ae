"""JSON as google.protobuf.Value in binary form, and back: how Dapr carries JSON in messages."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator
from typing import Any, Final

import orjson
from google.protobuf import struct_pb2
from google.protobuf.message import DecodeError

TYPE_URL: Final = "type.googleapis.com/google.protobuf.Value"

# Keys of google.protobuf.Value: the number of a field and its wire type.
_NULL: Final = b"\x08\x00"
_NUMBER: Final = b"\x11"
_STRING: Final = b"\x1a"
_BOOL: Final = {False: b"\x20\x00", True: b"\x20\x01"}
_STRUCT_OR_LIST: Final = {dict: b"\x2a", list: b"\x32"}
_FIRST: Final = b"\x0a"
_SECOND: Final = b"\x12"
_MAX_WHOLE: Final = 1e15
MAX_VALUES: Final = 100_000
"""Values in one document that are encoded; more would keep the interpreter busy for seconds."""

_OVERHEAD: Final = 2
"""Bytes of a key and a length, at least."""

_SHORT: Final = tuple(bytes([each]) for each in range(128))
_PACK: Final = struct.Struct("<d").pack


class TooLarge(ValueError):
    """The value would be longer than is allowed, has too many parts, or is nested too deeply."""


class NotJson(ValueError):
    """The bytes are not a Value, or it has a number that JSON cannot hold."""


def encode(text: bytes, *, most: int) -> bytes:
    """The Value of a JSON text, at most about `most` bytes; numbers become doubles.

    Raises TooLarge, as soon as the value is known to be longer or to have more than MAX_VALUES.
    """
    encoder = _Encoder(most)
    try:
        return encoder.value(_read(text))
    except RecursionError:
        raise TooLarge from None


def decode(value: bytes) -> bytes:
    """The JSON text of a Value, empty where no kind is set; raises NotJson."""
    try:
        message = struct_pb2.Value.FromString(value)
    except DecodeError as error:
        raise NotJson(str(error)) from None
    if message.WhichOneof("kind") is None:
        return b""
    return orjson.dumps(_plain(message))


class _Encoder:
    """Encodes one document; counts what it has encoded, and stops above `most` bytes."""

    def __init__(self, most: int) -> None:
        self._left = most
        self._values_left = MAX_VALUES

    def value(self, value: Any) -> bytes:  # noqa: ANN401 - what JSON holds
        self._values_left -= 1
        if self._values_left < 0:
            raise TooLarge
        kind = type(value)
        if kind is list or kind is dict:
            self._take(_OVERHEAD)
            content = self._all(value) if kind is list else b"".join(self._entries(value))
            return _STRUCT_OR_LIST[kind] + _prefixed(content)
        found = _scalar(kind, value)
        self._take(len(found))
        return found

    def _all(self, values: list[Any]) -> bytes:
        parts: list[bytes] = []
        for each in values:
            found = self.value(each)
            self._take(_OVERHEAD)
            parts += (_FIRST, _length(found), found)
        return b"".join(parts)

    def _entries(self, members: dict[str, Any]) -> Iterator[bytes]:
        for name, value in members.items():
            key = name.encode()
            found = self.value(value)
            self._take(len(key) + 3 * _OVERHEAD)
            yield _FIRST + _prefixed(_FIRST + _prefixed(key) + _SECOND + _prefixed(found))

    def _take(self, length: int) -> None:
        self._left -= length
        if self._left < 0:
            raise TooLarge


def _read(text: bytes) -> Any:  # noqa: ANN401 - what JSON holds
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        # It refuses some texts, such as 1e400. A long integer is read in linear time as a double.
        return json.loads(text, parse_int=float)


def _scalar(kind: type, value: Any) -> bytes:  # noqa: ANN401 - what JSON holds
    if kind is str:
        return _STRING + _prefixed(value.encode())
    if kind is float or kind is int:
        return _NUMBER + _PACK(value)
    return _NULL if value is None else _BOOL[value]


def _prefixed(content: bytes) -> bytes:
    """The bytes behind their number, as a varint."""
    return _length(content) + content


def _length(content: bytes) -> bytes:
    length = len(content)
    if length < len(_SHORT):
        return _SHORT[length]
    prefix = bytearray()
    while length > 0x7F:  # noqa: PLR2004 - seven bits a byte
        prefix.append(length & 0x7F | 0x80)
        length >>= 7
    prefix.append(length)
    return bytes(prefix)


def _plain(value: struct_pb2.Value) -> Any:  # noqa: ANN401 - what JSON holds
    match value.WhichOneof("kind"):
        case "number_value":
            number = value.number_value
            if not math.isfinite(number):
                raise NotJson(f"{number} is not a JSON value")
            return int(number) if number.is_integer() and abs(number) < _MAX_WHOLE else number
        case "string_value":
            return value.string_value
        case "bool_value":
            return value.bool_value
        case "struct_value":
            return {name: _plain(each) for name, each in value.struct_value.fields.items()}
        case "list_value":
            return [_plain(each) for each in value.list_value.values]
        case _:
            return None
