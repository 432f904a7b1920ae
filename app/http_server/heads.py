"""Heads: the head of a request (RFC 9112), read strictly.

What could be read in two ways is refused, as a proxy in front may read it in the other one.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple

MAX_HEAD: Final = 64 * 1024
MAX_FIELDS: Final = 100

BAD: Final = 400
TARGET_TOO_LONG: Final = 414
FIELDS_TOO_LARGE: Final = 431
VERSION_UNKNOWN: Final = 505

_TOKEN: Final = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_LINE: Final = re.compile(rb"(%b) ([!-~\x80-\xff]+) HTTP/([0-9])\.([0-9])" % _TOKEN)
_NAME: Final = re.compile(_TOKEN)
# Wider than RFC 3986, 3.3 and 3.4: clients write such characters unescaped, also in UTF-8.
_PATH: Final = re.compile(rb'/[!"$-;=@-_a-z{|}~\x80-\xff]*')
_QUERY: Final = re.compile(rb'[!"$-;=?-~\x80-\xff]*')
_ABSOLUTE: Final = re.compile(
    rb"[hH][tT][tT][pP][sS]?://([A-Za-z0-9._~!$&'()*+,;=:@%\[\]-]+)([/?][!-~\x80-\xff]*)?"
)
_AUTHORITY: Final = re.compile(rb"[A-Za-z0-9._~%\[\]:-]+")
_LENGTH: Final = re.compile(rb"[0-9]{1,18}")
_MAX_KNOWN: Final = 64
_TEXT: Final = bytes((9, 10, 13, *range(32, 127), *range(128, 256)))
"""The bytes that a head may have: no other control characters."""


class Refused(Exception):
    """A request that cannot be read; the connection ends after a response with this status."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Head(NamedTuple):
    """What the head of a request says."""

    method: str
    path: bytes
    """Still encoded; empty for CONNECT, and `*` for a request about the server."""
    query: bytes
    version: str
    headers: list[tuple[bytes, bytes]]
    """Names in lower case, in the order in which they came."""
    length: int | None
    """The length of the body; None of one in chunks."""
    keeps_alive: bool
    """Whether the client lets the connection be used again."""
    expects_continue: bool
    """Whether the client waits for 100 (Continue) before it sends the body."""


def read(head: bytes) -> Head:
    """Read a head, without the empty line at its end; raises Refused."""
    first, *lines = head.split(b"\r\n")
    if head.count(b"\n") != len(lines) or head.count(b"\r") != len(lines):
        raise Refused(BAD)
    if head.translate(None, _TEXT):
        raise Refused(BAD)
    if len(lines) > MAX_FIELDS:
        raise Refused(FIELDS_TOO_LARGE)
    method, target, version = _read_line(first)
    headers = [_read_field(line) for line in lines]
    path, query, authority = _read_target(method, target)
    if authority:
        headers = _with_host(authority, headers)
    fields = _Fields(headers)
    is_new = version == "1.1"
    return Head(
        method=method.decode(),
        path=path,
        query=query,
        version=version,
        headers=headers,
        length=fields.length(allows_chunks=is_new),
        keeps_alive=fields.keeps_alive(by_default=is_new),
        expects_continue=is_new and fields.expects_continue,
    )


def _read_line(line: bytes) -> tuple[bytes, bytes, str]:
    match = _LINE.fullmatch(line)
    if match is None:
        raise Refused(BAD)
    method, target, major, minor = match.groups()
    if major != b"1":
        raise Refused(VERSION_UNKNOWN)
    # A later minor version is answered as 1.1 (RFC 9110, 2.5).
    return method, target, "1.0" if minor == b"0" else "1.1"


def _read_target(method: bytes, target: bytes) -> tuple[bytes, bytes, bytes]:
    """The path, the query, and the authority of a target in absolute form (RFC 9112, 3.2)."""
    authority = b""
    if method == b"CONNECT":
        if not _AUTHORITY.fullmatch(target):
            raise Refused(BAD)
        return b"", b"", b""
    if target == b"*":
        return target, b"", b""
    if not target.startswith(b"/"):
        match = _ABSOLUTE.fullmatch(target)
        if match is None:
            raise Refused(BAD)
        authority, rest = match[1], match[2] or b""
        target = rest if rest.startswith(b"/") else b"/" + rest
    path, _, query = target.partition(b"?")
    if not _PATH.fullmatch(path) or not _QUERY.fullmatch(query):
        raise Refused(BAD)
    if not target.isascii():
        try:
            target.decode()
        except UnicodeDecodeError:
            raise Refused(BAD) from None
    return path, query, authority


def _with_host(authority: bytes, headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Put the host of the target in the place of `Host`, which is ignored (RFC 9112, 3.2.2).

    Several stay, as the application refuses them (3.2).
    """
    others = [each for each in headers if each[0] != b"host"]
    return headers if len(headers) - len(others) > 1 else [(b"host", authority), *others]


def _read_field(line: bytes) -> tuple[bytes, bytes]:
    name, colon, value = line.partition(b":")
    if not colon:
        raise Refused(BAD)
    read_name = _known_name if len(name) <= _MAX_KNOWN else _name
    return read_name(name), value.strip(b" \t")


def _name(name: bytes) -> bytes:
    """The name of a field in lower case. One with white space is no name; nor is a folded line."""
    if not _NAME.fullmatch(name):
        raise Refused(BAD)
    return name.lower()


_known_name: Final = lru_cache(maxsize=512)(_name)
"""As `_name`, of the short names, which nearly all are."""


class _Fields:
    """The fields that say where a request ends, and what becomes of its connection."""

    def __init__(self, headers: list[tuple[bytes, bytes]]) -> None:
        self._lengths: list[bytes] = []
        self._codings: list[bytes] = []
        self._connection: list[bytes] = []
        self.expects_continue = False
        for name, value in headers:
            if name == b"content-length":
                self._lengths.append(value)
            elif name == b"transfer-encoding":
                self._codings.append(value.lower())
            elif name == b"connection":
                self._connection += (each.strip(b" \t") for each in value.lower().split(b","))
            elif name == b"expect":
                self.expects_continue = value.lower() == b"100-continue"

    def length(self, *, allows_chunks: bool) -> int | None:
        """The length of the body (RFC 9112, 6.3); None of one in chunks. Raises Refused."""
        if self._codings:
            # With a length as well, a proxy may have taken the request to end elsewhere.
            if self._codings != [b"chunked"] or self._lengths or not allows_chunks:
                raise Refused(BAD)
            return None
        if not self._lengths:
            return 0
        if len(self._lengths) > 1 or not _LENGTH.fullmatch(self._lengths[0]):
            raise Refused(BAD)
        return int(self._lengths[0])

    def keeps_alive(self, *, by_default: bool) -> bool:
        """Whether the connection may be used again (RFC 9112, 9.3)."""
        if b"close" in self._connection:
            return False
        return by_default or b"keep-alive" in self._connection
