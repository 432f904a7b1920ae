"""Runs that were notified and not taken yet are counted once, however often they are notified."""

from __future__ import annotations

from uuid import UUID

from uuid6 import uuid7

from workers.notified_runs import NotifiedRuns


def runs(number: int) -> list[UUID]:
    return [UUID(int=uuid7().int) for _ in range(number)]


def test_runs_notified_again_in_another_batch_count_once() -> None:
    some, others = runs(3), runs(2)
    notified_runs = NotifiedRuns()
    notified_runs.add((run_id, 1) for run_id in some)
    notified_runs.add((run_id, 2) for run_id in others)

    notified_runs.add((run_id, 1) for run_id in [some[2], some[0]])
    notified_runs.add([(some[1], 1), (others[0], 2), *((run_id, 2) for run_id in runs(1))])

    assert notified_runs.total == 6
    assert notified_runs.by_account() == {1: 3, 2: 3}


def test_a_batch_is_forgotten_with_its_first_run() -> None:
    some, others = runs(3), runs(2)
    notified_runs = NotifiedRuns()
    notified_runs.add((run_id, 1) for run_id in some)
    notified_runs.add((run_id, 2) for run_id in others)

    assert notified_runs.asked_about == [some[0], others[0]]
    notified_runs.keep({others[0]})
    assert (notified_runs.total, notified_runs.by_account()) == (2, {2: 2})

    notified_runs.add((run_id, 1) for run_id in some)
    assert notified_runs.total == 5
    notified_runs.keep(set())
    assert not notified_runs
    assert notified_runs.total == 0
