"""Client: requests over kept connections, as many as are answered; cheap, in a process of its own.

python -m bench.client   reads and prints one JSON document
"""

from __future__ import annotations

import json
import math
import re
import selectors
import socket
import sys
import time
from collections import Counter
from itertools import cycle
from typing import Any, Final, cast

_PIECE: Final = 262_144
WARM_UP_S: Final = 1.0
_DONE: Final = range(200, 300)
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


def request(
    method: str, path: str, body: bytes = b"", *, host: str = "wakecall", **headers: str
) -> bytes:
    """A whole request; header names are given with underscores."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    lines += [f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


def measure(
    port: int,
    requests: list[bytes],
    *,
    connections: int,
    seconds: float | None,
    host: str = "127.0.0.1",
) -> dict[str, Any]:
    """Send one request after the other on each connection; each once where `seconds` is None.

    `statuses` counts the answers that came within `seconds`, after a moment to warm up; `took`
    is how long that was, `cpu_s` what this process used meanwhile, and `ms` what quantiles of the
    answers took; `refusal` is the last answer that was not a 2xx.
    """
    upcoming = cycle(requests) if seconds is not None else iter(requests)
    links = [socket.create_connection((host, port)) for _ in range(connections)]
    buffers = dict.fromkeys(links, b"")
    statuses: Counter[int] = Counter()
    sent_at: dict[socket.socket, float] = {}
    waited: list[float] = []
    refusal, cpu = "", 0.0
    with selectors.DefaultSelector() as selector:
        for link in links:
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            selector.register(link, selectors.EVENT_READ)
            sent_at[link] = time.perf_counter()
            link.sendall(next(upcoming))
        began, until = _span(time.perf_counter(), seconds)
        while (now := time.perf_counter()) < until and selector.get_map():
            for key, _ in selector.select(1.0):
                link = cast("socket.socket", key.fileobj)
                data = link.recv(_PIECE)
                if not data:
                    raise SystemExit("the server closed a connection")
                buffers[link] += data
                answer = _whole(buffers[link])
                if answer is None:
                    continue
                buffers[link] = b""
                status = int(answer[9:12])
                refusal = refusal if status in _DONE else answer.decode(errors="replace")
                answered_at = time.perf_counter()
                if now >= began:
                    cpu = cpu or time.process_time()
                    statuses[status] += 1
                    waited.append(answered_at - sent_at[link])
                sent_at[link] = answered_at
                if following := next(upcoming, b""):
                    link.sendall(following)
                else:
                    selector.unregister(link)
        took = time.perf_counter() - began
        cpu_s = time.process_time() - cpu if cpu else 0.0
    for link in links:
        link.close()
    return {
        "statuses": statuses,
        "took": took,
        "cpu_s": cpu_s,
        "ms": _quantiles(waited),
        "refusal": refusal,
    }


def _quantiles(waited: list[float]) -> dict[str, float]:
    """Milliseconds that half of the answers took at most, and 99 % of them; none without any."""
    ordered = sorted(waited)
    return {
        name: round(ordered[int(len(ordered) * part)] * 1000, 2)
        for name, part in (("p50", 0.5), ("p99", 0.99))
        if ordered
    }


def _span(now: float, seconds: float | None) -> tuple[float, float]:
    """From when on answers count, and until when; all of them where `seconds` is None."""
    return (now, math.inf) if seconds is None else (now + WARM_UP_S, now + WARM_UP_S + seconds)


def _whole(buffer: bytes) -> bytes | None:
    """The answer, once it is complete; one is under way at a time."""
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        return None
    length = _LENGTH.search(buffer, 0, end)
    size = int(length.group(1)) if length else 0
    return buffer if len(buffer) >= end + 4 + size else None


if __name__ == "__main__":
    question = json.load(sys.stdin)
    found = measure(
        question["port"],
        [each.encode("latin-1") for each in question["requests"]],
        connections=question["connections"],
        seconds=question["seconds"],
    )
    json.dump(found, sys.stdout)
