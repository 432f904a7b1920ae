"""The MCP server over HTTP works on few requests of an account at once, and others go past them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from wakecall.mcp.admission import Admission
from wakecall.mcp.turns import Turns

AT_ONCE, WAITING = 2, 3


class Crowd:
    """An application whose requests go on until they may leave, behind an Admission."""

    def __init__(self) -> None:
        self.leave = asyncio.Event()
        self.inside: list[str] = []
        self.most = 0
        self.admission = Admission(
            self._answer,
            lambda scope: str(scope["sender"]),
            turns=Turns(max_at_once=AT_ONCE, max_waiting=WAITING, patience_s=None),
            refusal_s=0.0,
        )

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        sender = str(scope["sender"])
        self.inside.append(sender)
        self.most = max(self.most, self.inside.count(sender))
        if sender == "busy":
            await self.leave.wait()
        self.inside.remove(sender)
        await PlainTextResponse("done")(scope, receive, send)

    def ask(self, sender: str) -> asyncio.Task[int]:
        return asyncio.ensure_future(self._ask(sender))

    async def _ask(self, sender: str) -> int:
        statuses: list[int] = []

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        async def receive() -> Any:
            return {"type": "http.request", "body": b"", "more_body": False}

        await self.admission({"type": "http", "sender": sender, "headers": []}, receive, send)
        return statuses[0]


def play(scene: Callable[[Crowd], Awaitable[None]]) -> Crowd:
    async def run() -> Crowd:
        crowd = Crowd()
        await scene(crowd)
        return crowd

    return asyncio.run(run())


def test_requests_of_one_sender_wait_and_those_of_others_go_past_them() -> None:
    async def scene(crowd: Crowd) -> None:
        busy = [crowd.ask("busy") for _ in range(AT_ONCE + WAITING)]
        assert await crowd.ask("calm") == 200
        assert not any(each.done() for each in busy)
        crowd.leave.set()
        assert await asyncio.gather(*busy) == [200] * (AT_ONCE + WAITING)

    assert play(scene).most == AT_ONCE


def test_more_than_may_wait_are_refused_and_then_answered_again() -> None:
    async def scene(crowd: Crowd) -> None:
        busy = [crowd.ask("busy") for _ in range(AT_ONCE + WAITING)]
        await asyncio.sleep(0)
        assert await crowd.ask("busy") == 429
        crowd.leave.set()
        await asyncio.gather(*busy)
        assert await crowd.ask("busy") == 200

    play(scene)
