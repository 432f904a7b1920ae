"""Calls to inboxes with long bodies: hashing them leaves the event loop to other requests."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from app.api.inbox_calls import InboxCalls
from app.api.wsgi_bridge import Message
from app.domain.inbox import Answer, NewCall, new_token
from app.domain.secret import new_secret
from app.domain.signature import SignatureCheck
from app.service.inbox_reception import Called, Reception

CALLS, PARTS = 64, 20
PART = b"x" * 65_536


class OneInbox(Reception):
    """The reception of two accounts with an inbox each, without a database."""

    def __init__(self) -> None:
        self.tokens = {
            new_token(): Called(
                id=uuid4(), account_id=account, answer=Answer.OK, secrets=(new_secret(),)
            )
            for account in (1, 2)
        }
        self.found: list[str] = []
        self.stored: list[UUID] = []

    def find(self, tokens: Sequence[str]) -> list[Called | None]:
        self.found += tokens
        return [self.tokens.get(each) for each in tokens]

    def store(self, calls: Sequence[NewCall]) -> list[int | None]:
        self.stored += [each.inbox_id for each in calls]
        return [1] * len(calls)

    def time_of(self, uptime: float) -> datetime | None:
        del uptime
        return datetime.now(UTC)


def test_the_loop_hashes_one_part_of_a_long_body_in_each_turn_of_the_accounts_in_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reception, hashed, most, answered = OneInbox(), [0], [0], []
    calls = InboxCalls(reception)
    hash_part = SignatureCheck.update

    def update(check: SignatureCheck, part: bytes) -> None:
        hashed[0] += 1
        hash_part(check, part)

    async def call(token: str) -> None:
        parts = iter([{"type": "http.request", "body": PART, "more_body": True}] * PARTS)
        last = {"type": "http.request", "body": b"", "more_body": False}

        async def receive() -> Message:
            return next(parts, last)

        async def send(_message: Message) -> None:
            """Nobody reads it."""

        scope = {
            "method": "POST",
            "raw_path": f"/in/{token}".encode(),
            "query_string": b"",
            "headers": [(b"webhook-signature", b"v1,x")],
            "client": ("127.0.0.1", 1),
        }
        await calls.answer(scope, receive, send)
        answered.append(token)

    async def serve() -> None:
        first, other = reception.tokens
        under_way = [asyncio.create_task(call(first)) for _ in range(CALLS)]
        under_way.append(asyncio.create_task(call(other)))
        while not all(each.done() for each in under_way):
            before = hashed[0]
            await asyncio.sleep(0)
            most[0] = max(most[0], hashed[0] - before)

    monkeypatch.setattr(SignatureCheck, "update", update)
    asyncio.run(serve())
    calls.shutdown()

    assert hashed[0] == (CALLS + 1) * (PARTS + 1)
    # One that holds the turn, and one to which it was passed on.
    assert most[0] <= 2
    # The other account waited for its own parts, not for those of all calls before its own.
    assert answered.index(list(reception.tokens)[1]) == 0
