"""Preview: the next times of a Dapr job, and the warnings about them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from functools import partial

import pytest
from hypothesis import given, settings

from app.domain.dapr.booking import Times
from app.domain.dapr.description import describe_days
from app.domain.dapr.preview import preview_times
from app.domain.dapr.reader import Fields, read
from app.domain.dapr.refusal import Refusal
from app.domain.preview import MAX_FIRINGS
from tests.domain.dapr.expressions import Expression, expressions
from tests.domain.quartz.reference import utc
from tests.worst import is_fast

NOW = utc(2026, 11, 22, 5, 30)
MINUTE = timedelta(minutes=1)
BOTH = "day-of-month and day-of-week: "
EITHER = f"{BOTH}both are given, and either is enough: "
SHORT = "; shorter months leave out the days they lack."


def test_a_schedule() -> None:
    found = preview_times(Times(schedule="@every 1m"), after=NOW, count=3)
    assert found.next == (NOW + MINUTE, NOW + 2 * MINUTE, NOW + 3 * MINUTE)
    assert found.minimum_gap == 60
    assert found.reasons == found.warnings == ()
    assert found.zone.name == "UTC"


def test_a_due_time_alone() -> None:
    found = preview_times(Times(due_time="15s"), after=NOW, count=3)
    assert found.next == (NOW + timedelta(seconds=15),)
    assert found.minimum_gap is None
    assert found.reasons == found.warnings == ()


def test_the_end_is_seen() -> None:
    by_repeats = Times(schedule="@every 1m", due_time="0s", repeats=3)
    found = preview_times(by_repeats, after=NOW, count=10)
    assert found.next == (NOW, NOW + MINUTE, NOW + 2 * MINUTE)
    by_ttl = Times(schedule="@every 1m", due_time="0s", ttl="2m")
    assert preview_times(by_ttl, after=NOW, count=10).next == found.next
    assert preview_times(by_ttl, after=NOW, count=1).next == (NOW,)


def test_the_firings_of_a_preview_are_in_utc() -> None:
    after = NOW.astimezone(timezone(timedelta(hours=14)))
    found = preview_times(Times(schedule="@monthly", due_time="P1M"), after=after, count=2)
    assert found.next == (utc(2026, 12, 22, 5, 30), utc(2027, 1, 1))
    assert all(each.tzinfo is UTC for each in found.next)


@pytest.mark.parametrize(
    ("times", "reason"),
    [
        (Times(), "job must have either a due time or a schedule"),
        (Times(schedule="@every 0s"), "the interval is shorter than a millisecond"),
        (Times(schedule="0 0 0 30 2 *"), "the schedule never fires"),
        (Times(schedule="CRON_TZ=Europe/Rome @daily", repeats=0), "defined repeats must be"),
        (Times(due_time="1h", ttl="2h"), "job must have a schedule to have a ttl"),
    ],
)
def test_what_may_not_be_booked_says_why(times: Times, reason: str) -> None:
    found = preview_times(times, after=NOW, count=3)
    assert found.next == ()
    assert found.minimum_gap is None
    assert len(found.reasons) == 1
    assert found.reasons[0].startswith(reason)
    assert found.zone.name == ("Europe/Rome" if "Rome" in str(times.schedule) else "UTC")


@pytest.mark.parametrize(
    ("times", "member"),
    [
        (Times(schedule="* * * * *", repeats=0), "schedule"),
        (Times(schedule="@daily", due_time="x"), "dueTime"),
        (Times(due_time="1s", ttl="x"), "ttl"),
    ],
)
def test_what_cannot_be_read_is_refused(times: Times, member: str) -> None:
    with pytest.raises(Refusal) as refusal:
        preview_times(times, after=NOW, count=3)
    assert refusal.value.member == member


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        ("0 0 0 * * *", None),
        ("0 0 0 1-31 * 0-6", None),
        ("0 0 0 * 2 ?", None),
        ("0 0 0 1 * *", f"{BOTH}only day-of-month counts, on the 1st of the month."),
        ("0 0 0 ? * 1-5", f"{BOTH}only day-of-week counts, from Monday to Friday."),
        ("0 0 0 * jul sun,6", f"{BOTH}only day-of-week counts, on Saturday and Sunday, in July."),
        ("0 0 0 31 * ?", f"{BOTH}only day-of-month counts, on the 31st of the month{SHORT}"),
        ("0 0 0 13 * fri", f"{EITHER}on the 13th of the month, and also on Friday."),
        ("0 0 0 1-31 * mon", f"{EITHER}every day."),
        ("0 0 0 1 3 0-6", f"{EITHER}every day, in March."),
        (
            "0 0 0 */10 * 3",
            (
                f"{EITHER}on the 1st, the 11th, the 21st and the 31st of the month, "
                f"and also on Wednesday{SHORT}"
            ),
        ),
        ("0 0 0 , * mon", f"{EITHER}on Monday."),
    ],
)
def test_the_days_in_words(schedule: str, words: str | None) -> None:
    found = preview_times(Times(schedule=schedule), after=NOW, count=1)
    assert list(found.warnings) == ([] if words is None else [words])


@settings(deadline=None, max_examples=40)
@given(expressions())
def test_every_expression_can_be_described(drawn: Expression) -> None:
    fields = read(drawn.text)
    assert isinstance(fields, Fields)
    words = describe_days(fields)
    assert words is None or words.startswith(BOTH)


ROME = "Europe/Rome"


def test_the_preview_shows_the_changes_of_the_clock() -> None:
    found = preview_times(Times(schedule=f"CRON_TZ={ROME} 0 30 2 * * *"), after=NOW, count=2)
    assert found.next == (utc(2026, 11, 23, 1, 30), utc(2026, 11, 24, 1, 30))
    assert found.minimum_gap == 3600
    clock = f"the clock of {ROME} goes"
    assert found.warnings == (
        f"2027-03-28: {clock} from 02:00 to 03:00; 02:30 does not exist and is skipped.",
        f"2027-10-31: {clock} back from 03:00 to 02:00; 02:30 is shown twice and fires both times.",
    )
    assert found.zone.name == ROME


def test_a_preview_warns_of_a_due_time_that_is_past() -> None:
    past = "dueTime: 2026-11-22T04:30:00Z is past, so that this tick is due at once"
    found = preview_times(Times(due_time="-1h"), after=NOW, count=2)
    assert found.warnings == (f"{past}.",)
    found = preview_times(Times(due_time="-1h", schedule="@every 10m"), after=NOW, count=2)
    assert found.warnings == (f"{past}, and so is each that the schedule has had since.",)


@pytest.mark.parametrize("after", [utc(1, 1, 1), utc(9999, 12, 31, 23, 59, 59, 999_999)])
def test_the_ends_of_the_calendar(after: datetime) -> None:
    for times in (
        Times(schedule="@every 1h"),
        Times(schedule="CRON_TZ=Europe/Rome 0 30 2 * * *"),
        Times(schedule="@daily", due_time="0s"),
        Times(due_time="0s"),
    ):
        found = preview_times(times, after=after, count=2)
        assert found.next or found.reasons


def test_no_preview_takes_long() -> None:
    zoned = "CRON_TZ=America/New_York {}".format
    for schedule in ("* * * * * *", "0 30 2 13 * fri", "0 0 0 30 2 *", "0 0 0 29 2 *"):
        for times in (
            Times(schedule=schedule),
            Times(schedule=zoned(schedule)),
            Times(schedule=zoned(schedule), due_time="1h", ttl="P100Y", repeats=10**6),
        ):
            assert is_fast(partial(preview_times, after=NOW, count=MAX_FIRINGS), times, 1)
