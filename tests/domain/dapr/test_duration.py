"""Durations: Go's and protobuf's, read as they are written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.dapr import duration
from app.domain.dapr.duration import SECOND, canonical, interval, parse
from app.domain.dapr.refusal import Refusal

MAX_INT64 = (1 << 63) - 1


@given(nanoseconds=st.integers(-MAX_INT64 - 1, MAX_INT64), plain=st.booleans())
def test_what_is_written_is_read(nanoseconds: int, *, plain: bool) -> None:
    sign = "-" if nanoseconds < 0 else ""
    rest, fraction = divmod(abs(nanoseconds), SECOND)
    minutes, seconds = divmod(rest, 60)
    parts = f"{minutes // 60}h{minutes % 60}m{seconds}.{fraction:09}s"
    text = sign + (f"{abs(nanoseconds)}ns" if plain else parts)
    assert parse(text, member="ttl") == nanoseconds


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("0", 0),
        ("-0", 0),
        ("+0", 0),
        ("0s", 0),
        ("-5s", -5 * SECOND),
        ("1.s", SECOND),
        ("1us1\u00b5s1\u03bcs", 3000),
        ("0.1ns", 0),
        ("1m1ms", 60 * SECOND + 1_000_000),
        ("1s1h", 3601 * SECOND),
    ],
)
def test_what_go_reads(text: str, nanoseconds: int) -> None:
    assert parse(text, member="ttl") == nanoseconds


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", 'time: invalid duration ""'),
        ("+", 'time: invalid duration "+"'),
        (".", 'time: invalid duration "."'),
        (".s", 'time: invalid duration ".s"'),
        ("00", 'time: missing unit in duration "00"'),
        ("3", 'time: missing unit in duration "3"'),
        ("1h30", 'time: missing unit in duration "1h30"'),
        ("1d", 'time: unknown unit "d" in duration "1d"'),
        ("1 h", 'time: unknown unit " h" in duration "1 h"'),
        ("2562047h47m16.854775808s", 'time: invalid duration "2562047h47m16.854775808s"'),
        ("\u0661s", 'time: invalid duration "\\u0661s"'),
    ],
)
def test_what_go_refuses(text: str, reason: str) -> None:
    with pytest.raises(Refusal) as refusal:
        parse(text, member="ttl")
    assert (refusal.value.member, refusal.value.message) == ("ttl", reason)
    assert "days have no unit" in refusal.value.text


def test_the_refusal_of_a_very_long_duration_is_short() -> None:
    for text in ("9" * 100_000 + "h", "1h" * 50_000, "-" * 100_000):
        with pytest.raises(Refusal) as refusal:
            parse(text, member="ttl")
        assert len(refusal.value.text) < 400


@pytest.mark.parametrize(
    ("text", "seconds", "written"),
    [
        ("3s", 3.0, "3s"),
        ("+3s", 3.0, "3s"),
        ("0s", 0.0, "0s"),
        ("0.001s", 0.001, "0.001s"),
        ("0.2s", 0.2, "0.200s"),
        (".5s", 0.5, "0.500s"),
        ("1.s", 1.0, "1s"),
        (".s", 0.0, "0s"),
        ("1.000001s", 1.000001, "1.000001s"),
        ("0.000000001s", 1e-9, "0.000000001s"),
        ("-1.5s", 0.0, "-1.500s"),
        ("315576000000s", 315_576_000_000.0, "315576000000s"),
    ],
)
def test_an_interval_of_protobuf(text: str, seconds: float, written: str) -> None:
    assert interval(text, member="interval") == seconds
    assert canonical(text, member="interval") == written
    assert canonical(written, member="interval") == written


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "s",
            "-s",
            "+s",
            "3",
            "3S",
            "200ms",
            "2m",
            "1m30s",
            "01s",
            "1e3s",
            " 3s",
            "3s ",
            "3 s",
        ),
        *("0.0000000001s", "1.2.3s", "--1s", "315576000001s", "\u0663s", "9" * 10_000 + "s"),
    ],
)
def test_what_protobuf_refuses(text: str) -> None:
    for read in (duration.interval, duration.canonical):
        with pytest.raises(Refusal, match=r"^invalid google\.protobuf\.Duration value") as refusal:
            read(text, member="failurePolicy.constant.interval")
        assert refusal.value.member == "failurePolicy.constant.interval"
