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
_STRUCT: Final = b"\x2a"
_LIST: Final = b"\x32"
_FIRST: Final = b"\x0a"
_SECOND: Final = b"\x12"
_MAX_WHOLE: Final = 1e15


class TooLarge(ValueError):
    """The value would be longer than is allowed, or is nested too deeply."""


class NotJson(ValueError):
    """The bytes are not a Value, or it has a number that JSON cannot hold."""


def encode(text: bytes, *, most: int) -> bytes:
    """The Value of a JSON text, at most about `most` bytes; numbers become doubles.

    Raises TooLarge, as soon as the value is known to be longer.
    """
    encoder = _Encoder(most)
    try:
        # A number of thousands of digits is read as a double in linear time.
        return encoder.value(json.loads(text, parse_int=float))
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
    """Encodes one document; counts what it has encoded."""

    def __init__(self, most: int) -> None:
        self._left = most

    def value(self, value: Any) -> bytes:  # noqa: ANN401 - what JSON holds
        match value:
            case None:
                found = _NULL
            case bool():
                found = _BOOL[value]
            case float():
                found = _NUMBER + struct.pack("<d", value)
            case str():
                found = _STRING + _prefixed(value.encode())
            case dict():
                return _STRUCT + _prefixed(b"".join(self._entries(value)))
            case _:
                return _LIST + _prefixed(
                    b"".join(_FIRST + _prefixed(self.value(each)) for each in value)
                )
        self._left -= len(found) + 2
        if self._left < 0:
            raise TooLarge
        return found

    def _entries(self, members: dict[str, Any]) -> Iterator[bytes]:
        for name, value in members.items():
            key = _FIRST + _prefixed(name.encode())
            self._left -= len(key)
            yield _FIRST + _prefixed(key + _SECOND + _prefixed(self.value(value)))


def _prefixed(content: bytes) -> bytes:
    """The bytes behind their number, as a varint."""
    length = len(content)
    prefix = bytearray()
    while length > 0x7F:  # noqa: PLR2004 - seven bits a byte
        prefix.append(length & 0x7F | 0x80)
        length >>= 7
    prefix.append(length)
    return bytes(prefix) + content


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
