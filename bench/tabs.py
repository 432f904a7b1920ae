"""Tabs: pages of the console that browsers keep open, each asked for again as its script does.

python -m bench.tabs   reads and prints one JSON document
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from collections import Counter
from typing import Any, Final

HOST: Final = "127.0.0.1"
UNANSWERED: Final = 0
"""The status of a request whose connection was closed."""

_TAG: Final = re.compile(rb'data-tag="([^"]*)"')
_PERIOD: Final = re.compile(rb'data-live="(\d+)"')
_GIVEN_UP_S: Final = 30.0
_PERIOD_S: Final = 5.0
"""The period of a page that does not say one, as it could not be shown."""


async def watch(
    port: int, tabs: list[dict[str, str]], *, opened_within: float, seconds: float
) -> dict[str, Any]:
    """Open these tabs (`path`, `cookie`) one after another, and keep them for `seconds` in all.

    `took` are the seconds to each whole answer; `statuses` counts the answers, `bytes` their sum.
    """
    score: dict[str, Any] = {"took": [], "statuses": Counter(), "bytes": 0}
    pause = opened_within / len(tabs)
    async with asyncio.TaskGroup() as group:
        end = time.perf_counter() + seconds
        for number, tab in enumerate(tabs):
            group.create_task(_keep(port, tab, score, number * pause, end))
    return score


async def _keep(
    port: int, tab: dict[str, str], score: dict[str, Any], opens_in: float, end: float
) -> None:
    """Ask for a page as often as it says, for what has changed since."""
    await asyncio.sleep(opens_in)
    tag, period = "", 0.0
    while time.perf_counter() + period < end:
        await asyncio.sleep(period)
        began = time.perf_counter()
        try:
            async with asyncio.timeout(_GIVEN_UP_S):
                answer = await _ask(port, tab, tag)
        except OSError:  # TimeoutError is an OSError
            answer = b""
        status = int(answer[9:12]) if answer else UNANSWERED
        score["took"].append(time.perf_counter() - began)
        score["statuses"][status] += 1
        score["bytes"] += len(answer)
        if found := _TAG.search(answer):
            tag = found.group(1).decode().replace("&quot;", '"')
        if found := _PERIOD.search(answer):
            period = float(found.group(1))
        period = period or _PERIOD_S


async def _ask(port: int, tab: dict[str, str], tag: str) -> bytes:
    """The whole answer."""
    lines = [
        f"GET {tab['path']} HTTP/1.1",
        f"Host: {HOST}:{port}",
        f"Cookie: {tab['cookie']}",
        "Accept: text/html",
        "Sec-Fetch-Site: same-origin",
        *([f"If-None-Match: {tag}"] if tag else []),
        "Connection: close",
    ]
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        writer.write("\r\n".join([*lines, "", ""]).encode())
        return await reader.read()
    finally:
        writer.close()


if __name__ == "__main__":
    json.dump(asyncio.run(watch(**json.load(sys.stdin))), sys.stdout)
