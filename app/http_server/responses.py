"""Responses: the head of a response (RFC 9112), and how its body is delimited."""

from __future__ import annotations

import time
from collections.abc import Sequence
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import Final, NamedTuple, Protocol

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
LAST_CHUNK: Final = b"0\r\n\r\n"
FAILED: Final = 500
"""The status of a response after a defect."""

Headers = Sequence[tuple[bytes, bytes]]

_HEAD: Final = "HEAD"
_LENGTH: Final = b"content-length"
# The server decides these by the connection.
_OWN: Final = frozenset({b"connection", b"transfer-encoding", b"keep-alive", b"date"})
# As numbers: to read a member of HTTPStatus calls a function, for each response.
_BODILESS: Final = frozenset({int(HTTPStatus.NO_CONTENT), int(HTTPStatus.NOT_MODIFIED)})


class Link(Protocol):
    """What whoever sends a response needs of the connection."""

    @property
    def is_gone(self) -> bool:
        """Whether nothing can be sent any more."""

    @property
    def is_last(self) -> bool:
        """Whether the connection ends with the present response."""

    def write(self, data: bytes) -> None:
        """Send these bytes."""


class Opening(NamedTuple):
    """The head of a response, and how its body follows."""

    head: bytes
    has_body: bool
    in_chunks: bool
    length: int | None
    """The number of bytes that were promised; None if that is not known."""
    closes: bool
    """Whether the connection ends with the response."""


class _Date:
    """The field Date, formatted once a second."""

    def __init__(self) -> None:
        self._second = 0
        self._line = b""

    def line(self) -> bytes:
        """The field, as the time is now."""
        now = int(time.time())
        if now != self._second:
            self._second = now
            self._line = b"Date: " + formatdate(now, usegmt=True).encode()
        return self._line


_DATE: Final = _Date()


def open_whole(
    status: int, headers: Headers, size: int, *, method: str, version: str, closes: bool
) -> Opening:
    """Begin a response whose body has `size` bytes; raises ValueError for a field of two lines."""
    has_body = method != _HEAD and _may_have_body(status)
    lines, length = _lines(headers)
    if has_body:
        lines.append(b"Content-Length: %d" % size)
    elif method == _HEAD and _may_have_body(status):
        # What GET would have: an application may leave out the body itself.
        lines.append(b"Content-Length: " + (length or b"%d" % size))
    return _opened(status, lines, version, has_body=has_body, length=size, closes=closes)


def open_pieces(
    status: int, headers: Headers, *, method: str, version: str, closes: bool
) -> Opening:
    """Begin a response whose body comes in pieces; raises ValueError for a field of two lines."""
    has_body = method != _HEAD and _may_have_body(status)
    lines, length = _lines(headers)
    if length is not None:
        if _may_have_body(status):
            lines.append(b"Content-Length: " + length)
        return _opened(status, lines, version, has_body=has_body, length=int(length), closes=closes)
    in_chunks = has_body and version == "1.1"
    if in_chunks:
        lines.append(b"Transfer-Encoding: chunked")
    # An older client reads until the connection ends.
    ends = closes or (has_body and not in_chunks)
    return _opened(status, lines, version, has_body=has_body, closes=ends, in_chunks=in_chunks)


def refusal(status: int) -> bytes:
    """A response without a body, after which the connection ends."""
    return open_whole(status, (), 0, method="GET", version="1.1", closes=True).head


def chunk(body: bytes) -> bytes:
    """A part of a body in chunks, which is not empty."""
    return b"%x\r\n%b\r\n" % (len(body), body)


def _may_have_body(status: int) -> bool:
    return status not in _BODILESS


def _lines(headers: Headers) -> tuple[list[bytes], bytes | None]:
    """The fields that the application decides, and the length that it gives."""
    lines, length = [], None
    for name, value in headers:
        key = name.lower()
        if key == _LENGTH:
            length = value
        elif key not in _OWN:
            lines.append(name + b": " + value)
    return lines, length


def _opened(
    status: int,
    lines: list[bytes],
    version: str,
    *,
    has_body: bool,
    closes: bool,
    length: int | None = None,
    in_chunks: bool = False,
) -> Opening:
    lines.append(_DATE.line())
    if closes:
        lines.append(b"Connection: close")
    elif version == "1.0":
        lines.append(b"Connection: keep-alive")
    head = b"\r\n".join((_status_line(status), *lines, b"\r\n"))
    ends = len(lines) + 2
    if head.count(b"\n") != ends or head.count(b"\r") != ends:
        # A client would take what follows for another field, or for another response.
        raise ValueError(head)
    return Opening(head, has_body, in_chunks, length, closes)


@lru_cache(maxsize=128)
def _status_line(status: int) -> bytes:
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    return f"HTTP/1.1 {status} {phrase}".encode()
