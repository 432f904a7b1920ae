"""Payload: the data of a job in a document, as text where every byte survives, else base64."""

from __future__ import annotations

import base64
import binascii
from contextlib import suppress
from typing import Final

from app.api.native.codecs.schema import Choice, Text
from app.domain.job import MAX_DATA
from app.errors import InvalidMember

BASE64: Final = "base64"
DATA: Final = Text(
    keeps_space=True,
    remedy_for_bytes=f' Send other bytes as {BASE64}, with dataEncoding "{BASE64}".',
)
ENCODING: Final = Choice(values=(BASE64,))

# What JSON or XML escapes. JSON's escape of a control character is the longest, with six bytes.
_ESCAPED: Final = bytes(range(0x20)) + b'"\\&<>'
_MAX_ESCAPE: Final = 6
_MAX_ESCAPED: Final = 6 * 1024 * 1024
_SPACE: Final = str.maketrans("", "", " \t\r\n")


def to_bytes(text: str | None, encoding: str | None) -> bytes | None:
    """The payload that a document's `data` and `dataEncoding` stand for; raises InvalidMember."""
    if text is None:
        if encoding is not None:
            raise InvalidMember(
                "dataEncoding",
                "dataEncoding is given without data.",
                remedy="Give data, or leave dataEncoding out.",
            )
        return None
    if encoding is None:
        return text.encode()
    try:
        return base64.b64decode(text.translate(_SPACE), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidMember(
            "data",
            f"data is not base64: {error}.",
            remedy="Use the alphabet of RFC 4648, section 4, with padding.",
        ) from None


def to_text(payload: bytes) -> tuple[str, str | None]:
    """The `data` and `dataEncoding` that stand for a payload.

    A payload longer than MAX_DATA, which only other dialects accept, is base64 also where most of
    its characters would be escaped: 4 MiB would become 24 MiB.
    """
    with suppress(UnicodeDecodeError):
        if len(payload) <= MAX_DATA or _escaped_size(payload) <= _MAX_ESCAPED:
            return payload.decode(), None
    return to_base64(payload), BASE64


def _escaped_size(payload: bytes) -> int:
    """An upper bound of the bytes that the payload takes as text in JSON and in XML."""
    escaped = len(payload) - len(payload.translate(None, _ESCAPED))
    return len(payload) + (_MAX_ESCAPE - 1) * escaped


def to_base64(payload: bytes) -> str:
    """The payload in the base64 of RFC 4648, section 4."""
    return base64.b64encode(payload).decode("ascii")
