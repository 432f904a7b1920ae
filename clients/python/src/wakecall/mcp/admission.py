"""Admission: how many requests of one sender are worked on at once, so that others have theirs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from wakecall.mcp.access import Busy
from wakecall.mcp.turns import Turns

MAX_AT_ONCE: Final = 4
MAX_WAITING: Final = 246
REFUSAL_S: Final = 1.0
"""Seconds until a refusal is sent. A client that repeats what is refused at once would otherwise
keep the process from all others."""


class Admission:
    """Lets the requests of each sender into an application; `sender_of` names the sender."""

    def __init__(
        self,
        inner: ASGIApp,
        sender_of: Callable[[Scope], str],
        *,
        turns: Turns | None = None,
        refusal_s: float = REFUSAL_S,
    ) -> None:
        self._inner = inner
        self._sender_of = sender_of
        self._refusal_s = refusal_s
        self._turns = turns or Turns(
            max_at_once=MAX_AT_ONCE, max_waiting=MAX_WAITING, patience_s=None
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request when it is its sender's turn, or refuse it."""
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        try:
            async with self._turns.turn(self._sender_of(scope)):
                await self._inner(scope, receive, send)
        except Busy:
            await asyncio.sleep(self._refusal_s)
            refusal = PlainTextResponse(
                "Too many requests of this account are under way. Send fewer at once.",
                429,
                headers={"Retry-After": "1"},
            )
            await refusal(scope, receive, send)
