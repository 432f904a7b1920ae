"""Booking batches: what arrives while one batch is written is the next one, in turns by account."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from app.api import booking_batches
from app.api.booking_batches import MAX_BATCH, MAX_BATCH_BYTES, MAX_WAITING, BookingBatches
from app.service.booking_batches import Outcome
from app.store.booking_batches import WantedJob
from tests.api.batch_writing import Writer, all_stored, asking, run, wanted


def test_what_arrives_while_a_batch_is_written_is_the_next_batch() -> None:
    async def play(batches: BookingBatches, writer: Writer) -> None:
        first = asking(batches, 1, 1)
        await writer.until_begun()
        second = asking(batches, 1, 1, 1)
        await asyncio.sleep(0)
        writer.go.release(2)
        assert set(await asyncio.gather(*first, *second)) == {Outcome.STORED}
        writer.go.release()
        assert await batches.book(wanted(), 1) is Outcome.STORED

    assert run(play) == [[1, 1], [1, 1, 1], [1]]


@pytest.fixture
def many_may_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as for several batches of one account."""
    monkeypatch.setattr(booking_batches, "MAX_WAITING", 1000)


@pytest.mark.usefixtures("many_may_wait")
def test_accounts_take_turns_and_wait_for_one_batch_of_another() -> None:
    async def play(batches: BookingBatches, writer: Writer) -> None:
        first = asking(batches, 1)
        await writer.until_begun()
        many = asking(batches, *[1] * (2 * MAX_BATCH))
        few = asking(batches, 2, 2, 3)
        await asyncio.sleep(0)
        writer.go.release(2)
        await asyncio.gather(*first, *few)
        assert not any(each.done() for each in many[MAX_BATCH:])
        writer.go.release(10)
        await asyncio.gather(*many)

    batches = run(play)
    assert batches[1][:5] == [1, 2, 3, 1, 2]
    assert [len(each) for each in batches] == [1, MAX_BATCH, MAX_BATCH, 3]


def test_a_batch_is_bounded_in_bytes() -> None:
    async def play(batches: BookingBatches, writer: Writer) -> None:
        writer.go.release(10)
        await asyncio.gather(*asking(batches, 1, 1, 1, size=MAX_BATCH_BYTES // 2))

    assert run(play) == [[1, 1], [1]]


def test_an_account_has_so_many_waiting_and_no_more() -> None:
    async def play(batches: BookingBatches, writer: Writer) -> None:
        first = asking(batches, 1)
        await writer.until_begun()
        waiting = asking(batches, *[1] * MAX_WAITING)
        await asyncio.sleep(0)
        assert await batches.book(wanted(1), 1) is Outcome.LEFT_OUT
        other = asking(batches, 2)
        writer.go.release(10)
        assert set(await asyncio.gather(*first, *waiting, *other)) == {Outcome.STORED}

    run(play)


def test_each_booking_has_its_own_outcome() -> None:
    async def play(batches: BookingBatches, writer: Writer) -> None:
        writer.go.release(10)
        found = await asyncio.gather(*asking(batches, 1, 2, 3))
        assert found == [Outcome.STORED, Outcome.LEFT_OUT, Outcome.UNKNOWN]

    run(play, lambda _batch: [Outcome.STORED, Outcome.LEFT_OUT, Outcome.UNKNOWN])


def refused_with_account_2(batch: Sequence[WantedJob]) -> list[Outcome]:
    fails = any(each.caller.account.id == 2 for each in batch)
    return [Outcome.REFUSED if fails else Outcome.STORED for _ in batch]


def test_the_account_whose_bookings_fail_is_set_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(booking_batches, "APART_S", 3600.0)

    async def play(batches: BookingBatches, writer: Writer) -> None:
        writer.go.release(100)
        refused, stored = [Outcome.REFUSED], [Outcome.STORED]
        assert await asyncio.gather(*asking(batches, 1, 2, 1)) == refused * 3
        mixed = await asyncio.gather(*asking(batches, 1, 2, 1, 2, 3))
        assert mixed == [*stored, *refused, *stored, *refused, *stored]
        assert await batches.book(wanted(2), 1) is Outcome.LEFT_OUT
        assert await asyncio.gather(*asking(batches, 3, 1, 3)) == stored * 3

    # Nothing more of account 2 is written, and others are written together again.
    assert run(play, refused_with_account_2) == [[1, 2, 1], [1, 1], [2, 2], [3], [3, 1, 3]]


def test_an_account_that_books_one_at_a_time_is_set_apart_once_its_own_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(booking_batches, "APART_S", 3600.0)

    async def play(batches: BookingBatches, writer: Writer) -> None:
        writer.go.release(100)
        await asyncio.gather(*asking(batches, 1, 2, 3))
        assert await batches.book(wanted(2), 1) is Outcome.REFUSED
        mixed = await asyncio.gather(*asking(batches, 1, 2, 3))
        assert mixed == [Outcome.STORED, Outcome.LEFT_OUT, Outcome.STORED]

    assert run(play, refused_with_account_2) == [[1, 2, 3], [2], [1, 3]]


@pytest.mark.usefixtures("many_may_wait")
def test_an_account_that_is_set_apart_adds_nothing_to_what_it_has_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(booking_batches, "APART_S", 3600.0)

    async def play(batches: BookingBatches, writer: Writer) -> None:
        asked = asking(batches, *[1] * (2 * MAX_BATCH + 1))
        writer.go.release()
        await asyncio.gather(*asked[:MAX_BATCH])
        await writer.until_begun()
        await writer.until_begun()
        more = asking(batches, *[1] * 2)
        await asyncio.sleep(0)
        assert [each.result() for each in more if each.done()] == [Outcome.LEFT_OUT] * 2
        writer.go.release(10)
        assert await asked[-1] is Outcome.REFUSED

    run(play, lambda batch: [Outcome.REFUSED] * len(batch))


def test_names_that_are_taken_set_nobody_apart() -> None:
    async def play(batches: BookingBatches, writer: Writer) -> None:
        writer.go.release(100)
        for _ in range(2):
            found = await asyncio.gather(*asking(batches, 1, 2, 1))
            assert found == [Outcome.LEFT_OUT] * 3

    assert run(play, lambda batch: [Outcome.LEFT_OUT] * len(batch)) == [[1, 2, 1]] * 2


@pytest.mark.parametrize("outcome", [Outcome.AWAY, Outcome.UNKNOWN])
def test_nothing_waits_for_a_database_that_is_away(
    monkeypatch: pytest.MonkeyPatch, outcome: Outcome
) -> None:
    monkeypatch.setattr(booking_batches, "AWAY_S", 3600.0)

    async def play(batches: BookingBatches, writer: Writer) -> None:
        first = asking(batches, 1, 2)
        await writer.until_begun()
        waiting = asking(batches, 1, 2, *range(3, 100))
        await asyncio.sleep(0)
        writer.go.release()
        assert await asyncio.gather(*first) == [outcome] * 2
        assert set(await asyncio.gather(*waiting)) == {Outcome.LEFT_OUT}
        assert await batches.book(wanted(5), 1) is Outcome.LEFT_OUT

    assert run(play, lambda batch: [outcome] * len(batch)) == [[1, 2]]


def test_one_booking_tries_a_database_that_was_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(booking_batches, "AWAY_S", 0.0)
    outcomes = iter([Outcome.AWAY])

    async def play(batches: BookingBatches, writer: Writer) -> None:
        writer.go.release()
        assert await batches.book(wanted(1), 1) is Outcome.AWAY
        trying = asking(batches, 2, 3, 2)
        await writer.until_begun()
        assert await asyncio.gather(*trying[1:]) == [Outcome.LEFT_OUT] * 2
        writer.go.release(10)
        assert await trying[0] is Outcome.STORED
        assert set(await asyncio.gather(*asking(batches, 2, 3, 2))) == {Outcome.STORED}

    def judge(batch: Sequence[WantedJob]) -> list[Outcome]:
        return [next(outcomes, Outcome.STORED)] * len(batch)

    assert run(play, judge) == [[1], [2], [2, 3, 2]]


def test_only_what_is_being_written_waits_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(booking_batches, "WAIT_S", 0.1)

    async def play(batches: BookingBatches, writer: Writer) -> None:
        first = asking(batches, 1, 1)
        await writer.until_begun()
        later = asking(batches, 1, 2)
        assert await asyncio.gather(*later) == [Outcome.LEFT_OUT] * 2
        # From now on nobody waits for the batch that does not end.
        (late,) = asking(batches, 3)
        await asyncio.sleep(0)
        assert late.done()
        assert await late is Outcome.LEFT_OUT
        writer.go.release()
        assert await asyncio.gather(*first) == [Outcome.STORED] * 2

    assert run(play) == [[1, 1]]


def test_after_the_shutdown_nobody_waits() -> None:
    async def play(batches: BookingBatches, writer: Writer) -> None:
        first = asking(batches, 1)
        await writer.until_begun()
        waiting = asking(batches, 1, 2)
        await asyncio.sleep(0)
        writer.go.release(10)
        batches.shutdown()
        late = asking(batches, 1, 3)
        async with asyncio.timeout(30):
            found = await asyncio.gather(*first, *waiting, *late)
        assert found == [Outcome.STORED, *[Outcome.LEFT_OUT] * 4]

    assert run(play) == [[1]]


@pytest.mark.usefixtures("many_may_wait")
def test_accounts_that_are_written_alone_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(booking_batches, "APART_S", 3600.0)
    outcomes = iter([Outcome.REFUSED])

    async def play(batches: BookingBatches, writer: Writer) -> None:
        writer.go.release(100)
        await asyncio.gather(*asking(batches, 1, 2))
        await asyncio.gather(*asking(batches, *[1] * (MAX_BATCH + 1), 2))

    def judge(batch: Sequence[WantedJob]) -> list[Outcome]:
        return [next(outcomes, Outcome.STORED)] * len(batch)

    assert run(play, judge)[1:] == [[1] * MAX_BATCH, [2], [1]]


def test_a_request_that_is_given_up_before_its_turn_is_not_booked() -> None:
    async def play(batches: BookingBatches, writer: Writer) -> None:
        first = asking(batches, 1)
        await writer.until_begun()
        given_up, kept = asking(batches, 2), asking(batches, 3)
        await asyncio.sleep(0)
        given_up[0].cancel()
        await asyncio.wait(given_up)
        first[0].cancel()
        writer.go.release(2)
        assert await kept[0] is Outcome.STORED

    assert run(play) == [[1], [3]]


def test_a_defect_in_the_writer_leaves_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(booking_batches, "AWAY_S", 0.0)

    def judge(_batch: Sequence[WantedJob]) -> list[Outcome]:
        raise ZeroDivisionError

    async def play(batches: BookingBatches, writer: Writer) -> None:
        writer.go.release(2)
        assert await asyncio.gather(*asking(batches, 1, 1)) == [Outcome.UNKNOWN] * 2
        writer.judge = all_stored
        assert await batches.book(wanted(2), 1) is Outcome.STORED

    run(play, judge)


def test_a_defect_of_one_that_is_told_does_not_keep_the_others_waiting() -> None:
    class Defective:
        def done(self) -> bool:
            return False

        def set_result(self, outcome: Outcome, /) -> None:
            raise RuntimeError(outcome)

    async def play(batches: BookingBatches, writer: Writer) -> None:
        writer.go.release(10)
        batches.add(wanted(), 1, Defective())
        async with asyncio.timeout(30):
            assert await batches.book(wanted(), 1) is Outcome.STORED
            assert await batches.book(wanted(), 1) is Outcome.STORED

    assert run(play) == [[1, 1], [1]]
