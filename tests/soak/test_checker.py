"""The checker finds each broken promise that is planted, and none where all was kept."""

from __future__ import annotations

import pytest

from tests.soak.checker import AFTERMATH_S, judge
from tests.soak.records import Asked, Call, Fate, Span, Violation
from tests.soak.report import figures, reasons

BOOKED = Asked(key="once/1", due=100.0, fate=Fate.BOOKED, job="j1")
DELETED = Asked(key="deleted/2", due=110.0, fate=Fate.DELETED, job="j2", deleted_at=101.0)
REFUSED = Asked(key="once/3", due=100.0, fate=Fate.REFUSED, answers=(400,))
UNKNOWN = Asked(key="once/4", due=100.0, fate=Fate.UNKNOWN, answers=(503, 0))
CALM = Span(name="quiet", about="", may_repeat=False, began=90.0, mended=95.0, ended=104.0)
KILLED = Span(name="kills", about="", may_repeat=True, began=90.0, mended=95.0, ended=104.0)


def call(
    asked: Asked,
    at: float,
    *,
    run: str = "r1",
    job: str = "",
    attempt: int = 1,
    answered: int = 204,
) -> Call:
    return Call(asked.key, at, job or asked.job or "", run, attempt, answered)


def found(asked: list[Asked], calls: list[Call], span: Span = CALM) -> list[tuple[str, str]]:
    violations, _ = judge(asked, calls, [span])
    return [(each.kind, each.situation) for each in violations]


def test_nothing_is_found_where_every_promise_was_kept() -> None:
    calls = [call(BOOKED, 100.001)]
    assert found([BOOKED, DELETED, REFUSED, UNKNOWN], calls) == []


def test_a_call_that_nobody_is_sure_of_may_be_made_once() -> None:
    assert found([UNKNOWN], [call(UNKNOWN, 100.2, job="any")]) == []
    twice = [call(UNKNOWN, 100.2, job="any"), call(UNKNOWN, 100.3, job="any")]
    assert found([UNKNOWN], twice) == [("doubled", "quiet")]


def test_a_retry_after_a_failure_is_no_repeat() -> None:
    calls = [call(BOOKED, 100.1, answered=500), call(BOOKED, 101.3, attempt=2)]
    assert found([BOOKED], calls) == []


@pytest.mark.parametrize("span", [CALM, KILLED])
def test_a_lost_call_is_found_whatever_was_killed(span: Span) -> None:
    assert found([BOOKED], [], span) == [("lost", span.name)]


@pytest.mark.parametrize("span", [CALM, KILLED])
def test_an_early_call_is_found_whatever_was_killed(span: Span) -> None:
    assert found([BOOKED], [call(BOOKED, 99.999)], span) == [("early", span.name)]


@pytest.mark.parametrize(
    "again",
    [
        call(BOOKED, 100.5),
        call(BOOKED, 100.5, attempt=2),
        call(BOOKED, 100.5, attempt=2, answered=500),
    ],
)
def test_a_doubled_call_is_found_where_nothing_was_killed(again: Call) -> None:
    assert found([BOOKED], [call(BOOKED, 100.1), again]) == [("doubled", "quiet")]


def test_an_attempt_that_failed_and_is_made_again_is_found() -> None:
    calls = [call(BOOKED, 100.1, answered=500), call(BOOKED, 100.4, answered=500)]
    assert found([BOOKED], calls) == [("doubled", "quiet")]


def test_at_a_leap_of_the_clock_what_was_claimed_before_may_be_called_and_no_more() -> None:
    leap = Span(name="leap", about="", may_repeat=False, leaps=True, began=99.5, ended=104.0)
    assert found([BOOKED], [call(BOOKED, 99.8)], leap) == []
    leap.began = 98.4
    assert found([BOOKED], [call(BOOKED, 98.9)], leap) == [("early", "leap")]
    leap.began = 98.0
    assert found([BOOKED], [call(BOOKED, 99.8)], leap) == [("early", "leap")]


def test_a_doubled_call_is_excused_by_a_kill_and_counted() -> None:
    again = call(BOOKED, 105.0)
    assert judge([BOOKED], [call(BOOKED, 100.1), again], [KILLED]) == ([], [again])


def test_a_kill_excuses_nothing_long_after_it() -> None:
    at = KILLED.ended + AFTERMATH_S + 0.1
    assert found([BOOKED], [call(BOOKED, at), call(BOOKED, at + 1)], KILLED) == [
        ("doubled", "kills")
    ]


def test_a_kill_excuses_no_call_under_another_id() -> None:
    calls = [call(BOOKED, 100.1), call(BOOKED, 100.5, run="r2")]
    assert found([BOOKED], calls, KILLED) == [("foreign", "kills"), ("doubled", "kills")]


def test_a_call_of_another_job_is_found() -> None:
    assert found([BOOKED], [call(BOOKED, 100.1, job="j9")]) == [("foreign", "quiet")]


def test_a_call_that_nobody_asked_for_is_found() -> None:
    assert found([], [call(BOOKED, 100.1)]) == [("foreign", "quiet")]


def test_a_call_that_was_refused_is_found() -> None:
    assert found([REFUSED], [call(REFUSED, 100.1, job="j3")]) == [("foreign", "quiet")]


def test_a_call_after_its_deletion_is_found() -> None:
    assert found([DELETED], [call(DELETED, 110.1)]) == [("deleted", "quiet")]


def test_figures_show_how_late_calls_were_and_until_when() -> None:
    asked = [Asked(key=f"once/{n}", due=100.0 + n, fate=Fate.BOOKED) for n in range(4)]
    calls = [call(each, each.due + late) for each, late in zip(asked, (0, 3, 2, 0), strict=True)]
    (row,) = figures(asked, calls, [CALM], [])

    assert (row.calls, row.p50, row.max) == (4, 0.0, 3.0)
    assert row.on_time_after == 104.0 - CALM.mended


def test_the_first_of_very_many_violations_are_listed() -> None:
    listed = reasons([Violation("lost", "quiet", f"{n}") for n in range(25)])
    assert (listed[0], listed[-1], len(listed)) == ("lost (quiet): 0", "lost: 5 more", 21)
