"""PayloadBudget: memory for long payloads, shared out; and the dispatcher that waits for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from queue import SimpleQueue
from uuid import UUID

import pytest

from app.domain.run import Reply, RunState
from app.domain.timings.leases import LEASE
from tests.workers.harness import OK, SECRET, TOKENS, Harness, taken
from workers.dispatch.calls import WITHDRAWN
from workers.dispatch.dispatcher import Dispatcher
from workers.dispatch.leased_run import LeasedRun, lease
from workers.dispatch.payload_budget import PayloadBudget

BUDGET = 100


def long(size: int, account: int = 1) -> LeasedRun:
    run = taken(0.0)._replace(data=None, size=size, account_id=account)
    return lease(run, (SECRET,), sent_at=0.0, answered=0.0)


def ordered(payloads: PayloadBudget) -> list[LeasedRun]:
    """What is to be loaded now; given up meanwhile or not."""
    return [payloads._orders.get_nowait() for _ in range(payloads._orders.qsize())]


def ready(payloads: PayloadBudget, runs: Sequence[LeasedRun]) -> list[LeasedRun]:
    """Those of the runs, whose turn has come, that are to be loaded."""
    for leased in runs:
        assert not payloads.request(leased)
    return ordered(payloads)


def test_no_account_takes_all_the_room_and_a_newcomer_finds_some() -> None:
    payloads = PayloadBudget(BUDGET, SimpleQueue())
    mine = [long(10) for _ in range(20)]

    assert ready(payloads, mine) == mine[:8]
    newcomer = long(20, account=2)
    assert ready(payloads, [newcomer]) == [newcomer]
    assert payloads.in_memory == BUDGET


def test_what_waits_is_loaded_in_order_as_room_becomes_free() -> None:
    payloads = PayloadBudget(BUDGET, SimpleQueue())
    mine = [long(10) for _ in range(10)]
    ready(payloads, mine)

    payloads.drop(mine[0])
    payloads.drop(mine[3])

    assert ordered(payloads) == mine[8:]
    for leased in mine:
        payloads.drop(leased)
    assert payloads.in_memory == 0


def test_small_ones_do_not_go_on_taking_the_room_that_a_large_one_waits_for() -> None:
    payloads = PayloadBudget(BUDGET, SimpleQueue())
    others = [long(8, account) for account in range(2, 14)]
    assert ready(payloads, others) == others
    large = long(60)
    assert ready(payloads, [large]) == []

    for number, leased in enumerate(others[:6]):
        payloads.drop(leased)
        assert ready(payloads, [long(8, account=100 + number)]) == []
    payloads.drop(others[6])

    assert ordered(payloads)[0] is large


def test_what_is_larger_than_the_budget_goes_alone() -> None:
    payloads = PayloadBudget(BUDGET, SimpleQueue())
    small, huge = long(10), long(BUDGET + 1, account=2)
    ready(payloads, [small])
    assert ready(payloads, [huge]) == []

    payloads.drop(small)

    assert ordered(payloads) == [huge]
    assert ready(payloads, [long(1, account=3)]) == []


def test_what_is_early_takes_half_the_room_and_makes_way_for_those_whose_turn_it_is() -> None:
    payloads = PayloadBudget(BUDGET, SimpleQueue())
    early = [long(10, account) for account in range(9)]
    for leased in early:
        payloads.reserve_early(leased)
    assert ordered(payloads) == early[:5]
    for leased in early[:5]:
        assert payloads.store(leased, b"x" * 10)

    late = [long(20, account) for account in range(10, 14)]
    assert ready(payloads, late) == late

    assert [leased.body is None for leased in early[:5]] == [False, False, True, True, True]
    assert payloads.in_memory == BUDGET
    assert payloads.request(early[0])
    assert not payloads.request(early[4])


def test_what_was_given_up_is_not_taken_in_and_nothing_is_taken_in_twice() -> None:
    payloads = PayloadBudget(BUDGET, SimpleQueue())
    leased = long(10)
    ready(payloads, [leased])

    assert payloads.store(leased, b"first")
    assert not payloads.store(leased, b"second")
    assert leased.body == b"first"
    payloads.drop(leased)
    assert not payloads.store(leased, b"third")
    assert leased.body is None


@pytest.fixture
def harness() -> Iterator[Harness]:
    made = Harness()
    made.dispatcher = Dispatcher(
        made.loop,
        made.engine,
        made.channels,
        tokens=TOKENS,
        concurrency=100,
        payload_bytes=BUDGET,
        jitter=lambda: 0.0,
    )
    yield made
    made.loop.close()


def bodies(harness: Harness) -> list[bytes]:
    return [call.body for call, _, _ in harness.engine.calls]


def load(harness: Harness, *, lost: bool = False, wanted: bool = True) -> list[LeasedRun]:
    """Answer as the loader does; what was asked of it."""
    batch = ordered(harness.dispatcher.payload_budget)
    found: dict[UUID, bytes | None] = {
        leased.run.id: None if lost else b"x" * leased.run.size for leased in batch if wanted
    }
    harness.dispatcher.on_payloads(batch, harness.clock.now, found)
    harness.step()
    return batch


def test_a_long_payload_is_here_when_its_time_comes(harness: Harness) -> None:
    harness.lease(0.05, size=40, data=None)
    load(harness)
    assert bodies(harness) == []

    harness.step(0.05)

    assert bodies(harness) == [b"x" * 40]


def test_short_ones_go_before_long_ones_that_were_loaded(harness: Harness) -> None:
    for _ in range(2):
        harness.lease(0.05, size=20, data=None)
    load(harness)
    for _ in range(3):
        harness.lease(0.05)

    harness.step(0.05)

    assert [len(body) for body in bodies(harness)] == [1, 1, 1, 20, 20]


def test_an_overdue_one_is_loaded_when_its_turn_has_come(harness: Harness) -> None:
    leased = harness.lease(-1.0, size=40, data=None)
    assert bodies(harness) == []

    load(harness)

    assert bodies(harness) == [b"x" * 40]
    harness.engine.answer(OK)
    assert harness.settled() is RunState.SUCCEEDED
    assert leased.body is None
    assert harness.dispatcher.payload_budget.in_memory == 0


def test_those_without_room_wait_and_none_is_lost_or_sent_twice(harness: Harness) -> None:
    runs = [harness.lease(-1.0, size=30, data=None, account_id=n % 3) for n in range(20)]
    most = 0
    for _ in range(50):
        load(harness)
        most = max(most, harness.dispatcher.payload_budget.in_memory)
        harness.poll_cancellations()
        if harness.engine.calls:
            harness.engine.answer(OK)
            harness.step()

    assert most <= BUDGET
    settled = [(each.run.id, end.state) for each, end in harness.channels.settlements]
    assert sorted(settled) == sorted((leased.run.id, RunState.SUCCEEDED) for leased in runs)
    assert harness.dispatcher.payload_budget.in_memory == 0


def test_runs_that_wait_for_room_keep_no_overdue_ones_outside(harness: Harness) -> None:
    for number in range(60):
        harness.lease(-1.0, size=30, data=None, url=f"http://host-{number}.test/")

    assert not harness.dispatcher._late


def test_a_poll_that_expired_while_loading_is_repeated(harness: Harness) -> None:
    harness.lease(-1.0, size=40, data=None)
    (leased,) = ordered(harness.dispatcher.payload_budget)
    asked = harness.clock.now
    harness.step(0.2)
    harness.dispatcher.on_payloads([leased], asked, {leased.run.id: b"x" * 40})
    harness.step()
    assert bodies(harness) == []

    harness.poll_cancellations()

    assert bodies(harness) == [b"x" * 40]


def test_one_cancelled_while_it_was_loaded_is_not_sent_and_its_places_are_free(
    harness: Harness,
) -> None:
    leased = harness.lease(-1.0, size=40, data=None)

    load(harness, wanted=False)

    assert bodies(harness) == []
    assert harness.settled() is RunState.CANCELLED
    assert_free(harness, leased)


def test_one_cancelled_once_it_was_loaded_is_not_sent_and_its_places_are_free(
    harness: Harness,
) -> None:
    leased = harness.lease(-1.0, size=40, data=None)
    (ordered_run,) = ordered(harness.dispatcher.payload_budget)
    asked = harness.clock.now
    harness.step(0.2)
    harness.dispatcher.on_payloads([ordered_run], asked, {leased.run.id: b"x" * 40})
    harness.step()

    harness.poll_cancellations(leased)

    assert bodies(harness) == []
    assert harness.settled() is RunState.CANCELLED
    assert_free(harness, leased)


def test_one_whose_lease_ran_out_meanwhile_is_not_sent_and_its_places_are_free(
    harness: Harness,
) -> None:
    leased = harness.lease(-1.0, size=40, data=None)
    harness.step(LEASE.total_seconds())

    load(harness)

    assert bodies(harness) == []
    assert leased not in harness.dispatcher.leased_runs
    assert_free(harness, leased)


def test_one_whose_content_is_lost_is_dead(harness: Harness) -> None:
    leased = harness.lease(-1.0, size=40, data=None)

    load(harness, lost=True)

    assert harness.settled() is RunState.DEAD
    assert_free(harness, leased)


def test_one_whose_content_was_lost_ahead_of_its_time_is_dead_at_its_time(harness: Harness) -> None:
    leased = harness.lease(0.05, size=40, data=None)
    load(harness, lost=True)
    assert harness.dispatcher.payload_budget.in_memory == 0
    harness.step(0.05)

    load(harness, lost=True)

    assert harness.settled() is RunState.DEAD
    assert_free(harness, leased)


def test_a_payload_loaded_twice_is_sent_once(harness: Harness) -> None:
    leased = harness.lease(-1.0, size=40, data=None)
    load(harness)

    harness.dispatcher.on_payloads([leased], harness.clock.now, {leased.run.id: b"x" * 40})
    harness.dispatcher.on_payloads([leased], harness.clock.now, {})
    harness.step()

    assert len(bodies(harness)) == 1
    assert not harness.channels.settlements
    assert harness.dispatcher.payload_budget.in_memory == 40


def test_a_call_that_was_withdrawn_loads_its_payload_again(harness: Harness) -> None:
    harness.lease(-1.0, size=40, data=None)
    load(harness)
    harness.step(0.2)
    harness.engine.answer(Reply(error=WITHDRAWN, error_detail="the cancellations were stale"))
    harness.step()
    assert harness.dispatcher.payload_budget.in_memory == 0

    harness.poll_cancellations()
    load(harness)

    assert bodies(harness) == [b"x" * 40]


def test_one_that_waits_for_its_destination_keeps_no_payload(harness: Harness) -> None:
    busy = [harness.lease(0.0) for _ in range(50)]
    assert len(harness.engine.calls) == len(busy)

    leased = harness.lease(0.05, size=40, data=None)
    load(harness)
    assert harness.dispatcher.payload_budget.in_memory == 40
    harness.step(0.05)

    assert len(harness.engine.calls) == len(busy)
    assert leased.body is None
    assert harness.dispatcher.payload_budget.in_memory == 0


def assert_free(harness: Harness, leased: LeasedRun) -> None:
    """The run holds no slot, no place at its destination, and no room."""
    destination = leased.destination
    assert destination is not None
    assert destination.in_flight == 0
    assert harness.dispatcher._slots._left == 100
    assert harness.dispatcher.payload_budget.in_memory == 0
    assert leased.body is None
