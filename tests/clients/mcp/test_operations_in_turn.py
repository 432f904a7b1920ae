"""Whatever one account has standing in the MCP server over HTTP, others are answered before it.

The service that the tools ask keeps the requests of one account until the test lets them go.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import chain, islice
from typing import Any, Final

import httpx2
import pytest

from bench.neighbours.agents import ALL
from bench.neighbours.operation import Operation, mcp_request
from tests.api.neighbours.standing import PATIENCE_S, PER_ATTACKER, scope_of_request
from tests.bench.test_neighbours import TARGET
from wakecall.mcp.admission import MAX_AT_ONCE
from wakecall.mcp.http import KeyOfRequest, application
from wakecall.mcp.turns import Turns

ATTACKER, VICTIM = "wk_attacker", "wk_victim"
BRIEF_S: Final = 0.5
URL: Final = "http://wakecall.test"

ASKS_NOBODY: Final = {
    *("MCP initialize", "MCP ping", "MCP server/discover", "MCP tools/list"),
    *("MCP resources/list", "MCP resources/templates/list", "MCP prompts/list"),
}
"""Operations that the server answers by itself, so that they end at once."""


class Served:
    """The server, before a service that keeps the requests of ATTACKER."""

    def __init__(self) -> None:
        self.inside: Counter[str] = Counter()
        self.let_go = asyncio.Event()
        self._entered = asyncio.Condition()
        transport = httpx2.MockTransport(self._serve)
        access = KeyOfRequest(URL, httpx2.AsyncClient(transport=transport))
        self.app = application(access, URL)
        self.standing: list[asyncio.Task[tuple[int, Any]]] = []

    async def _serve(self, request: httpx2.Request) -> httpx2.Response:
        key = request.headers["authorization"].removeprefix("Bearer ")
        if request.url.path == "/1/account" and not self.inside[key]:
            # That asks whether the key is valid.
            return httpx2.Response(200, json={"account": key, "created": "2026-01-01T00:00:00Z"})
        self.inside[key] += 1
        async with self._entered:
            self._entered.notify_all()
        if key == ATTACKER:
            await self.let_go.wait()
        return httpx2.Response(200, json=[])

    async def until_inside(self, number: int) -> None:
        async with asyncio.timeout(PATIENCE_S), self._entered:
            await self._entered.wait_for(lambda: self.inside[ATTACKER] >= number)

    async def ask(self, sent: bytes) -> tuple[int, Any]:
        """Send a request; return the status of its answer, and its JSON."""
        scope, body = scope_of_request(sent, "192.0.2.1")
        arriving = [{"type": "http.request", "body": body, "more_body": False}]
        answered: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            if arriving:
                return arriving.pop()
            await asyncio.Event().wait()
            raise AssertionError

        async def send(message: Any) -> None:
            answered.append(message)

        path = scope["raw_path"].decode()
        await self.app({**scope, "path": path, "root_path": ""}, receive, send)
        text = b"".join(each.get("body", b"") for each in answered[1:])
        return answered[0]["status"], json.loads(text) if text.startswith(b"{") else None


@asynccontextmanager
async def served() -> AsyncIterator[Served]:
    """The server as it runs, which knows both accounts."""
    made = Served()
    steps: asyncio.Queue[str] = asyncio.Queue()
    done: asyncio.Queue[str] = asyncio.Queue()

    async def receive() -> dict[str, Any]:
        return {"type": await steps.get()}

    async def send(message: Any) -> None:
        await done.put(message["type"])

    living = asyncio.ensure_future(made.app({"type": "lifespan"}, receive, send))
    await steps.put("lifespan.startup")
    assert await done.get() == "lifespan.startup.complete"
    try:
        for key in (ATTACKER, VICTIM):
            assert (await made.ask(ping(key)))[0] == 200
        yield made
    finally:
        made.let_go.set()
        await asyncio.gather(*made.standing)
        await steps.put("lifespan.shutdown")
        await living


def ping(key: str) -> bytes:
    return mcp_request(replace(TARGET, key=key), "ping", {})


def find_jobs(key: str) -> bytes:
    params = {"name": "find_jobs", "arguments": {}}
    return mcp_request(replace(TARGET, key=key), "tools/call", params)


async def go_past(operation: Operation, patience_s: float = PATIENCE_S) -> None:
    """Check that a tool of another account is answered while the requests of one stand."""
    async with served() as server:
        target = replace(TARGET, key=ATTACKER)
        links = (islice(operation.requests(target, number), 2) for number in range(PER_ATTACKER))
        sent = islice(chain.from_iterable(links), PER_ATTACKER)
        server.standing += [asyncio.ensure_future(server.ask(each)) for each in sent]
        if operation.name in ASKS_NOBODY:
            await asyncio.gather(*server.standing)
        else:
            await server.until_inside(MAX_AT_ONCE)
        async with asyncio.timeout(patience_s):
            status, answer = await server.ask(find_jobs(VICTIM))
        assert (status, answer["result"]["isError"]) == (200, False)
        assert answer["result"]["structuredContent"]["jobs"] == []
        is_over = all(each.done() for each in server.standing)
        assert is_over == (operation.name in ASKS_NOBODY)
        server.let_go.set()
        assert {status for status, _ in await asyncio.gather(*server.standing)} == {200}


@pytest.mark.parametrize("operation", ALL, ids=lambda operation: operation.name)
def test_tools_of_others_go_past_all_that_stand_of(operation: Operation) -> None:
    asyncio.run(go_past(operation))


def test_one_queue_for_all_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    turn = Turns.turn
    monkeypatch.setattr(Turns, "turn", lambda turns, _account: turn(turns, "all"))

    with pytest.raises(TimeoutError):
        asyncio.run(go_past(next(each for each in ALL if each.name == "TOOL get_job"), BRIEF_S))
