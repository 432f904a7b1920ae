"""Data: a job's payload in a document, as text where that reads back byte for byte, else base64."""

from __future__ import annotations

import base64
import binascii
from typing import Final

from app.errors import InvalidMember

BASE64: Final = "base64"
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
    """The `data` and `dataEncoding` that stand for a payload."""
    try:
        return payload.decode(), None
    except UnicodeDecodeError:
        return to_base64(payload), BASE64


def to_base64(payload: bytes) -> str:
    """The payload in the base64 of RFC 4648, section 4."""
    return base64.b64encode(payload).decode("ascii")
