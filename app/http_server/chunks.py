"""Chunks: a body in chunked coding (RFC 9112, 7.1), decoded as it arrives."""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import Final

from app.http_server.heads import BAD, Refused

MAX_LINE: Final = 1024
MAX_TRAILERS: Final = 16 * 1024
MAX_OVERHEAD: Final = 16 * 1024
"""How many more bytes than of the body its sizes, extensions and trailers may have together, so
that chunks of one byte each do not keep the event loop busy."""

_SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[\t -~\x80-\xff]*)?")
_TRAILER: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t -~\x80-\xff]*")
_END: Final = b"\r\n"


class _Next(Enum):
    """What comes next."""

    SIZE = auto()
    DATA = auto()
    END_OF_DATA = auto()
    TRAILER = auto()


class Chunks:
    """Decodes one body. `is_whole` once its end has come."""

    def __init__(self) -> None:
        self.is_whole = False
        self._next = _Next.SIZE
        self._left = 0
        """Bytes of the present chunk that have not come yet."""
        self._held = b""
        """The beginning of a line."""
        self._size = 0
        self._overhead = 0
        self._trailers = 0

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        """The part of the body that is in `data`, and what follows the end of the body.

        Raises Refused.
        """
        data = self._held + data
        self._held = b""
        at = 0
        parts: list[bytes] = []
        while not self.is_whole and at < len(data):
            if self._next is _Next.DATA:
                part = data[at : at + self._left]
                parts.append(part)
                at += len(part)
                self._take(len(part))
                continue
            end = data.find(_END, at)
            if end < 0:
                self._held = data[at:]
                if len(self._held) > MAX_LINE:
                    raise Refused(BAD)
                return b"".join(parts), b""
            self._read_line(data[at:end])
            at = end + len(_END)
        return b"".join(parts), data[at:]

    def _take(self, size: int) -> None:
        self._left -= size
        self._size += size
        if not self._left:
            self._next = _Next.END_OF_DATA

    def _read_line(self, line: bytes) -> None:
        self._overhead += len(line) + len(_END)
        if len(line) > MAX_LINE or self._overhead > self._size + MAX_OVERHEAD:
            raise Refused(BAD)
        match self._next:
            case _Next.SIZE:
                match = _SIZE.fullmatch(line)
                if match is None:
                    raise Refused(BAD)
                self._left = int(match[1], 16)
                self._next = _Next.DATA if self._left else _Next.TRAILER
            case _Next.END_OF_DATA:
                if line:
                    raise Refused(BAD)
                self._next = _Next.SIZE
            case _:
                self._read_trailer(line)

    def _read_trailer(self, line: bytes) -> None:
        """Read a trailer, which is dropped: nothing here depends on one."""
        self._trailers += len(line)
        if not line:
            self.is_whole = True
        elif self._trailers > MAX_TRAILERS or not _TRAILER.fullmatch(line):
            raise Refused(BAD)
