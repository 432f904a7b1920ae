"""Queue choice: what is on time is shared by accounts, and who has enough of a claim."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.timings.claiming import ON_TIME_AT_ONCE, ON_TIME_S, WELL_SERVED
from app.domain.timings.leases import SUSPECT_AFTER
from app.random_ids import new_id
from app.store.claims import Claimed
from workers.notifier import ON_TIME, OVERDUE, SUSPECT
from workers.queue_choice import by_queue, equal_share, well_served

HOG, NEIGHBOUR = 1, 2


def runs(account: int, number: int, *, late: float = 0.0, reclaims: int = 0) -> list[Claimed]:
    return [Claimed(new_id(), 1, account, -late, reclaims=reclaims) for _ in range(number)]


def test_an_account_with_few_runs_has_all_of_them_notified_as_on_time() -> None:
    found = by_queue([*runs(HOG, 500), *runs(NEIGHBOUR, 30)])

    on_time = Counter(each.account_id for each in found[ON_TIME])
    assert on_time == {HOG: ON_TIME_AT_ONCE - 30, NEIGHBOUR: 30}
    assert {each.account_id for each in found[OVERDUE]} == {HOG}


def test_runs_that_are_late_are_not_notified_as_on_time_and_do_not_use_its_room_up() -> None:
    late, prompt = runs(HOG, 500, late=ON_TIME_S + 1), runs(HOG, ON_TIME_AT_ONCE)
    suspect = runs(HOG, 1, reclaims=SUSPECT_AFTER)

    found = by_queue([*late, *prompt, *suspect])

    assert found == {ON_TIME: prompt, OVERDUE: late, SUSPECT: suspect}


def test_none_of_very_many_accounts_is_left_out() -> None:
    many = [each for account in range(3 * ON_TIME_AT_ONCE) for each in runs(account, 2)]

    assert len(by_queue(many)[ON_TIME]) == 3 * ON_TIME_AT_ONCE


@given(st.lists(st.integers(0, 200), max_size=40), st.integers(0, 300))
def test_a_share_uses_all_that_there_is_and_no_more(wanted: list[int], most: int) -> None:
    share = equal_share(wanted, most)

    given_out = sum(min(each, share) for each in wanted)
    assert share == 1 or given_out <= most
    assert given_out == sum(wanted) or sum(min(each, share + 1) for each in wanted) > most


@pytest.mark.parametrize(
    ("notified", "served"),
    [
        ({}, []),
        ({HOG: WELL_SERVED}, []),
        ({HOG: WELL_SERVED + 1}, [HOG]),
        # Its runs wait behind those of the other: that is not to cost it what is due next.
        ({HOG: 1800, NEIGHBOUR: 110}, [HOG]),
        (dict.fromkeys(range(50), 40), list(range(50))),
    ],
)
def test_who_has_enough(notified: dict[int, int], served: list[int]) -> None:
    assert well_served(notified) == served
