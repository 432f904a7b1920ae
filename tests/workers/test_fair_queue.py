"""Slots: no account takes all a worker has, and none waits behind another that has enough."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from tests.workers.stage import SECRET, taken
from workers.dispatch.fair_queue import Line, Slots
from workers.dispatch.leased_run import Held, hold


def held_for(account_id: int) -> Held:
    return hold(taken(0.0)._replace(account_id=account_id), (SECRET,), asked=0.0, answered=0.0)


def fill(slots: Slots, account_id: int) -> int:
    """Begin all the calls that this account may; how many."""
    begun = 0
    while slots.has(account_id):
        slots.begin(account_id)
        begun += 1
    return begun


def test_an_account_alone_gets_four_fifths() -> None:
    assert fill(Slots(4000), 1) == 3040


def test_few_slots_are_all_of_use() -> None:
    assert [fill(Slots(number), 1) for number in (1, 2, 3, 4)] == [1, 2, 3, 4]


def test_fifty_accounts_that_want_all_leave_room_for_another() -> None:
    slots = Slots(4000)
    under_way = {account: fill(slots, account) for account in range(50)}

    assert all(under_way.values())
    assert fill(slots, 50) >= 4


def test_what_ends_is_free_again() -> None:
    slots = Slots(100)
    before = fill(slots, 1)
    for _ in range(before):
        slots.end(1)

    assert fill(slots, 2) == before


@given(st.integers(1, 60), st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=200))
def test_never_more_are_under_way_than_there_are(
    number: int, moves: list[tuple[int, bool]]
) -> None:
    slots = Slots(number)
    under_way: Counter[int] = Counter()
    for account, ends in moves:
        if ends and under_way[account]:
            slots.end(account)
            under_way[account] -= 1
        elif slots.has(account):
            slots.begin(account)
            under_way[account] += 1
        assert under_way.total() <= number


def test_a_run_does_not_wait_behind_those_of_an_account_without_a_slot() -> None:
    slots = Slots(10)
    line = Line(slots)
    fill(slots, 1)
    mine, others = held_for(2), [held_for(1), held_for(1)]
    for each in (*others, mine):
        line.append(each)

    assert line.pop() is mine
    assert line.pop() is None
    slots.end(1)
    assert line.pop() is others[0]


def test_accounts_take_turns_however_many_runs_one_of_them_has_waiting() -> None:
    line = Line(Slots(100))
    many, two, one = (
        [held_for(account) for _ in range(n)] for account, n in ((1, 5), (2, 2), (3, 1))
    )
    for each in (*many, *two, *one):
        line.append(each)

    order = [line.pop() for _ in range(8)]

    assert order == [many[0], two[0], one[0], many[1], two[1], *many[2:]]
    assert line.pop() is None


def test_what_is_put_first_comes_before_what_was_put_aside() -> None:
    slots = Slots(2)
    line = Line(slots)
    fill(slots, 1)
    aside, first = held_for(1), [held_for(1), held_for(1)]
    line.append(aside)
    assert line.pop() is None

    line.put_first(first)
    slots.end(1)
    slots.end(1)

    assert [line.pop(), line.pop(), line.pop()] == [*first, aside]
