"""The refusal pace: which refusals wait, for how long, and what is remembered of accounts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

import pytest

from app.api import senders
from app.api.asgi import AsgiApp
from app.api.refusal_pace import INTERVAL_S, MAX_ACCOUNTS, MAX_DELAY_S, RefusalPace
from tests.api.exchange import Message, scope_of

if TYPE_CHECKING:
    from wsgiref.types import StartResponse

FEW = 6


def test_the_first_refusal_waits_for_nothing_and_the_next_take_turns() -> None:
    pace = RefusalPace()
    delays = [pace.delay(1, 100.0) for _ in range(3)]
    assert delays == pytest.approx([0, INTERVAL_S, 2 * INTERVAL_S])
    assert pace.delay(2, 100.0) == 0, "each account has a pace of its own"
    assert pace.delay(1, 100.0 + 3 * INTERVAL_S) == pytest.approx(0)
    assert pace.delay(1, 200.0) == 0, "time without refusals is not saved up"
    assert pace.delay(1, 200.0) == pytest.approx(INTERVAL_S)


def test_no_refusal_waits_longer_than_the_most() -> None:
    pace = RefusalPace()
    delays = [pace.delay(1, 100.0) for _ in range(1000)]
    assert max(delays) == pytest.approx(MAX_DELAY_S)
    assert pace.delay(1, 100.0 + MAX_DELAY_S + INTERVAL_S) == pytest.approx(0)


def test_the_accounts_that_were_refused_longest_ago_are_forgotten() -> None:
    pace = RefusalPace()
    for account in range(MAX_ACCOUNTS + 1):
        pace.delay(account, 100.0)
    assert pace.delay(0, 100.0) == 0
    assert pace.delay(MAX_ACCOUNTS, 100.0) == pytest.approx(INTERVAL_S)


@pytest.mark.parametrize(
    ("status", "account", "paced"),
    [
        ("429 Too Many Requests", 1, True),
        ("429 Too Many Requests", None, False),
        ("200 OK", 1, False),
    ],
)
def test_only_refusals_of_an_account_are_paced(
    status: str, account: int | None, *, paced: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def app(environ: Message, start_response: StartResponse) -> Iterable[bytes]:
        if account is not None:
            senders.note(environ, account, None)
        start_response(status, [])
        return [b"x"]

    slept: list[float] = []
    sleep = asyncio.sleep

    async def recorded(seconds: float) -> None:
        slept.append(seconds)
        await sleep(seconds)

    monkeypatch.setattr(asyncio, "sleep", recorded)
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    async def all_of_them() -> float:
        asgi, began = AsgiApp(app), time.monotonic()
        for _ in range(FEW):
            await asgi(scope_of("GET"), receive, send)
        asgi.shutdown()
        return time.monotonic() - began

    took = asyncio.run(all_of_them())

    assert [each["body"] for each in sent[1::2]] == [b"x"] * FEW
    assert len(slept) == (FEW if paced else 0)
    assert not paced or took >= (FEW - 1) * INTERVAL_S
