"""Batch gathering: a batch waits a moment for those who were answered with the one before it."""

from __future__ import annotations

import asyncio
import time

import pytest

from app.api import booking_batches
from app.api.booking_batches import BookingBatches
from app.service.booking_batches import Outcome
from tests.api.batch_writing import Writer, asking, run, wanted


def test_the_next_batch_waits_for_as_many_as_the_one_before_had(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(booking_batches, "GATHER_S", 3600.0)

    async def play(batches: BookingBatches, writer: Writer) -> None:
        writer.go.release(10)
        await asyncio.gather(*asking(batches, 1, 1, 1))
        again = asking(batches, 1, 1)
        await asyncio.sleep(0)
        assert writer.batches == [[1, 1, 1]]
        assert not any(each.done() for each in again)
        await asyncio.gather(*again, *asking(batches, 2))

    assert run(play) == [[1, 1, 1], [1, 2, 1]]


def test_it_does_not_wait_for_those_who_book_as_soon_as_they_are_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(booking_batches, "GATHER_S", 3600.0)

    async def play(batches: BookingBatches, writer: Writer) -> None:
        async def twice() -> None:
            for _ in range(2):
                assert await batches.book(wanted(), 1) is Outcome.STORED

        writer.go.release(10)
        async with asyncio.timeout(30):
            await asyncio.gather(*(twice() for _ in range(3)))

    assert run(play) == [[1, 1, 1], [1, 1, 1]]


def test_it_does_not_wait_for_those_who_book_while_they_are_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(booking_batches, "GATHER_S", 3600.0)

    async def play(batches: BookingBatches, writer: Writer) -> None:
        class Again:
            """Books once more in the moment in which it is told."""

            def __init__(self) -> None:
                self.told: list[Outcome] = []
                self.twice = asyncio.Event()

            def done(self) -> bool:
                return False

            def set_result(self, outcome: Outcome, /) -> None:
                self.told.append(outcome)
                if len(self.told) < 2:
                    assert batches.has_room(1)
                    batches.add(wanted(), 1, self)
                else:
                    self.twice.set()

        writer.go.release(10)
        booking = [Again() for _ in range(3)]
        for each in booking:
            batches.add(wanted(), 1, each)
        async with asyncio.timeout(30):
            await asyncio.gather(*(each.twice.wait() for each in booking))
        assert {outcome for each in booking for outcome in each.told} == {Outcome.STORED}

    assert run(play) == [[1, 1, 1], [1, 1, 1]]


def test_the_moment_begins_when_the_answers_are_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(booking_batches, "GATHER_S", 0.2)

    async def play(batches: BookingBatches, writer: Writer) -> None:
        loop = asyncio.get_running_loop()
        again: list[asyncio.Task[Outcome]] = []

        async def book() -> None:
            await batches.book(wanted(), 1)
            # The event loop is busy with the answers for longer than the moment.
            time.sleep(0.1)  # noqa: ASYNC251 - that is what is tested
            loop.call_later(0.001, lambda: again.extend(asking(batches, 1)))

        writer.go.release(10)
        await asyncio.gather(*(book() for _ in range(3)))
        await writer.until_begun()
        await writer.until_begun()
        await asyncio.gather(*again)

    assert run(play) == [[1, 1, 1], [1, 1, 1]]


def test_it_waits_for_a_moment_only() -> None:
    async def play(batches: BookingBatches, writer: Writer) -> None:
        writer.go.release(10)
        await asyncio.gather(*asking(batches, 1, 1, 1))
        await asyncio.gather(*asking(batches, 1))
        # One that comes alone has nobody to wait for.
        assert batches._gathering is None

    assert run(play) == [[1, 1, 1], [1]]
