"""Received: ends connections by which more comes than an answer has, whatever it is wrapped in."""

from __future__ import annotations

import socket
import struct
from contextlib import suppress
from typing import Final

MAX_RECEIVED: Final = 16 * 1024 * 1024
"""Bytes that may come by a connection in one call: four times the longest answer that is kept.
libcurl counts bodies and headers; it takes any number of bytes of chunk extensions and of TLS
messages."""

_EVERY: Final = 8
"""Turns of a socket between two looks at its bytes: most calls have fewer."""

_BYTES_AT: Final = 128
"""Where Linux has `tcpi_bytes_received` in its `tcp_info`."""

_NUMBER: Final = struct.Struct("=Q")


class ReceivedBytes:
    """Ends connections that receive more than `most` bytes in a call, where Linux counts them."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._turns: dict[int, int] = {}
        self._first: dict[int, int] = {}
        """The bytes that a connection had received at the first look in this call."""

    def turn(self, fd: int) -> None:
        """Count a turn of this socket; shut its connection down where too much has come."""
        turns = self._turns[fd] = self._turns.get(fd, 0) + 1
        if turns % _EVERY == 0:
            self._look(fd)

    def end(self, fd: int) -> None:
        """Begin anew with this number, as a call has ended or the socket is another one."""
        if self._turns.pop(fd, 0) >= _EVERY:
            self._first.pop(fd, None)

    def _look(self, fd: int) -> None:
        with suppress(OSError):
            same = socket.socket(fileno=fd)
            try:
                received = _count(same)
                if received - self._first.setdefault(fd, received) > self._most:
                    same.shutdown(socket.SHUT_RDWR)
            finally:
                same.detach()


def _count(connection: socket.socket) -> int:
    """The bytes that a connection has received; 0 where the system does not tell."""
    if not hasattr(socket, "TCP_INFO"):
        return 0
    end = _BYTES_AT + _NUMBER.size
    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, end)
    return int(_NUMBER.unpack_from(info, _BYTES_AT)[0]) if len(info) == end else 0
