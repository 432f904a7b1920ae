"""A short chaos: five faults with all processes and servers, judged as by `make chaos`."""

from __future__ import annotations

import pytest

from tests.chaos.faults import FAULTS
from tests.chaos.play import Plan, play
from tests.chaos.report import figures, summary, table
from tests.e2e.conftest import Report, report
from tests.soak.report import reasons

pytestmark = pytest.mark.long

__all__ = ["report"]

CHOSEN = ("kill-worker", "stop-scheduler", "valkey", "postgres-stop", "cut-postgres")
PLAN = Plan(seconds=30.0, firings=900, seed=21, turn_s=6.0, latest=4.0)


def test_five_faults_are_injected_and_every_promise_is_kept(report: Report) -> None:
    played = play(PLAN, [FAULTS[each] for each in CHOSEN], lambda _text: None)
    report(summary(played))
    for line in table(figures(played)):
        report(line)

    assert reasons(played.violations) == []
    assert sorted(each.name for each in played.spans[: len(CHOSEN)]) == sorted(CHOSEN)
    assert len({each.key for each in played.calls}) > PLAN.firings / 2
