"""What a booked job of any dialect does next."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from app.domain.dapr.schedule import DaprSchedule
from app.domain.fusion.intervals import ByInterval, Unit
from app.domain.fusion.time_triggers import TimeTriggers
from app.domain.job import Booking, Job
from app.domain.job_preview import preview_job
from app.domain.native.trigger import Cron, Local
from app.domain.one_time import At
from app.domain.preview import Preview
from app.domain.trigger import Trigger

NOW = datetime(2027, 3, 13, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def preview(
    trigger: Trigger,
    next_at: datetime | None,
    *,
    enabled: bool = True,
    remaining: int | None = None,
) -> Preview:
    booking = Booking(
        url="https://example.com/", trigger=trigger, enabled=enabled, remaining=remaining
    )
    job = Job(id=UUID(int=1), account="demo", version=1, next_at=next_at, booking=booking)
    return preview_job(job, now=NOW, count=3)


def test_firings_begin_with_the_stored_one_and_clock_changes_are_named() -> None:
    cron = Cron(expression="0 30 2 * * ?", local=Local(timezone="America/New_York"))
    late = datetime(2027, 3, 13, 12, 5, tzinfo=UTC)
    found = preview(cron, late)
    assert found.next == (
        late,
        datetime(2027, 3, 15, 6, 30, tzinfo=UTC),
        datetime(2027, 3, 16, 6, 30, tzinfo=UTC),
    )
    assert (found.zone.name, found.reasons) == ("America/New_York", ())
    assert "02:30 does not exist and is skipped." in found.warnings[0]
    assert found.summary == "every day at 02:30, America/New_York"


def test_a_firing_that_waits_for_a_run_does_not_repeat_the_past() -> None:
    every = DaprSchedule(schedule="@every 1h", start=NOW - 10 * HOUR)
    overdue = NOW - 3 * HOUR
    assert preview(every, overdue).next == (overdue, NOW + HOUR, NOW + 2 * HOUR)


def test_a_job_that_is_counted_has_no_more_firings_than_are_left() -> None:
    every = DaprSchedule(schedule="@every 1h", start=NOW)
    found = preview(every, NOW + HOUR, remaining=2)
    assert found.next == (NOW + HOUR, NOW + 2 * HOUR)
    assert found.summary == "every hour, 2 more times"


def test_a_paused_job_shows_what_it_would_do_and_an_ended_one_nothing() -> None:
    daily = TimeTriggers(triggers=(ByInterval(start=NOW, every=1, unit=Unit.DAY),))
    assert preview(daily, None, enabled=False).next[0] == NOW + 24 * HOUR
    assert preview(daily, None).next == ()
    assert preview(At(instant=NOW - HOUR), None).next == ()
    assert preview(At(instant=NOW + HOUR), NOW + HOUR).next == (NOW + HOUR,)


def test_a_dapr_schedule_is_shown_on_its_own_clock() -> None:
    text = "CRON_TZ=Europe/Rome 0 30 2 * * sun"
    found = preview(DaprSchedule(schedule=text, start=NOW), NOW + HOUR)
    assert found.zone.name == "Europe/Rome"
    assert "only day-of-week counts, on Sunday" in found.warnings[0]
    assert "2027-03-28: the clock of Europe/Rome goes" in found.warnings[1]
