"""Receiver of the attacker: answers by path, with what costs most.

python -m bench.hostile.receiver PORT
"""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import Final

from bench.hostile import other_machine
from bench.hostile.target import ADDRESSES
from bench.sink import Connection

_EMPTY: Final = b"Content-Length: 0\r\n\r\n"
_FIELDS: Final = 8
_VALUE: Final = b"x" * 1000

FAILURE: Final = (
    b"HTTP/1.1 500 Internal Server Error\r\n"
    + b"".join(b"X-Filler-%d: %b\r\n" % (n, _VALUE) for n in range(_FIELDS))
    + b"Content-Length: %d\r\n\r\n%b" % (len(_VALUE), _VALUE)
)
"""8 KiB of headers, all of which history keeps."""

ANSWERS: Final = {
    b"/ok": b"HTTP/1.1 204 No Content\r\n\r\n",
    b"/fail": FAILURE,
    b"/later": b"HTTP/1.1 202 Accepted\r\nWakecall-Complete: later; within=604800\r\n" + _EMPTY,
    b"/hang": b"",
}
"""By the beginning of the path; a call on any other is answered 404."""

_MISSING: Final = b"HTTP/1.1 404 Not Found\r\n" + _EMPTY


def answer(head: bytes) -> bytes:
    """The answer to a call with this head; nothing where it is never answered."""
    path = head.split(b" ", 2)[1]
    return next((text for start, text in ANSWERS.items() if path.startswith(start)), _MISSING)


class Answering(Connection):
    """A kept connection whose calls are answered by their path."""

    def answer(self, head: bytes) -> None:
        """Answer one call."""
        self.write(answer(head))


async def serve(port: int) -> None:
    """Listen until SIGTERM."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    async with await loop.create_server(Answering, ADDRESSES, port, backlog=4096):
        await stop.wait()


if __name__ == "__main__":
    other_machine.give_way()
    asyncio.run(serve(int(sys.argv[1])))
