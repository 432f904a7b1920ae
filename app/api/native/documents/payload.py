"""Data: a job's payload in a document, as text where that reads back byte for byte, else base64."""

from __future__ import annotations

import base64
import binascii
from contextlib import suppress
from typing import Final

from app.domain.job import MAX_DATA
from app.errors import InvalidMember

BASE64: Final = "base64"

# What JSON or XML escapes; JSON takes six bytes for a control character, which is most.
_ESCAPED: Final = bytes(range(0x20)) + b'"\\&<>'
_MAX_ESCAPE: Final = 6
_MAX_ESCAPED: Final = 6 * 1024 * 1024
_BLANKS: Final = str.maketrans("", "", " \t\r\n")


def to_bytes(text: str, encoding: str | None) -> bytes:
    """The payload that a document's `data` and `dataEncoding` stand for; raises InvalidMember."""
    if encoding is None:
        return text.encode()
    if encoding != BASE64:
        raise InvalidMember(
            "dataEncoding",
            "The only encoding of data is base64.",
            remedy=f'Say "{BASE64}", or leave dataEncoding out and send data as text.',
        )
    try:
        return base64.b64decode(text.translate(_BLANKS), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidMember(
            "data",
            f"data is not base64: {error}.",
            remedy="Use the alphabet of RFC 4648, section 4, with padding.",
        ) from None


def to_text(payload: bytes) -> tuple[str, str | None]:
    """The `data` and `dataEncoding` that stand for a payload.

    A long one of another dialect is base64 also where most of its characters would be escaped:
    4 MiB would be 24 MiB.
    """
    with suppress(UnicodeDecodeError):
        if len(payload) <= MAX_DATA or _escaped_size(payload) <= _MAX_ESCAPED:
            return payload.decode(), None
    return to_base64(payload), BASE64


def _escaped_size(payload: bytes) -> int:
    """The most bytes that a text takes in JSON and in XML."""
    escaped = len(payload) - len(payload.translate(None, _ESCAPED))
    return len(payload) + (_MAX_ESCAPE - 1) * escaped


def to_base64(payload: bytes) -> str:
    """The payload in the base64 of RFC 4648, section 4."""
    return base64.b64encode(payload).decode("ascii")
