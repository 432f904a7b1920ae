"""Messages that wait for their turn: little of each is taken, so that memory is bounded."""

from __future__ import annotations

import socket
from itertools import count

from app.api.dapr.rpc import server
from tests.api.dapr.rpc.client import SERVICE

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, SETTINGS, PING, WINDOW_UPDATE = 0, 1, 4, 6, 8
ACK, END_STREAM, END_HEADERS = 1, 1, 4
INITIAL_WINDOW = 4
SPEC_WINDOW = 65_535
MOST = 16_384


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    head = len(payload).to_bytes(3, "big") + bytes((kind, flags))
    return head + stream.to_bytes(4, "big") + payload


def field(name: bytes, value: bytes) -> bytes:
    return b"\0" + bytes((len(name),)) + name + bytes((len(value),)) + value


class Uploader:
    """One connection, which sends as much of each message as the server allows."""

    def __init__(self, address: str) -> None:
        host, _, port = address.partition(":")
        self.link = socket.create_connection((host, int(port)), timeout=30)
        self.stream = self.link.makefile("rb")
        self.numbers = count(1, 2)
        self.room = SPEC_WINDOW
        self.initial = SPEC_WINDOW
        self.rooms: dict[int, int] = {}
        self.sent: dict[int, int] = {}
        self.link.sendall(PREFACE + frame(SETTINGS, 0, 0))

    def open(self, method: str, flags: int = END_HEADERS) -> int:
        """Begin an RPC; gives the number of its stream."""
        number = next(self.numbers)
        path = f"/{SERVICE}/{method}".encode()
        block = b"\x83\x86" + field(b":path", path) + field(b":authority", b"localhost")
        block += field(b"te", b"trailers") + field(b"content-type", b"application/grpc")
        self.link.sendall(frame(HEADERS, flags, number, block))
        return number

    def upload(self, number: int) -> None:
        """Let zeros be sent as the message of an RPC from now on."""
        self.rooms[number] = self.initial
        self.sent[number] = 0

    def send(self) -> None:
        """Send what the windows allow."""
        for number, room in self.rooms.items():
            left = min(room, self.room)
            while left > 0:
                size = min(left, MOST)
                self.link.sendall(frame(DATA, 0, number, bytes(size)))
                self.rooms[number] -= size
                self.sent[number] += size
                self.room -= size
                left -= size

    def round_trip(self) -> None:
        """Wait for the answer to an RPC that is not offered, with all that comes before it."""
        asked = self.open("NotOffered", END_HEADERS | END_STREAM)
        while True:
            head = self.stream.read(9)
            kind, flags, number = head[3], head[4], int.from_bytes(head[5:9], "big")
            payload = self.stream.read(int.from_bytes(head[:3], "big"))
            self.take(kind, flags, number, payload)
            if (kind, number) == (HEADERS, asked):
                return

    def take(self, kind: int, flags: int, number: int, payload: bytes) -> None:
        """Follow the windows, and acknowledge what the server measures them with."""
        if kind == SETTINGS and not flags & ACK:
            for at in range(0, len(payload), 6):
                if int.from_bytes(payload[at : at + 2], "big") == INITIAL_WINDOW:
                    given = int.from_bytes(payload[at + 2 : at + 6], "big")
                    for each in self.rooms:
                        self.rooms[each] += given - self.initial
                    self.initial = given
            self.link.sendall(frame(SETTINGS, ACK, 0))
        elif kind == PING and not flags & ACK:
            self.link.sendall(frame(PING, ACK, 0, payload))
        elif kind == WINDOW_UPDATE and number == 0:
            self.room += int.from_bytes(payload, "big")
        elif kind == WINDOW_UPDATE and number in self.rooms:
            self.rooms[number] += int.from_bytes(payload, "big")


def test_little_is_taken_of_messages_that_are_not_read(address: str) -> None:
    uploader = Uploader(address)
    for _ in range(server.READS):
        # They have the turns that there are for one sender, and send nothing.
        uploader.open("ListJobs")
    waiting = [uploader.open("ScheduleJob") for _ in range(64)]
    uploader.round_trip()
    for each in waiting:
        uploader.upload(each)

    for _ in range(40):
        uploader.send()
        uploader.round_trip()

    most = server.WINDOW + MOST
    assert 0 < max(uploader.sent.values()) <= most
    uploader.stream.close()
    uploader.link.close()
