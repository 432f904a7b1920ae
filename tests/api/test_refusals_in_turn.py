"""Refusals without a slot: a sender gets one at a time, and other requests go past them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING

from app.api import senders
from app.api.asgi import THREADS, AsgiApp
from app.api.fair_gate import MAX_WAITING
from tests.api.exchange import KEYS, Exchange, Message, scope_of

if TYPE_CHECKING:
    from wsgiref.types import StartResponse


def test_refusals_of_one_account_are_made_one_at_a_time_and_others_go_past_them() -> None:
    inside = threading.Semaphore(0)
    leave = threading.Event()
    refused = threading.Event()
    under_way: list[str] = []
    most: list[int] = []

    def app(environ: Message, start_response: StartResponse) -> Iterable[bytes]:
        account = environ["HTTP_ACCOUNT"]
        senders.note(environ, int(account), 1)
        if "wakecall.refusal" in environ:
            under_way.append(account)
            most.append(under_way.count(account))
            refused.set()
            assert leave.wait(30)
            under_way.remove(account)
        elif environ["PATH_INFO"] == "/slow":
            inside.release()
            assert leave.wait(30)
        start_response("200 OK", [])
        return [b"ok"]

    asgi = AsgiApp(app)

    async def ask(path: bytes, account: str) -> None:
        async def send(_message: Message) -> None:
            """Nobody reads it."""

        scope = scope_of("GET", x_api_key=KEYS[account], account=account)
        await asgi({**scope, "raw_path": path}, Exchange().receive, send)

    async def crowd() -> None:
        for account in KEYS:
            await ask(b"/1/account", account)
        # One has the account's slot, MAX_WAITING wait for it, and the others are refused.
        crowded = [
            asyncio.create_task(ask(b"/slow", "1")) for _ in range(1 + MAX_WAITING + 3 * THREADS)
        ]
        await asyncio.to_thread(inside.acquire, timeout=30)
        await asyncio.to_thread(refused.wait, 30)
        await asyncio.wait_for(ask(b"/1/account", "2"), 30)
        assert not leave.is_set()
        leave.set()
        await asyncio.gather(*crowded)

    asyncio.run(crowd())

    assert most == [1] * 3 * THREADS
