"""Preview: the next firings of all triggers as one list, and what to know of each."""

from __future__ import annotations

from typing import Any

from app.api.fusion import schedule_document
from app.domain.fusion import preview, resource
from app.domain.preview import Preview
from tests.domain.fusion.trigger_strategies import utc

NOW = utc(2026, 11, 22, 14, 0, 0, 123_456)


def preview_of(job: str | None = None, count: int = 4, **members: Any) -> Preview:
    named = None if job is None else resource.parse(job)
    found = schedule_document.parse_lenient(members, resource=named, now=NOW)
    return preview.preview_schedule(found, after=NOW, count=count)


def test_the_firings_of_all_triggers_are_one_list() -> None:
    found = preview_of(
        triggers=[
            {"type": "cron", "value": "0 0 12 * * ?"},
            {
                "type": "interval",
                "interval": 12,
                "timeUnit": "hour",
                "startTime": "2026-11-23T00:00Z",
            },
            {"type": "cron", "value": "0 30 6 * * ?", "enabled": False},
        ]
    )
    assert found.next == (
        utc(2026, 11, 23),
        utc(2026, 11, 23, 12),
        utc(2026, 11, 24),
        utc(2026, 11, 24, 12),
    )
    assert found.minimum_gap == 12 * 3600
    assert found.reasons == ()
    assert found.warnings == ("triggers[2] is disabled.",)
    assert found.zone.name == "UTC"


def test_every_second_may_be_booked() -> None:
    found = preview_of(triggers=[{"type": "cron", "value": "* * * * * ?"}], count=2)
    assert found.next == (utc(2026, 11, 22, 14, 0, 1), utc(2026, 11, 22, 14, 0, 2))
    assert (found.minimum_gap, found.reasons) == (1, ())


def test_each_trigger_has_its_warnings() -> None:
    found = preview_of(
        triggers=[
            {"type": "cron", "value": "0 0 12 ? * MON"},
            {"type": "job", "jobID": "task:a", "runOnSuccess": True, "runOnFailure": True},
            {"type": "job_completion", "otherJob": "spark:b", "triggerType": "on_abort"},
            {"type": "interval", "interval": 1, "timeUnit": "day"},
            {
                "type": "interval",
                "interval": 1,
                "timeUnit": "month",
                "startTime": "2026-12-31T00:00Z",
            },
            {"type": "cron", "value": "0 0 12 * * ? 2020"},
            {
                "type": "interval",
                "interval": 1,
                "timeUnit": "month",
                "startTime": "2026-12-28T00:00Z",
            },
        ]
    )
    assert found.warnings == (
        ("triggers[0]: day-of-month and day-of-week: only day-of-week counts, on Monday."),
        "triggers[1]: runs when task:a succeeds or fails, and has no time of its own.",
        "triggers[2]: runs when spark:b is aborted, and has no time of its own.",
        (
            "triggers[3]: no startTime is given; it counts from the moment of saving, here from "
            "2026-11-22T14:00:00.123Z."
        ),
        "triggers[4]: shorter months have no day 31; there it fires on the last day.",
        "triggers[5]: nothing of it is to come after 2026-11-22T14:00:00.123Z.",
    )


def test_a_gap_that_may_not_be_the_smallest_is_shown_with_its_bounds() -> None:
    weekly = [{"type": "cron", "value": f"0 {day} 12 ? * {day}"} for day in (2, 4)]
    found = preview_of(triggers=weekly)
    assert found.minimum_gap == 2 * 86400 + 120
    assert found.warnings[-1].startswith("minimumGap: found among the next 4096 firings, up to 206")


def test_a_schedule_that_is_disabled_fires_never() -> None:
    found = preview_of(enabled="false", triggers=[{"type": "cron", "value": "0 0 12 * * ?"}])
    assert (found.next, found.minimum_gap) == ((), None)
    assert found.warnings == ("enabled is false: no trigger starts the job.",)


def test_a_schedule_that_may_not_be_saved_is_refused_with_its_reasons() -> None:
    found = preview_of(
        job="task:own",
        triggers=[
            {"type": "cron", "value": "0 0 12 31 6 ?"},
            {"type": "job", "jobID": "task:own", "runOnSuccess": True},
        ],
    )
    assert len(found.reasons) == 2
    assert '"0 0 12 31 6 ?" never matches a date that exists.' in found.reasons[0]
    assert "task:own -> task:own" in found.reasons[1]
