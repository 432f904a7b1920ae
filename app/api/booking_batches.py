"""Booking batches: gathers bookings on the event loop, while a thread writes those before them.

The thread writes one batch after the other. So the more bookings arrive, the more of them share a
statement and a commit, and a booking that comes alone waits for nothing. Accounts take turns within
a batch, and wait for at most the batch that is being written.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from app.api.request_threads import RequestThreads
from app.log import logger
from app.service.booking_batches import Outcome
from app.store.booking_batches import WantedJob

MAX_BATCH: Final = 64
MAX_BATCH_BYTES: Final = 256 * 1024
MAX_WAITING: Final = 256
"""Bookings of one account that wait; more are left out."""

APART_S: Final = 1.0
"""After a batch was left out as a whole, how long each batch has bookings of one account only, and
how long no booking is taken of an account whose own batch was left out."""

MAX_APART: Final = 1024

Write = Callable[[Sequence[WantedJob]], list[Outcome]]


class _Waiting(NamedTuple):
    """A booking that waits, and its size in bytes."""

    wanted: WantedJob
    size: int
    ended: asyncio.Future[Outcome]


class BookingBatches:
    """Passes bookings to `write` in batches; only one event loop may use it."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._threads = RequestThreads[list[Outcome]](1, "bookings")
        self._waiting: OrderedDict[int, deque[_Waiting]] = OrderedDict()
        self._writing: asyncio.Task[None] | None = None
        self._alone_until = 0.0
        self._apart: dict[int, float] = {}

    async def book(self, wanted: WantedJob, size: int) -> Outcome:
        """Store a job together with others; `size` is about its size in bytes."""
        loop = asyncio.get_running_loop()
        account = wanted.caller.account.id
        queue = self._waiting.get(account)
        if queue is None:
            if self._apart and self._is_apart(account, loop.time()):
                return Outcome.LEFT_OUT
            queue = self._waiting[account] = deque()
        elif len(queue) >= MAX_WAITING:
            return Outcome.LEFT_OUT
        ended: asyncio.Future[Outcome] = loop.create_future()
        queue.append(_Waiting(wanted, size, ended))
        if self._writing is None:
            # It begins when all requests that have arrived by now have come to this point.
            self._writing = asyncio.create_task(self._write_all())
        return await ended

    def shutdown(self) -> None:
        """End the thread when it has written its batch."""
        self._threads.shutdown()

    async def _write_all(self) -> None:
        try:
            while batch := self._next_batch():
                outcomes = await self._write_batch([each.wanted for each in batch])
                if Outcome.STORED not in outcomes and len(batch) > 1:
                    self._set_apart(batch)
                for each, outcome in zip(batch, outcomes, strict=True):
                    if not each.ended.done():
                        each.ended.set_result(outcome)
        finally:
            self._writing = None

    async def _write_batch(self, wanted: Sequence[WantedJob]) -> list[Outcome]:
        try:
            return await self._threads.run(self._write, wanted)
        except Exception:  # noqa: BLE001 - a defect, which must not keep requests waiting
            logger.exception("bookings.failed", number=len(wanted))
            return [Outcome.UNKNOWN] * len(wanted)

    def _next_batch(self) -> list[_Waiting]:
        """The bookings to be written next: one of each account in turn, or those of one account."""
        alone = self._alone_until > asyncio.get_running_loop().time()
        batch: list[_Waiting] = []
        size = 0
        first = next(iter(self._waiting), None)
        while self._waiting and len(batch) < MAX_BATCH and size < MAX_BATCH_BYTES:
            account, queue = next(iter(self._waiting.items()))
            if alone and account != first and batch:
                break
            each = queue.popleft()
            if not queue:
                del self._waiting[account]
            elif not alone:
                self._waiting.move_to_end(account)
            if not each.ended.cancelled():
                batch.append(each)
                size += each.size
        if alone and first is not None and first in self._waiting:
            self._waiting.move_to_end(first)
        return batch

    def _set_apart(self, batch: Sequence[_Waiting]) -> None:
        """Keep bookings of others out of the way of those that could not be stored."""
        until = asyncio.get_running_loop().time() + APART_S
        self._alone_until = until
        accounts = {each.wanted.caller.account.id for each in batch}
        if len(accounts) == 1:
            if len(self._apart) >= MAX_APART:
                self._apart.clear()
            self._apart[accounts.pop()] = until

    def _is_apart(self, account: int, now: float) -> bool:
        until = self._apart.get(account, 0.0)
        if until and until <= now:
            del self._apart[account]
        return until > now
