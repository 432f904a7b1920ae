"""Batch writing: a writer of booking batches that waits for the test, and bookings for it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from uuid import uuid4

from app.api.booking_batches import BookingBatches
from app.domain.account import Account, CachedCaller
from app.domain.job import Booking
from app.domain.one_time import At
from app.service.booking_batches import Outcome
from app.store.booking_batches import WantedJob

NOW = datetime(2030, 1, 1, tzinfo=UTC)
Judge = Callable[[Sequence[WantedJob]], list[Outcome]]


def wanted(account: int = 1) -> WantedJob:
    caller = CachedCaller(
        account=Account(id=account, name="demo"), key_id="k", digest=b"", since=NOW
    )
    booking = Booking(url="https://example.com/", trigger=At(instant=NOW))
    return WantedJob(
        id=uuid4(), caller=caller, booking=booking, first=NOW, earliest=NOW, latest=NOW
    )


def all_stored(batch: Sequence[WantedJob]) -> list[Outcome]:
    return [Outcome.STORED for _ in batch]


class Writer:
    """Writes a batch when the test lets it; keeps the accounts of each."""

    def __init__(self, judge: Judge = all_stored) -> None:
        self.judge = judge
        self.batches: list[list[int]] = []
        self.begun = threading.Semaphore(0)
        self.go = threading.Semaphore(0)

    def write(self, batch: Sequence[WantedJob]) -> list[Outcome]:
        self.batches.append([each.caller.account.id for each in batch])
        self.begun.release()
        assert self.go.acquire(timeout=30)
        return self.judge(batch)

    async def until_begun(self) -> None:
        assert await asyncio.to_thread(self.begun.acquire, timeout=30)


def run(
    play: Callable[[BookingBatches, Writer], object], judge: Judge = all_stored
) -> list[list[int]]:
    writer = Writer(judge)

    async def running() -> None:
        batches = BookingBatches(writer.write)
        try:
            await play(batches, writer)  # type: ignore[misc] # each is a coroutine function
        finally:
            writer.go.release(1000)
            batches.shutdown()

    asyncio.run(running())
    return writer.batches


def asking(batches: BookingBatches, *accounts: int, size: int = 1) -> list[asyncio.Task[Outcome]]:
    return [asyncio.create_task(batches.book(wanted(each), size)) for each in accounts]
