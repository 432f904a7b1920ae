"""Bare: the delivery engine alone, posting the same requests from memory; the limit of a drain.

python -m bench.yardsticks.bare   reads and prints one JSON document
"""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Any, Final
from uuid import UUID

from uuid6 import uuid7

from app.delivery.engine import Engine
from app.delivery.guard import Guard
from app.delivery.loop import Loop
from app.delivery.request import Call, Delivery, build
from app.delivery.resolver import Resolver
from app.domain.run import Reply
from bench.receiver import ADDRESSES

_AT_ONCE: Final = 64


def calls(count: int, *, secret: str, scheme: str, port: int, size: int) -> list[Call]:
    """Signed calls as a worker would build them."""
    now = datetime.now(UTC)
    made = []
    for n in range(count):
        head = f'{{"order": {n}, "text": "'
        data = head + ("wake up " * size)[: size - 2 - len(head)] + '"}'
        delivery = Delivery(
            run_id=UUID(int=uuid7().int),
            job_id=UUID(int=uuid7().int),
            url=f"{scheme}://{ADDRESSES[n % len(ADDRESSES)]}:{port}/wake",
            content_type="application/json",
            signature=None,
            data=data.encode(),
            due_at=now,
            attempt=1,
        )
        made.append(build(delivery, [secret], int(now.timestamp())))
    return made


class Post:
    """Posts calls through an engine, so many at once, and counts what came back."""

    def __init__(self, loop: Loop, engine: Engine, made: list[Call], at_once: int) -> None:
        self._loop = loop
        self._engine = engine
        self._left = made
        self._at_once = at_once
        self._expected = len(made)
        self.answered = 0
        self.refused: list[Reply] = []

    def run(self) -> float:
        """Seconds from the first call to the last answer."""
        self._left.reverse()
        began = time.perf_counter()
        self._loop.call_soon(self._fill)
        self._loop.run(until=lambda: self.answered == self._expected)
        return time.perf_counter() - began

    def _fill(self) -> None:
        """Begin some, and let sockets in between, as the dispatcher does."""
        for _ in range(_AT_ONCE):
            if not self._left or self._engine.in_flight >= self._at_once:
                return
            self._engine.post(self._left.pop(), self._done)
        self._loop.call_soon(self._fill)

    def _done(self, reply: Reply) -> None:
        self.answered += 1
        if reply.status != 204:  # noqa: PLR2004 - what the receiver answers
            self.refused.append(reply)
        if self._left:
            self._engine.post(self._left.pop(), self._done)


def measure(question: dict[str, Any]) -> dict[str, Any]:
    """Seconds and CPU for the calls asked for, over connections that stand already."""
    loop = Loop()
    guard = Guard(loop, Resolver(loop), allow=(ip_network("127.0.0.0/8"),))
    engine = Engine(loop, guard, ca_file=question["authority"])
    about = {key: question[key] for key in ("secret", "scheme", "port", "size")}
    at_once = question["at_once"]
    warm = Post(loop, engine, calls(question["warm"], **about), at_once)
    cold_s = warm.run()
    post = Post(loop, engine, calls(question["count"], **about), at_once)
    used = time.process_time()
    seconds = post.run()
    cpu = time.process_time() - used
    engine.close()
    loop.close()
    refused = warm.refused + post.refused
    if refused:
        raise SystemExit(f"{len(refused)} calls failed, the first with {refused[0]}")
    return {"seconds": seconds, "cpu": cpu, "cold_seconds": cold_s}


if __name__ == "__main__":
    json.dump(measure(json.load(sys.stdin)), sys.stdout)
