"""Long polls: requests that wait on the event loop for a call to an inbox, without a thread.

A route finds that there is nothing yet and says what it waits for; its response is then dropped,
and the request is answered once more when there is something, or when its time is over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from flask import request

from app.api.batches import Batches
from app.api.shared_budget import SharedBudget
from app.errors import RateLimited, Unavailable
from app.log import logger

AWAITED: Final = "wakecall.awaited"
"""The name in the WSGI environment of the list for what a request waits for; absent where no
request can wait."""

MAX_WAITING: Final = 1024
"""Requests of one process that wait at once; an account that is alone has half of them."""

MAX_OF_ACCOUNT: Final = 16
POLL_S: Final = 0.25
_AWAY_S: Final = 1.0
"""Seconds between two queries, and while the database is away."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Awaited:
    """What a request waits for: a call to an inbox with a number above `after`."""

    inbox_id: UUID
    after: int
    wait_s: float


def wait_for(awaited: Awaited) -> None:
    """Let this request wait, if its server can; otherwise it is answered at once."""
    found: list[Awaited] | None = request.environ.get(AWAITED)
    if found is not None:
        found.append(awaited)


class LongPolls:
    """The requests of a process that wait; used by one event loop.

    `lookups` return the newest number of each inbox, None for one that was deleted. All
    requests that wait share one query every POLL_S.
    """

    def __init__(
        self, lookups: Batches[UUID, int | None], *, poll_s: float = POLL_S, most: int = MAX_WAITING
    ) -> None:
        self._lookups = lookups
        self._poll_s = poll_s
        self._budget = SharedBudget(most)
        self._waiting: dict[UUID, set[_Waiter]] = {}
        self._is_ended = False
        self._polling: asyncio.Task[None] | None = None

    async def wait(
        self, awaited: Awaited, account: int | None, receive: Callable[[], Awaitable[Any]]
    ) -> bool:
        """Wait until there is a call or the time is over; return False if the client went away.

        After `end_waits`, return at once. Raises RateLimited for an account of which too many
        requests wait.
        """
        if self._is_ended:
            return True
        held = self._budget.held(account)
        if held >= MAX_OF_ACCOUNT or not self._budget.acquire(account):
            raise RateLimited(
                f"{held} requests of this account wait for calls to inboxes already.",
                limit="waitingRequests",
                allowed=MAX_OF_ACCOUNT,
                used=held,
                remedy="Wait for the responses to those requests, or leave `wait` out.",
            )
        waiter = _Waiter(awaited)
        self._waiting.setdefault(awaited.inbox_id, set()).add(waiter)
        if self._polling is None:
            self._polling = asyncio.create_task(self._poll())
        gone = asyncio.ensure_future(_until_gone(receive))
        came = asyncio.ensure_future(waiter.came.wait())
        try:
            await asyncio.wait(
                {gone, came}, timeout=awaited.wait_s, return_when=asyncio.FIRST_COMPLETED
            )
            return not gone.done()
        finally:
            for each in (gone, came):
                each.cancel()
            self._budget.release(account)
            self._leave(waiter)

    def end_waits(self) -> None:
        """Let no request wait any longer, whether or not there is a call."""
        self._is_ended = True
        for of_inbox in self._waiting.values():
            for waiter in of_inbox:
                waiter.came.set()

    def arrived(self, inbox_id: UUID, number: int) -> None:
        """Wake the requests that wait for this call, which was stored by this process."""
        for waiter in self._waiting.get(inbox_id, ()):
            if number > waiter.awaited.after:
                waiter.came.set()

    def _leave(self, waiter: _Waiter) -> None:
        of_inbox = self._waiting[waiter.awaited.inbox_id]
        of_inbox.discard(waiter)
        if not of_inbox:
            del self._waiting[waiter.awaited.inbox_id]

    async def _poll(self) -> None:
        try:
            while self._waiting:
                pause = self._poll_s
                ids = list(self._waiting)
                try:
                    numbers = await asyncio.gather(*map(self._lookups.submit, ids))
                except Unavailable:
                    pause = _AWAY_S
                except Exception as error:  # noqa: BLE001 - a defect must not end the polls of others
                    logger.error("request.failed", exc_info=error)
                    pause = _AWAY_S
                else:
                    self._wake(ids, numbers)
                await asyncio.sleep(pause)
        finally:
            self._polling = None

    def _wake(self, ids: Sequence[UUID], numbers: Sequence[int | None]) -> None:
        for inbox_id, number in zip(ids, numbers, strict=True):
            for waiter in self._waiting.get(inbox_id, ()):
                # An inbox that was deleted is answered with 404.
                if number is None or number > waiter.awaited.after:
                    waiter.came.set()


class _Waiter:
    """A request that waits."""

    def __init__(self, awaited: Awaited) -> None:
        self.awaited = awaited
        self.came = asyncio.Event()


async def _until_gone(receive: Callable[[], Awaitable[Any]]) -> None:
    """Return when the client has closed the connection."""
    with suppress(asyncio.CancelledError):
        while (await receive())["type"] != "http.disconnect":
            pass
