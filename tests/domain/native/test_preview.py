"""Preview: the firings of a schedule, and the clock changes that affect it."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

import pytest

from app.domain import preview, trigger, zones
from app.domain.clocks import OnGap, OnOverlap
from app.domain.instants import format_utc
from app.domain.native import preview as native_preview
from app.domain.native.trigger import Cron, Local
from app.domain.one_time import At
from tests.domain.quartz.reference import utc
from tests.worst import is_fast

NOW = utc(2026, 11, 22, 5, 30)


def local(expression: str, zone: str, gap: OnGap | None, overlap: OnOverlap | None) -> Cron:
    return Cron(expression=expression, local=Local(timezone=zone, on_gap=gap, on_overlap=overlap))


def preview_of(cron: Cron, after: datetime = NOW, count: int = 5) -> preview.Preview:
    zone = zones.find(cron.local.timezone if cron.local else "UTC")
    return native_preview.preview_trigger(cron, after=after, count=count, zone=zone)


NY = "America/New_York"


FORTH = f"2027-03-14: the clock of {NY} goes from 02:00 to 03:00; "
BACK = f"2027-11-07: the clock of {NY} goes back from 02:00 to 01:00; "
ONLY = "day-of-month and day-of-week: only day-of-month counts, "


@pytest.mark.parametrize(
    ("cron", "after", "warnings"),
    [
        (local("0 30 12 * * ?", NY, None, None), NOW, []),
        (
            local("0 30 2 * * ?", NY, None, None),
            NOW,
            [f"{FORTH}02:30 does not exist and is skipped."],
        ),
        (
            local("0 0/20 2 * * ?", NY, OnGap.SKIP, None),
            NOW,
            [f"{FORTH}02:00, 02:20, 02:40 do not exist and are skipped."],
        ),
        (
            local("0 0/10 * * * ?", NY, OnGap.NEXT, OnOverlap.BOTH),
            NOW,
            [
                (
                    f"{FORTH}02:00, 02:10, 02:20 and more do not exist, "
                    "and 03:00 (2027-03-14T07:00:00Z) fires instead."
                ),
                f"{BACK}01:00, 01:10, 01:20 and more are shown twice and fire both times.",
            ],
        ),
        (
            local("15 30 1 * * ?", NY, None, OnOverlap.FIRST),
            NOW,
            [f"{BACK}01:30:15 is shown twice and fires the first time."],
        ),
        (
            local("0 45 1 * * ?", "Australia/Lord_Howe", None, None),
            utc(2026, 10, 4),
            [
                (
                    "2027-04-04: the clock of Australia/Lord_Howe goes back from 02:00 to 01:30; "
                    "01:45 is shown twice and fires the second time."
                )
            ],
        ),
        (
            local("0 0 12 * * ?", "Pacific/Apia", OnGap.NEXT, None),
            utc(2011, 12, 1),
            [
                (
                    "2011-12-30: the clock of Pacific/Apia goes from 2011-12-30T00:00 to "
                    "2011-12-31T00:00; 2011-12-30T12:00 does not exist, and 2011-12-31T00:00 "
                    "(2011-12-30T10:00:00Z) fires instead."
                )
            ],
        ),
        # Of the coming year, though nothing of it is listed; and of a year that is.
        (
            local("0 30 2 14 3 ? 2027", NY, None, None),
            NOW,
            [
                f"{ONLY}on the 14th of the month, in March.",
                f"{FORTH}02:30 does not exist and is skipped.",
            ],
        ),
        (
            local("0 30 2 12 3 ?", NY, None, None),
            NOW,
            [
                f"{ONLY}on the 12th of the month, in March.",
                f"{FORTH}02:30 does not exist and is skipped.".replace("2027-03-14", "2028-03-12"),
            ],
        ),
    ],
)
def test_the_warnings_about_a_schedule(cron: Cron, after: datetime, warnings: list[str]) -> None:
    assert list(preview_of(cron, after).warnings) == warnings


PAUSED = (
    ("0 0/30 * * * ?", NY, None, utc(2027, 11, 7, 4, 30), utc(2027, 11, 7, 6)),
    ("0 0/30 * * * ?", NY, OnOverlap.FIRST, utc(2027, 11, 7, 5, 30), utc(2027, 11, 7, 7)),
    ("0 0 * * * ?", NY, OnOverlap.SECOND, utc(2027, 11, 7, 4), utc(2027, 11, 7, 6)),
    ("0 15 1/2 * * ?", NY, None, utc(2027, 11, 7, 3, 15), utc(2027, 11, 7, 6, 15)),
    ("0 0/30 * ? * SUN", NY, None, utc(2027, 11, 7, 4, 30), utc(2027, 11, 7, 6)),
    ("0/30 * * * * ?", NY, None, utc(2027, 11, 7, 4, 59, 30), utc(2027, 11, 7, 6)),
    ("0 0/10 * * * ?", "Australia/Lord_Howe", None, utc(2027, 4, 3, 14, 20), utc(2027, 4, 3, 15)),
    # The night is longer, a day or a week without a firing as well; or both showings count.
    ("0 0/30 0-8 * * ?", NY, None, None, None),
    ("0 30 1 * * ?", NY, None, None, None),
    ("0 30 1,2 ? * SUN", NY, None, None, None),
    ("0 0/30 * * * ?", NY, OnOverlap.BOTH, None, None),
)


@pytest.mark.parametrize(("expression", "zone", "overlap", "begin", "end"), PAUSED)
def test_a_pause_that_the_clock_makes_is_reported(
    expression: str,
    zone: str,
    overlap: OnOverlap | None,
    begin: datetime | None,
    end: datetime | None,
) -> None:
    cron = local(expression, zone, None, overlap)
    pauses = [each for each in preview_of(cron).warnings if "Nothing fires" in each]

    if begin is None or end is None:
        assert pauses == []
    else:
        assert len(pauses) == 1
        between = f"between {format_utc(begin)} and {format_utc(end)}, longer than"
        assert between in pauses[0]
        assert 'with onOverlap "both"' in pauses[0]
        # As it is said: both are firings, and none lies between them.
        assert trigger.next_after(cron, begin - timedelta(seconds=1)) == begin
        assert trigger.next_after(cron, begin) == end
        both = local(expression, zone, None, OnOverlap.BOTH)
        assert trigger.next_after(both, begin) != end


def test_an_instant_has_no_warnings() -> None:
    at, zone = At(instant=NOW + timedelta(days=1)), zones.find("UTC")
    found = native_preview.preview_trigger(at, after=NOW, count=5, zone=zone)
    assert (found.next, found.minimum_gap) == ((at.instant,), None)
    assert found.warnings == found.reasons == ()
    past = native_preview.preview_trigger(at, after=at.instant, count=5, zone=zone)
    assert past.next == ()
    assert len(past.reasons) == 1


def test_a_preview_warns_of_the_first_clock_changes_only() -> None:
    cron = local("0 30 2 ? 3 1#2", NY, OnGap.NEXT, None)
    found = preview_of(cron, count=preview.MAX_FIRINGS)
    assert len(found.next) == preview.MAX_FIRINGS
    # The days, the changes, and that there are more.
    assert len(found.warnings) == 1 + preview.MAX_CHANGES + 1
    assert found.warnings[-1].startswith("Further changes")


def test_no_schedule_takes_long_to_preview() -> None:
    for expression in ("* * * * * ?", "0 30 2 ? 3 1#2", "0 0/10 1,2 29 2 ?", "0 0 0 30 2 ?"):
        schedule = local(expression, NY, OnGap.NEXT, OnOverlap.BOTH)
        assert is_fast(partial(preview_of, count=preview.MAX_FIRINGS), schedule), expression
