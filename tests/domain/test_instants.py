"""Instants: every form of ISO 8601 that is taken, and the reason for every refusal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.instants import MAX_FRACTION, format_utc, parse
from app.errors import InvalidMember

INSTANT = datetime(2026, 11, 22, 5, 30, tzinfo=UTC)

moments = st.datetimes(timezones=st.just(UTC))
zones = st.integers(-23 * 60 - 59, 23 * 60 + 59).map(
    lambda minutes: timezone(timedelta(minutes=minutes))
)


def when(text: str) -> datetime:
    return parse(text, member="when")


def refusal_of(text: str) -> InvalidMember | None:
    try:
        when(text)
    except InvalidMember as refusal:
        return refusal
    return None


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-22T05:30:00Z",
        "2026-11-22T05:30Z",
        "20261122T053000Z",
        "20261122T0530Z",
        "2026-326T05:30:00Z",
        "2026326T053000Z",
        "2026-W47-7T05:30:00Z",
        "2026W477T053000Z",
        "2026-11-22t05:30:00z",
        "2026-11-22T05:30:00",
        "2026-11-22T05.5Z",
        "20261122T05,5Z",
        "2026-11-22T05:29,999999999999999999",
        "2026-11-22T05:30:00.000Z",
        "2026-11-22T05:29:59,9999999Z",
        "2026-11-22T05:30:00+00:00",
        "2026-11-22T05:30:00-00:00",
        "2026-11-22T06:30:00+01",
        "2026-11-22T06:30:00+0100",
        "2026-11-22T11:00:00+05:30",
        "20261122T110000+05:30",
        "2026-11-21T22:00-07:30",
        "2026-11-22T24:00+18:30",
    ],
)
def test_one_instant_in_many_forms(text: str) -> None:
    assert when(text) == INSTANT
    assert when(text).tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-11-22T05Z", datetime(2026, 11, 22, 5, tzinfo=UTC)),
        ("2026-11-22T24:00Z", datetime(2026, 11, 23, tzinfo=UTC)),
        ("2026-12-31T24:00:00.0Z", datetime(2027, 1, 1, tzinfo=UTC)),
        ("2028-02-29T00:00Z", datetime(2028, 2, 29, tzinfo=UTC)),
        ("2028-366T00:00Z", datetime(2028, 12, 31, tzinfo=UTC)),
        ("2026-W53-7T00:00Z", datetime(2027, 1, 3, tzinfo=UTC)),
        ("2025-W01-1T00:00Z", datetime(2024, 12, 30, tzinfo=UTC)),
        ("2026-11-22T05:30.25Z", INSTANT + timedelta(seconds=15)),
        ("2026-11-22T05:30:00.5Z", INSTANT + timedelta(milliseconds=500)),
        ("2026-11-22T05:30:00.000001Z", INSTANT + timedelta(microseconds=1)),
        ("2026-11-22T05:30:00.000001000000000001Z", INSTANT + timedelta(microseconds=2)),
        ("9999-12-31T24:00:00+00:01", datetime(9999, 12, 31, 23, 59, tzinfo=UTC)),
        ("0001-01-01T00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
    ],
)
def test_what_is_finer_than_a_microsecond_or_ends_a_day(text: str, instant: datetime) -> None:
    assert when(text) == instant


@pytest.mark.parametrize(
    ("text", "says", "remedy"),
    [
        ("", '"" does not begin with', '"2011-05-11"'),
        ("tomorrow", '"tomorrow" does not begin with', '"2011-05-11"'),
        ("1763789400", '"1763789400" does not begin with', '"2011-05-11"'),
        ("2026-11-22", "a date without a time of day", '"2026-11-22T00Z"'),
        ("2026-11T05:30Z", "does not begin with", '"2011-05-11"'),
        ("26-11-22T05:30Z", "does not begin with", '"2011-05-11"'),
        ("+002026-11-22T05:30Z", "does not begin with", '"2011-05-11"'),
        ("2026-1122T05:30Z", "does not begin with", '"2011-05-11"'),
        ("2026-11-22 05:30Z", "does not begin with", 'then "T"'),
        ("\uff12026-11-22T05:30Z", '"\\uff12026-11-22T05:30Z"', '"2011-05-11"'),
        ("2026-11-22T\u0660\u0665:30Z", "not an ISO 8601 time", '"15:30Z"'),
        ("2026-11-22T05:30:00\u221201:00", "not an ISO 8601 time", '"15:30Z"'),
        ("2026-11-22T05:30:00 01:00", '"05:30:00 01:00" is not', "%2B"),
        ("2026-11-22T5:30Z", "not an ISO 8601 time", '"15:30Z"'),
        ("2026-11-22T05:3000Z", "not an ISO 8601 time", '"15:30Z"'),
        ("2026-11-22T05:30:00.Z", "not an ISO 8601 time", '"15:30Z"'),
        ("2026-11-22T05:30:00Zulu", "not an ISO 8601 time", '"15:30Z"'),
        ("2026-11-22T05:30:00Z\n", "not an ISO 8601 time", '"15:30Z"'),
        ("2026-11-22T05:30:00+01:00:30", "not an ISO 8601 time", '"15:30Z"'),
        ("2026-11-22T", "not an ISO 8601 time", '"15:30Z"'),
        ("2026-11-22T053000Z", "mixes the extended form", '"20110511T153000Z"'),
        ("20261122T05:30Z", "mixes the extended form", '"20110511T153000Z"'),
        ("2026-W47-7T0530Z", "mixes the extended form", '"20110511T153000Z"'),
        ("0000-01-01T00:00Z", "no year 0000", "2011-05-11"),
        ("2026-13-01T00:00Z", "no month 13", "from 1 to 12"),
        ("2026-00-01T00:00Z", "no month 00", "from 1 to 12"),
        ("2026-02-29T00:00Z", "no day 29: February 2026 has 28 days", "from 1 to 28"),
        ("2026-11-00T00:00Z", "no day 00", "from 1 to 30"),
        ("2026-366T00:00Z", "no day 366: 2026 has 365 days", "from 1 to 365"),
        ("2027-W53-1T00:00Z", "no week 53: 2027 has 52 weeks", "from 1 to 52"),
        ("2026-W00-1T00:00Z", "no week 00", "from 1 to 53"),
        ("2026-W47-0T00:00Z", "no weekday 0", "from 1 to 7"),
        ("2026-W47-8T00:00Z", "no weekday 8", "from 1 to 7"),
        ("2026-11-22T25:00Z", "no hour 25", "from 0 to 24"),
        ("2026-11-22T24:01Z", "Hour 24 is only the end of a day", "hour 00"),
        ("2026-11-22T24:00:00.000001Z", "Hour 24 is only", "hour 00"),
        ("2026-11-22T05:60Z", "no minute 60", "from 0 to 59"),
        ("2026-12-31T23:59:60Z", "leap seconds are not supported", "from 0 to 59"),
        ("2026-11-22T05:30:61Z", "no second 61", "from 0 to 59"),
        ("2026-11-22T05:30+24:00", "no offset hour 24", "from 0 to 23"),
        ("2026-11-22T05:30-01:60", "no offset minute 60", "from 0 to 59"),
        ("0001-01-01T00:00+00:01", "outside the years 0001 to 9999", "within these years"),
        ("9999-12-31T23:59:59.9999999Z", "outside the years", "within these years"),
        ("9999-12-31T24:00Z", "outside the years", "within these years"),
        ("9999-W52-7T00:00Z", "outside the years", "within these years"),
    ],
)
def test_a_refusal_gives_the_reason_and_the_remedy(text: str, says: str, remedy: str) -> None:
    refusal = refusal_of(text)
    assert refusal is not None
    assert refusal.member == "when"
    assert says in refusal.message
    assert remedy in refusal.remedy


def test_length_and_fraction_are_limited() -> None:
    digits = "1" * MAX_FRACTION
    assert when(f"2026-11-22T05:30:00.{digits}Z") > INSTANT
    longer = refusal_of(f"2026-11-22T05:30:00.{digits}1Z")
    assert longer is not None
    assert "19 digits" in longer.message
    endless = refusal_of("2026-11-22T05:30:00." + "1" * 5000)
    assert endless is not None
    assert "5020 characters" in endless.message


@pytest.mark.parametrize(
    ("instant", "text"),
    [
        (INSTANT, "2026-11-22T05:30:00Z"),
        (INSTANT.replace(microsecond=250_000), "2026-11-22T05:30:00.25Z"),
        (INSTANT.replace(microsecond=1), "2026-11-22T05:30:00.000001Z"),
        (INSTANT.replace(second=50), "2026-11-22T05:30:50Z"),
        (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01T00:00:00Z"),
        (INSTANT.astimezone(timezone(timedelta(hours=-8))), "2026-11-22T05:30:00Z"),
    ],
)
def test_an_instant_is_written_in_utc_with_no_more_digits_than_it_has(
    instant: datetime, text: str
) -> None:
    assert format_utc(instant) == text


@given(moments)
def test_what_is_written_reads_back(instant: datetime) -> None:
    assert when(format_utc(instant)) == instant


@settings(deadline=None)
@given(
    st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1)),  # noqa: DTZ001 - given a zone below
    zones | st.none(),
    st.sampled_from(["auto", "minutes", "seconds", "milliseconds", "microseconds"]),
    st.sampled_from(["calendar", "week"]),
    st.sampled_from(["extended", "basic"]),
)
def test_the_standard_library_agrees_wherever_it_understands_the_text(
    wall: datetime, zone: timezone | None, precision: str, date: str, form: str
) -> None:
    clock = wall.replace(tzinfo=zone).isoformat(timespec=precision)[11:]
    day = f"{wall:%G-W%V-%u}".rjust(10, "0") if date == "week" else wall.date().isoformat()
    text = f"{day}T{clock}"
    if form == "basic":
        text = f"{day.replace('-', '')}T{clock.replace(':', '')}"
    expected = datetime.fromisoformat(text)
    assert when(text) == (expected if expected.tzinfo else expected.replace(tzinfo=UTC))


@given(moments, st.integers(0, 10**MAX_FRACTION - 1), st.sampled_from([5, 8, 11]))
def test_a_fraction_is_never_read_early_and_less_than_a_microsecond_late(
    instant: datetime, numerator: int, keep: int
) -> None:
    start = instant.replace(
        minute=instant.minute if keep > 5 else 0,
        second=instant.second if keep > 8 else 0,
        microsecond=0,
    )
    clock = f"{start:%H:%M:%S}"[: keep - 3]
    unit = {5: 3600, 8: 60, 11: 1}[keep]
    text = f"{start.date().isoformat()}T{clock}.{numerator:0{MAX_FRACTION}}Z"
    scale = 10**MAX_FRACTION
    micros = (when(text) - start) // timedelta(microseconds=1)
    assert micros * scale >= numerator * unit * 10**6 > (micros - 1) * scale


@given(st.text() | st.text("0123456789-:TWZ+., ", max_size=40))
def test_any_text_is_read_or_refused_in_printable_words(text: str) -> None:
    refusal = refusal_of(text)
    assert refusal is None or refusal.member == "when"
    assert refusal is None or (refusal.message.isascii() and refusal.message.isprintable())
