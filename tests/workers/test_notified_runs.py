"""Runs that were rung for and not taken yet are counted once, however often they are rung for."""

from __future__ import annotations

from uuid import UUID

from uuid6 import uuid7

from workers.notified_runs import Outstanding


def runs(number: int) -> list[UUID]:
    return [UUID(int=uuid7().int) for _ in range(number)]


def test_runs_that_are_rung_for_again_in_other_company_count_once() -> None:
    some, others = runs(3), runs(2)
    outstanding = Outstanding()
    outstanding.add((run_id, 1) for run_id in some)
    outstanding.add((run_id, 2) for run_id in others)

    outstanding.add((run_id, 1) for run_id in [some[2], some[0]])
    outstanding.add([(some[1], 1), (others[0], 2), *((run_id, 2) for run_id in runs(1))])

    assert outstanding.total == 6
    assert outstanding.by_account() == {1: 3, 2: 3}


def test_a_batch_is_forgotten_with_its_first_run() -> None:
    some, others = runs(3), runs(2)
    outstanding = Outstanding()
    outstanding.add((run_id, 1) for run_id in some)
    outstanding.add((run_id, 2) for run_id in others)

    assert outstanding.asked_about == [some[0], others[0]]
    outstanding.keep({others[0]})
    assert (outstanding.total, outstanding.by_account()) == (2, {2: 2})

    outstanding.add((run_id, 1) for run_id in some)
    assert outstanding.total == 5
    outstanding.keep(set())
    assert not outstanding
    assert outstanding.total == 0
