"""However many runs of one account wait, the calls of others begin before them.

The checks count runs and calls, so that nothing depends on the speed of the machine; and they fail
where scheduler or worker has one queue for all accounts.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest

from app.domain.timings.claiming import CLAIM_BUDGET, FAIR_CLAIM_S, FAIR_SHARE
from app.store.claims import Claims
from app.store.rescue import check
from tests.factories import add_account, book, connect
from tests.workers import test_scheduler
from tests.workers.harness import OK, Harness
from tests.workers.scheduler_harness import SchedulerHarness, book_overdue
from workers import scheduler
from workers.dispatch.fair_queue import AccountSlots, FairQueue
from workers.dispatch.leased_run import LeasedRun
from workers.notifier import ON_TIME

BACKLOG: Final = 60
SLOTS: Final = 20
ATTACKER, OTHER_ATTACKER, VICTIM = 1, 2, 3
MINE: Final = "http://victim.test/"

Plant = Callable[[pytest.MonkeyPatch], None]


@pytest.fixture
def make_harness() -> Iterator[Callable[[int], Harness]]:
    """Makes a dispatcher with so many slots for calls."""
    made: list[Harness] = []

    def make(slots: int) -> Harness:
        made.append(Harness(concurrency=slots))
        return made[-1]

    yield make
    for each in made:
        each.loop.close()


def calls_before_mine(harness: Harness, late: float) -> int:
    """How many calls of the attackers end before the victim's run, which came last, is called.

    The runs of the attackers are for as many receivers, none of which has enough calls.
    """
    for number in range(BACKLOG):
        for account in (ATTACKER, OTHER_ATTACKER):
            harness.lease(-late, account_id=account, url=f"http://{account}-{number}.test/")
    harness.lease(-late, account_id=VICTIM, url=MINE)
    for ended in range(2 * BACKLOG + 1):
        if MINE in {call.url for call, _, _ in harness.engine.calls}:
            return ended
        harness.engine.answer(OK)
        harness.step()
    raise AssertionError


@pytest.mark.parametrize("late", [0.0, 60.0])
def test_a_call_waits_for_one_of_each_other_account(
    make_harness: Callable[[int], Harness], late: float
) -> None:
    # One has the only slot, and a run of each of the two waited first.
    assert calls_before_mine(make_harness(1), late) == 3


@pytest.mark.parametrize("late", [0.0, 60.0])
def test_a_call_waits_for_none_where_receivers_hang(
    make_harness: Callable[[int], Harness], late: float
) -> None:
    assert calls_before_mine(make_harness(SLOTS), late) == 0


def one_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    def append(queue: FairQueue, leased: LeasedRun) -> None:
        arrived = deque(each for runs in queue._waiting.values() for each in runs)
        arrived.append(leased)
        queue._waiting = OrderedDict({arrived[0].run.account_id: arrived})

    monkeypatch.setattr(FairQueue, "append", append)


def no_cap_on_slots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AccountSlots, "has", lambda slots, _account: slots._left > 0)


def no_share_of_a_claim(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler, "claim_fairly", lambda *_, **__: Claims([], 0, Counter()))


@pytest.mark.parametrize(
    ("plant", "slots", "expected"), [(one_queue, 1, 3), (no_cap_on_slots, SLOTS, 0)]
)
def test_a_worker_that_is_not_shared_is_found(
    make_harness: Callable[[int], Harness],
    monkeypatch: pytest.MonkeyPatch,
    plant: Plant,
    slots: int,
    expected: int,
) -> None:
    plant(monkeypatch)

    assert calls_before_mine(make_harness(slots), 0.0) > expected


def test_a_scheduler_with_one_queue_is_found(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_share_of_a_claim(monkeypatch)
    harness = SchedulerHarness(database)

    with connect(database) as connection, pytest.raises(AssertionError):
        test_scheduler.test_the_queue_of_overdue_runs_keeps_its_budget_and_neighbours_get_through(
            harness, connection
        )
    harness.reconnecting.close()


def test_what_becomes_due_during_a_long_tick_is_notified_in_it(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness = SchedulerHarness(database)
    with connect(database) as connection:
        hog, neighbour = add_account(connection, "hog"), add_account(connection, "neighbour")
        book_overdue(connection, hog, CLAIM_BUDGET + 500)

        def check_long(*of: Any, **options: Any) -> Any:
            harness.clock.now += FAIR_CLAIM_S
            for _ in range(FAIR_SHARE):
                book(connection, neighbour, due_in=0.2)
            return check(*of, **options)

        monkeypatch.setattr(scheduler, "check", check_long)

        harness.scheduler.tick()

    assert len(harness.notifier.notified[ON_TIME]) == FAIR_SHARE
    harness.reconnecting.close()
