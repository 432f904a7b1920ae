"""Name server: answers A and AAAA questions over UDP as the test sets, or not at all."""

from __future__ import annotations

import socket
import struct
import threading
from ipaddress import ip_address
from typing import Self

_TYPE_A = 1
_TYPE_AAAA = 28
_NO_SUCH_NAME = 3
_CUT = 0x0200
_PLAIN_BYTES = 512


Zone = dict[str, tuple[str, ...] | bytes | None]


class NameServer:
    """Listens on loopback; `zone` maps a name to addresses, to () or, for silence, to None.

    Bytes in the zone are sent as they are behind the id of the question. A name outside the zone
    does not exist. An answer that is longer than the question allows is cut behind its last whole
    record, and says so (TC). `asked` lists name and record type as they come.
    """

    def __init__(self, zone: Zone, *, ttl: int = 60) -> None:
        self.zone = zone
        self.ttl = ttl
        self.asked: list[tuple[str, int]] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_failure: object) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as farewell:
            farewell.sendto(b"", self._socket.getsockname())
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            question, caller = self._socket.recvfrom(4096)
            if not question:
                return
            reply = self._reply(question)
            if reply:
                self._socket.sendto(reply, caller)

    def _reply(self, question: bytes) -> bytes:
        labels, end = [], 12
        while question[end]:
            labels.append(question[end + 1 : end + 1 + question[end]].decode())
            end += 1 + question[end]
        name = ".".join(labels).lower()
        (kind,) = struct.unpack_from("!H", question, end + 1)
        self.asked.append((name, kind))
        addresses = self.zone.get(name, ())
        if addresses is None:
            return b""
        if isinstance(addresses, bytes):
            return question[:2] + addresses
        found = [ip_address(text).packed for text in addresses]
        found = [each for each in found if len(each) == {_TYPE_A: 4, _TYPE_AAAA: 16}.get(kind)]
        flags = 0x8180 | (0 if name in self.zone else _NO_SUCH_NAME)
        most = _most_bytes(question, end + 5)
        while len(found) * (12 + len(found[0] if found else b"")) > most - end - 5:
            found, flags = found[:-1], flags | _CUT
        head = question[:2] + struct.pack("!HHHHH", flags, 1, len(found), 0, 0)
        records = b"".join(
            struct.pack("!HHHIH", 0xC00C, kind, 1, self.ttl, len(each)) + each for each in found
        )
        return head + question[12 : end + 5] + records


def _most_bytes(question: bytes, end: int) -> int:
    """How long an answer over UDP may be: as EDNS says behind the question (RFC 6891, 6.1.2)."""
    size = _PLAIN_BYTES
    if len(question) > end:
        (size,) = struct.unpack_from("!H", question, end + 3)
    return int(size)
