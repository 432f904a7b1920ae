"""Slots: no account takes all a worker has, and none waits behind another that has enough."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from tests.workers.harness import SECRET, taken
from workers.dispatch.fair_queue import AccountSlots, FairQueue
from workers.dispatch.leased_run import LeasedRun, lease


def leased_for(account_id: int) -> LeasedRun:
    return lease(taken(0.0)._replace(account_id=account_id), (SECRET,), sent_at=0.0, answered=0.0)


def fill(slots: AccountSlots, account_id: int) -> int:
    """Begin all the calls that this account may; how many."""
    begun = 0
    while slots.has(account_id):
        slots.begin(account_id)
        begun += 1
    return begun


def test_an_account_alone_gets_four_fifths() -> None:
    assert fill(AccountSlots(4000), 1) == 3040


def test_few_slots_are_all_of_use() -> None:
    assert [fill(AccountSlots(number), 1) for number in (1, 2, 3, 4)] == [1, 2, 3, 4]


def test_fifty_accounts_that_want_all_leave_room_for_another() -> None:
    slots = AccountSlots(4000)
    in_flight = {account: fill(slots, account) for account in range(50)}

    assert all(in_flight.values())
    assert fill(slots, 50) >= 4


def test_what_ends_is_free_again() -> None:
    slots = AccountSlots(100)
    before = fill(slots, 1)
    for _ in range(before):
        slots.end(1)

    assert fill(slots, 2) == before


@given(st.integers(1, 60), st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=200))
def test_never_more_are_under_way_than_there_are(
    number: int, moves: list[tuple[int, bool]]
) -> None:
    slots = AccountSlots(number)
    in_flight: Counter[int] = Counter()
    for account, ends in moves:
        if ends and in_flight[account]:
            slots.end(account)
            in_flight[account] -= 1
        elif slots.has(account):
            slots.begin(account)
            in_flight[account] += 1
        assert in_flight.total() <= number


def test_a_run_does_not_wait_behind_those_of_an_account_without_a_slot() -> None:
    slots = AccountSlots(10)
    line = FairQueue(slots)
    fill(slots, 1)
    mine, others = leased_for(2), [leased_for(1), leased_for(1)]
    for each in (*others, mine):
        line.append(each)

    assert line.pop() is mine
    assert line.pop() is None
    slots.end(1)
    assert line.pop() is others[0]


def test_accounts_take_turns_however_many_runs_one_of_them_has_waiting() -> None:
    line = FairQueue(AccountSlots(100))
    many, two, one = (
        [leased_for(account) for _ in range(n)] for account, n in ((1, 5), (2, 2), (3, 1))
    )
    for each in (*many, *two, *one):
        line.append(each)

    order = [line.pop() for _ in range(8)]

    assert order == [many[0], two[0], one[0], many[1], two[1], *many[2:]]
    assert line.pop() is None


def test_a_run_put_first_comes_before_those_put_back() -> None:
    slots = AccountSlots(2)
    line = FairQueue(slots)
    fill(slots, 1)
    put_back, first = leased_for(1), [leased_for(1), leased_for(1)]
    line.append(put_back)
    assert line.pop() is None

    line.put_first(first)
    slots.end(1)
    slots.end(1)

    assert [line.pop(), line.pop(), line.pop()] == [*first, put_back]
