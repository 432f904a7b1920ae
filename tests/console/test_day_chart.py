"""Day chart and firing text: a day of runs, the next hours, and the texts about a firing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from app.console import firing_text
from app.console.day_chart import day_chart, load_chart
from app.domain.attention import Failures, WaitingDestinations
from app.domain.dapr.schedule import DaprSchedule
from app.domain.firing_load import load
from app.domain.job import Dialect
from app.domain.lateness import Accuracy, Window
from app.domain.native.trigger import Cron
from app.domain.one_time import At
from app.domain.overview import BARS, Overview, day_until
from app.domain.run import SETTLED, RunState
from app.domain.run_counts import RunCount, RunCounts
from app.domain.upcoming import Expected, Upcoming

NOW = datetime(2026, 11, 22, 9, 40, tzinfo=UTC)
LATE = Window(since=NOW, deliveries=7, p50=0.5, p95=2.0, p99=12.6, maximum=40.0)
NONE = Window(since=NOW, deliveries=0, p50=None, p95=None, p99=None, maximum=None)


def clock(instant: datetime) -> str:
    return f"{instant:%H:%M}"


def test_a_day_has_a_bar_for_each_half_hour_also_for_those_that_were_not_counted() -> None:
    span = day_until(NOW)
    numbers = {**dict.fromkeys(SETTLED, 0), RunState.SUCCEEDED: 6, RunState.DEAD: 1}
    counted = RunCount(begins=span.ends - span.step, numbers=numbers, lateness=LATE)
    found = day_chart(
        Overview(
            span=span,
            counts=RunCounts(counts=(counted,), more_before=counted.begins),
            accuracy=Accuracy(as_of=NOW, hour=LATE, day=NONE),
            under_way=0,
            failures=Failures(jobs=(), is_complete=True),
            held=WaitingDestinations(destinations=(), is_complete=True),
            upcoming=(),
        ),
        clock,
    )
    assert len(found.counts) == found.bars.count("<title>") == BARS
    assert "<title>09:30: 6 succeeded, 1 dead; p99 13 ms late</title>" in found.bars
    assert "<title>10:00: no runs</title>" in found.bars
    assert found.top == 10
    assert found.marks == ("100 ms", "10 ms", "1 ms", "0.1 ms")
    assert found.labels[:2] == ("10:00", "13:00")
    assert "day-dead" in found.bars


def test_the_hours_to_come_begin_with_the_present_one() -> None:
    begins = NOW.replace(minute=0)
    found = load_chart(load(begins, [(NOW, 1200)], counted_until=None), clock)
    assert "<title>09:00: 1,200 firings</title>" in found.bars
    assert (found.top, found.labels[0], found.hours[1]) == (
        2000,
        "09:00",
        (begins + timedelta(hours=1), 0),
    )


FIRING = Upcoming(
    expected=Expected(at=NOW, job_id=UUID(int=1)),
    due_at=NOW,
    name=None,
    tags=(),
    dialect=Dialect.NATIVE,
    url="https://me:secret@example.com:8443/orders/7?key=secret",
    endpoint="",
    trigger=At(instant=NOW),
    is_recurring=False,
    remaining=None,
    is_blocked=False,
    postponed_for=None,
)


def test_a_firing_is_described_by_what_it_calls_and_how_often_without_secrets() -> None:
    assert firing_text.title(FIRING) == "orders/7"
    assert firing_text.destination(FIRING) == "example.com:8443"
    assert firing_text.schedule(FIRING) == "once"
    bare = replace(FIRING, url="https://example.com")
    assert firing_text.title(bare) == "00000000…"
    cron = replace(FIRING, trigger=Cron(expression="0 0 12 * * ?"), is_recurring=True)
    assert firing_text.schedule(cron) == "0 0 12 * * ?"
    fusion = replace(FIRING, trigger=None, is_recurring=True)
    assert firing_text.schedule(fusion) == "recurring"
    dapr = replace(
        FIRING,
        url="/job/tick",
        endpoint="orders",
        trigger=DaprSchedule(schedule="@daily", start=NOW),
    )
    assert firing_text.destination(dapr) == "orders"
    assert firing_text.title(dapr) == "job/tick"
    assert firing_text.schedule(dapr) == "@daily"
