"""Paced: one request at an even rate, each on a connection of its own, and how long each took.

python -m bench.paced   reads and prints one JSON document
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Final

HOST: Final = "127.0.0.1"
UNANSWERED: Final = 0
"""The status of a request whose connection was closed, or of which nothing was heard in time."""


Ask = Callable[[], Awaitable[int]]
"""Sends the request and returns the status of its answer. Raises OSError or ValueError."""


async def measure(
    port: int,
    request: bytes,
    *,
    begin_in: float,
    per_s: float,
    seconds: float,
    patience_s: float,
    source: str | None = None,
) -> dict[str, Any]:
    """Send a request as `pace` does, from the address `source` where one is given."""
    return await pace(
        lambda: _ask(port, request, source),
        begin_in=begin_in,
        per_s=per_s,
        seconds=seconds,
        patience_s=patience_s,
    )


async def pace(
    ask: Ask, *, begin_in: float, per_s: float, seconds: float, patience_s: float
) -> dict[str, Any]:
    """Send at the planned instants, whether earlier requests were answered or not.

    `took` are the seconds from each planned instant to the whole answer, at most `patience_s`;
    `statuses` counts the answers.
    """
    began = time.perf_counter() + begin_in
    planned = [began + n / per_s for n in range(int(per_s * seconds))]
    answers = await asyncio.gather(*(_at(each, ask, patience_s) for each in planned))
    statuses = Counter(status for status, _ in answers)
    return {"took": [took for _, took in answers], "statuses": statuses}


async def _at(planned: float, ask: Ask, patience_s: float) -> tuple[int, float]:
    await asyncio.sleep(planned - time.perf_counter())
    status = UNANSWERED
    try:
        async with asyncio.timeout(planned + patience_s - time.perf_counter()):
            status = await ask()
    except (OSError, ValueError):  # TimeoutError is an OSError; an answer that broke off is neither
        pass
    took = time.perf_counter() - planned
    return status, took if status else max(took, patience_s)


async def _ask(port: int, request: bytes, source: str | None) -> int:
    """The status of the answer, once the server has sent all of it."""
    reader, writer = await asyncio.open_connection(
        HOST, port, local_addr=None if source is None else (source, 0)
    )
    try:
        writer.write(request)
        answer = await reader.read()
    finally:
        writer.close()
    return int(answer[9:12])


if __name__ == "__main__":
    question = json.load(sys.stdin)
    question["request"] = question["request"].encode("latin-1")
    json.dump(asyncio.run(measure(**question)), sys.stdout)
