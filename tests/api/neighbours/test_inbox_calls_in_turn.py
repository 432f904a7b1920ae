"""However many calls of one inbox stand, those of other accounts go past them.

One thread finds and stores the calls of a process. Here it finds inboxes only when the test lets
it, so nothing depends on the speed of the machine.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import pytest

from app.api.inbox_calls import _BATCH, MAX_OPEN, InboxCalls
from app.api.long_polls import MAX_OF_ACCOUNT, Awaited
from app.api.wsgi_bridge import Message
from app.domain.inbox import NewCall, Received, Signature, new_token
from app.errors import RateLimited
from app.service.inbox_reception import Called
from tests.api.neighbours.standing import PATIENCE_S
from tests.api.test_inbox_fairness import OneInbox

MANY: Final = 5000
"""More calls at once than wait for the thread."""

_TURNS: Final = 6
"""So many times does the event loop go round until what was begun waits for the thread."""


class Held(OneInbox):
    """A reception whose thread finds a batch of inboxes when it may. `batches` are those begun."""

    def __init__(self) -> None:
        super().__init__()
        self.attacker, self.victim = self.tokens
        self.batches: list[list[str]] = []
        self._may = threading.Semaphore(0)
        self._begun = threading.Semaphore(0)

    def find(self, tokens: Sequence[str]) -> list[Called | None]:
        self.batches.append(list(tokens))
        self._begun.release()
        assert self._may.acquire(timeout=2 * PATIENCE_S)
        return super().find(tokens)

    def latest(self, ids: Sequence[UUID]) -> list[int | None]:
        return [0] * len(ids)

    async def until_begun(self) -> None:
        """Wait until the thread has begun a batch."""
        begun = asyncio.get_running_loop().run_in_executor(None, self._begun.acquire)
        async with asyncio.timeout(PATIENCE_S):
            await begun

    def go(self, batches: int) -> None:
        """Let the thread do so many batches more."""
        self._may.release(batches)


async def call(calls: InboxCalls, token: str, client: str = "192.0.2.1") -> int:
    """Call an inbox; return the status of the answer."""
    found: list[int] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"x", "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            found.append(message["status"])

    scope = {
        "method": "POST",
        "raw_path": f"/in/{token}".encode(),
        "query_string": b"",
        "headers": [],
        "client": (client, 1),
    }
    await calls.answer(scope, receive, send)
    return found[0]


def begin(
    calls: InboxCalls, tokens: Iterable[str], client: str = "192.0.2.1"
) -> list[asyncio.Task[int]]:
    return [asyncio.ensure_future(call(calls, each, client)) for each in tokens]


async def greet(reception: Held, calls: InboxCalls) -> None:
    """Let the process know all tokens."""
    reception.go(len(reception.tokens))
    for token in reception.tokens:
        assert await call(calls, token) == 204
        await reception.until_begun()
    reception.batches.clear()
    reception.stored.clear()


async def go_round() -> None:
    for _ in range(_TURNS):
        await asyncio.sleep(0)


def new_call(called: Called) -> NewCall:
    received = Received(
        received_at=datetime.now(UTC),
        method="POST",
        path="",
        query="",
        headers=(),
        body=b"",
        body_bytes=0,
        signature=Signature.MISSING,
    )
    return NewCall(inbox_id=called.id, answer=called.answer, received=received)


def with_held_lookups(check: Callable[[Held, InboxCalls], Awaitable[None]]) -> None:
    """Run a check with a reception whose lookups stand; at the end all may go."""

    async def run() -> None:
        reception = Held()
        calls = InboxCalls(reception)
        try:
            await check(reception, calls)
        finally:
            reception.go(10 * MANY)
            calls.shutdown()

    asyncio.run(run())


@pytest.mark.parametrize("are_known", [True, False])
def test_an_inbox_is_found_in_the_next_batch_however_many_calls_of_another_account_wait(
    *,
    are_known: bool,
) -> None:
    async def check(reception: Held, calls: InboxCalls) -> None:
        if are_known:
            await greet(reception, calls)
        standing = begin(calls, [reception.attacker] * (MAX_OPEN // 2))
        await reception.until_begun()
        # Behind a proxy that nobody named, all have one address.
        client = "192.0.2.1" if are_known else "192.0.2.2"
        (asked,) = begin(calls, [reception.victim], client)
        await go_round()
        reception.go(MANY)
        async with asyncio.timeout(PATIENCE_S):
            assert await asked == 204
            await asyncio.gather(*standing)
        assert [reception.victim in each for each in reception.batches] == [False, True, False]

    with_held_lookups(check)


def test_a_call_is_stored_in_the_next_batch_however_many_of_another_account_wait() -> None:
    async def check(reception: Held, calls: InboxCalls) -> None:
        await greet(reception, calls)
        busy = begin(calls, [reception.attacker])
        await reception.until_begun()
        first, own = (reception.tokens[each] for each in (reception.attacker, reception.victim))
        stored = [
            asyncio.ensure_future(calls._stores.submit(new_call(each), each.account_id))
            for each in [*[first] * (MAX_OPEN // 2), own]
        ]
        await go_round()
        reception.go(MANY)
        await asyncio.gather(*busy, *stored)
        assert own.id in reception.stored[:_BATCH]

    with_held_lookups(check)


def test_calls_without_a_place_are_those_of_whoever_sends_too_many() -> None:
    async def check(reception: Held, calls: InboxCalls) -> None:
        await greet(reception, calls)
        standing = begin(calls, [reception.attacker] * MANY)
        await reception.until_begun()
        # The thread has begun a batch, whose places are taken again.
        standing += begin(calls, [reception.attacker] * MANY)
        await go_round()
        asked = begin(calls, [reception.victim] * 2)
        await go_round()
        reception.go(MANY)
        async with asyncio.timeout(PATIENCE_S):
            assert await asyncio.gather(*asked) == [204, 204]
            statuses = Counter(await asyncio.gather(*standing))
        assert statuses.keys() == {204, 429, 503}
        assert statuses[503] > MANY // 2

    with_held_lookups(check)


def test_tokens_that_no_inbox_has_take_no_place_of_other_networks() -> None:
    async def check(reception: Held, calls: InboxCalls) -> None:
        guesses = begin(calls, (new_token() for _ in range(MANY)))
        await reception.until_begun()
        guesses += begin(calls, (new_token() for _ in range(MANY)))
        await go_round()
        others = begin(calls, [reception.victim, new_token()], "192.0.2.2")
        await go_round()
        reception.go(MANY)
        async with asyncio.timeout(PATIENCE_S):
            assert await asyncio.gather(*others) == [204, 404]
            statuses = Counter(await asyncio.gather(*guesses))
        assert statuses.keys() == {404, 503}

    with_held_lookups(check)


def test_a_long_poll_finds_its_place_and_is_woken_beside_those_of_another_account() -> None:
    async def check(reception: Held, calls: InboxCalls) -> None:
        own, other = (reception.tokens[each] for each in (reception.victim, reception.attacker))

        async def never() -> Message:
            await asyncio.Event().wait()
            raise AssertionError

        async def wait(called: Called) -> bool:
            awaited = Awaited(inbox_id=called.id, after=0, wait_s=2 * PATIENCE_S)
            return await calls.long_polls.wait(awaited, called.account_id, never)

        standing = [asyncio.ensure_future(wait(other)) for _ in range(MAX_OF_ACCOUNT)]
        await go_round()
        with pytest.raises(RateLimited):
            await wait(other)
        waiting = asyncio.ensure_future(wait(own))
        await go_round()
        reception.go(MANY)
        asked = begin(calls, [reception.attacker] * 40 + [reception.victim])
        async with asyncio.timeout(PATIENCE_S):
            assert await waiting
            await asyncio.gather(*asked, *standing)

    with_held_lookups(check)
