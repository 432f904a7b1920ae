"""Answer head: what libcurl accepts in the head of a response although HTTP does not."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

_STATUS_LINE: Final = re.compile(rb"HTTP/[0-9.]+[ \t]([0-9]{3})[ \t\r\n]", re.IGNORECASE)
"""RFC 9112, 4: libcurl reads three digits, whatever follows them."""

_BODILESS: Final = (b"204", b"304")

_FRAMING: Final = re.compile(
    rb"(\s*)(content-length|transfer-encoding)(\s*):(.*)", re.IGNORECASE | re.DOTALL
)

_FRAMING_STARTS: Final = frozenset(b"cCtT \t\n\r\f\v")
"""What such a field begins with; most others are passed over without the cost of a match."""

_MAX_LENGTH: Final = b"9223372036854775807"
"""libcurl ignores a Content-Length above this, and takes for complete whatever is received."""


def starts_head(line: bytes) -> bool:
    """Whether a section that begins with this line is a head, and not trailers."""
    return line[:5].upper() == b"HTTP/"


def fault(lines: Sequence[bytes]) -> str | None:
    """Why the response with this head, the status line first, is not HTTP; None if it is."""
    status = _STATUS_LINE.match(lines[0])
    if status is None:
        return "The answer's status line has no status code of three digits."
    if status[1] in _BODILESS or status[1].startswith(b"1"):
        return None  # RFC 9112, 6.3: ends with its head, whatever length that has
    for line in lines:
        field = _FRAMING.match(line) if line[0] in _FRAMING_STARTS else None
        if field is None:
            continue
        before, name, behind, value = field.groups()
        if before or behind:
            # libcurl takes it for another field, and the body would end anywhere.
            return f"The answer has white space beside the name {name.decode()}."
        if name.lower() == b"content-length" and not all(map(_is_length, value.split(b","))):
            return "The answer's Content-Length is not the length of a body."
    return None


def _is_length(text: bytes) -> bool:
    digits = text.strip()
    if not digits.isdigit():
        return False
    # Compared as text, as it may be longer than any number that Python reads.
    digits = digits.lstrip(b"0")
    return (len(digits), digits) <= (len(_MAX_LENGTH), _MAX_LENGTH)
