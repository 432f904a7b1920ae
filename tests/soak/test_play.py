"""A short soak: two situations with all processes and servers, judged as by `make soak`."""

from __future__ import annotations

from tests.e2e.conftest import Report, report
from tests.soak.play import Plan, play
from tests.soak.report import figures, reasons, table
from tests.soak.situations import SITUATIONS

__all__ = ["report"]

PLAN = Plan(seconds=6.0, rate=20.0, schedules=2, latest=3.0)
CHOSEN = {"redis", "read-only"}


def test_two_situations_are_played_and_every_promise_is_kept(report: Report) -> None:
    chosen = [each for each in SITUATIONS if each.name in CHOSEN]
    played = play(PLAN, chosen, lambda _text: None)
    found = figures(played.asked, played.calls, played.spans, played.excused)
    for line in table(found):
        report(line)

    assert reasons(played.violations) == []
    assert [each.name for each in found] == [each.name for each in chosen]
    assert all(each.calls > 20 for each in found)
