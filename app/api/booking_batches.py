"""Booking batches: gathers bookings on the event loop, while a thread writes those before them.

The thread writes one batch after the other. So the more bookings arrive, the more of them share a
statement and a commit, and a booking that comes alone waits for nothing. After a batch of several,
the next one waits a moment for the clients of the one before, which often book again at once.
Accounts take turns within a batch, and wait for at most the batch that is being written, and that
moment. While the database is away, nothing waits here: each booking is left to its route.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, Protocol

from app.api.request_threads import RequestThreads
from app.log import logger
from app.service.booking_batches import Outcome
from app.store.booking_batches import WantedJob

MAX_BATCH: Final = 64
MAX_BATCH_BYTES: Final = 256 * 1024
MAX_WAITING: Final = 32
"""Bookings of one account that wait; more are left out. To read as many may take the event loop
6 ms, which others then wait for."""

APART_S: Final = 1.0
"""After a batch of several accounts was left out as a whole, how long each batch has bookings of
one account only, unless the own batch of one is left out before: then that was the reason. Of such
an account no booking is taken for so long."""

MAX_APART: Final = 1024

AWAY_S: Final = 1.0
"""How long no booking is taken after the database was away. Then none is until one was written."""

WAIT_S: Final = 2.0
"""How long a booking waits for its batch to begin, and others for a batch that does not end."""

GATHER_S: Final = 0.002
"""After a batch of several bookings, how long the next one waits for as many more to arrive. A
statement and a commit take as much CPU as a dozen bookings."""

Write = Callable[[Sequence[WantedJob]], list[Outcome]]


class Ended(Protocol):
    """Whoever is told what becomes of a booking; a future is one."""

    def done(self) -> bool:
        """Whether nobody waits for it any more."""

    def set_result(self, outcome: Outcome, /) -> None:
        """Take note of it."""


class _Waiting(NamedTuple):
    """A booking that waits since a time of the event loop, and its size in bytes."""

    wanted: WantedJob
    size: int
    since: float
    ended: Ended


class BookingBatches:
    """Passes bookings to `write` in batches; only one event loop may use it."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._threads = RequestThreads[list[Outcome]](1, "bookings")
        self._waiting: OrderedDict[int, deque[_Waiting]] = OrderedDict()
        self._number = 0
        """How many bookings wait."""
        self._writing: asyncio.Task[None] | None = None
        self._gathering: asyncio.Future[None] | None = None
        self._enough = 0
        """With how many the next batch begins, while it is gathered."""
        self._expiring: asyncio.TimerHandle | None = None
        self._alone_until = 0.0
        self._apart: dict[int, float] = {}
        self._begun_at = 0.0
        self._away_until: float | None = None
        """When the database is tried again; None while it answers."""
        self._is_stopped = False

    async def book(self, wanted: WantedJob, size: int) -> Outcome:
        """Store a job together with others; `size` is about its size in bytes."""
        if not self.has_room(wanted.caller.account.id):
            return Outcome.LEFT_OUT
        ended: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self.add(wanted, size, ended)
        return await ended

    def has_room(self, account: int) -> bool:
        """Whether another booking of this account may wait now."""
        now = asyncio.get_running_loop().time()
        if self._takes_none(now) or (self._apart and self._is_apart(account, now)):
            return False
        return len(self._waiting.get(account, ())) < MAX_WAITING

    def add(self, wanted: WantedJob, size: int, ended: Ended) -> None:
        """As `book`, for an account that has room, without waiting: `ended` is told the outcome."""
        loop = asyncio.get_running_loop()
        account, now = wanted.caller.account.id, loop.time()
        queue = self._waiting.get(account)
        if queue is None:
            queue = self._waiting[account] = deque()
        queue.append(_Waiting(wanted, size, now, ended))
        self._number += 1
        if self._number >= self._enough:
            self._gathered()
        if self._writing is None:
            # It begins when all requests that have arrived by now have come to this point.
            self._begun_at = now
            self._writing = asyncio.create_task(self._write_all())
        if self._expiring is None:
            self._expiring = loop.call_later(WAIT_S, self._expire)

    def shutdown(self) -> None:
        """End the thread when it has written its batch; all others are left out from now on."""
        self._is_stopped = True
        self._leave_out_all()
        self._gathered()
        if self._expiring is not None:
            self._expiring.cancel()
        self._threads.shutdown()

    def _takes_none(self, now: float) -> bool:
        """Whether no booking is to wait now, as none may be written soon."""
        if self._is_stopped:
            return True
        if self._away_until is not None and (now < self._away_until or self._writing is not None):
            return True
        return self._writing is not None and now - self._begun_at > WAIT_S

    def _expire(self) -> None:
        """End the bookings that have waited for too long. One timer is there for all of them."""
        loop = asyncio.get_running_loop()
        until = loop.time() - WAIT_S
        for account in list(self._waiting):
            self._leave_out(account, until)
        self._expiring = None
        if self._waiting:
            oldest = min(queue[0].since for queue in self._waiting.values())
            self._expiring = loop.call_at(oldest + WAIT_S, self._expire)

    def _leave_out(self, account: int, until: float) -> None:
        """End the bookings of an account that wait since `until` or longer, in their queue."""
        queue = self._waiting.get(account)
        while queue and queue[0].since <= until:
            self._number -= 1
            _end(queue.popleft(), Outcome.LEFT_OUT)
        if queue is not None and not queue:
            del self._waiting[account]

    def _leave_out_all(self) -> None:
        waiting = list(self._waiting.values())
        self._waiting.clear()
        self._number = 0
        for queue in waiting:
            for each in queue:
                _end(each, Outcome.LEFT_OUT)

    def _note_database(self, outcomes: Sequence[Outcome]) -> None:
        """Let nothing wait for a database that is away, which may take seconds to be noticed."""
        if Outcome.AWAY in outcomes or Outcome.UNKNOWN in outcomes:
            self._away_until = asyncio.get_running_loop().time() + AWAY_S
            self._leave_out_all()
        else:
            self._away_until = None

    async def _write_all(self) -> None:
        try:
            while batch := self._next_batch():
                self._begun_at = asyncio.get_running_loop().time()
                outcomes = await self._write_batch([each.wanted for each in batch])
                self._note_database(outcomes)
                if Outcome.REFUSED in outcomes:
                    self._set_apart(batch)
                # Who is told may have sent the next one already.
                enough = self._number + len(batch)
                for each, outcome in zip(batch, outcomes, strict=True):
                    _end(each, outcome)
                if len(batch) > 1 and Outcome.STORED in outcomes:
                    await self._gather(enough)
        finally:
            self._writing = None

    async def _gather(self, enough: int) -> None:
        """Wait until so many bookings wait, for GATHER_S at most."""
        self._enough = min(enough, MAX_BATCH)
        # The answers are sent first. That may take longer than GATHER_S, in which nothing arrives.
        await asyncio.sleep(0)
        if self._number >= self._enough:
            return
        loop = asyncio.get_running_loop()
        self._gathering = loop.create_future()
        timer = loop.call_later(GATHER_S, self._gathered)
        try:
            await self._gathering
        finally:
            timer.cancel()
            self._gathering = None

    def _gathered(self) -> None:
        if self._gathering is not None and not self._gathering.done():
            self._gathering.set_result(None)

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
            self._number -= 1
            if not queue:
                del self._waiting[account]
            elif not alone:
                self._waiting.move_to_end(account)
            if not each.ended.done():
                batch.append(each)
                size += each.size
        if alone and first is not None and first in self._waiting:
            self._waiting.move_to_end(first)
        return batch

    def _set_apart(self, batch: Sequence[_Waiting]) -> None:
        """Keep bookings of others out of the way of those that could not be stored."""
        until = asyncio.get_running_loop().time() + APART_S
        accounts = {each.wanted.caller.account.id for each in batch}
        if len(accounts) > 1:
            self._alone_until = until
            return
        # An account at a limit goes on for as long as it likes: others need not be alone meanwhile.
        self._alone_until = 0.0
        if len(self._apart) >= MAX_APART:
            self._apart.clear()
        self._apart[accounts.pop()] = until

    def _is_apart(self, account: int, now: float) -> bool:
        until = self._apart.get(account, 0.0)
        if until and until <= now:
            del self._apart[account]
        return until > now


def _end(each: _Waiting, outcome: Outcome) -> None:
    try:
        if not each.ended.done():
            each.ended.set_result(outcome)
    except Exception:  # noqa: BLE001 - a defect, which must not keep the others of the batch waiting
        logger.exception("bookings.untold")
