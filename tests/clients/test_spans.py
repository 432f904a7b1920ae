"""Spans: lengths of time as callers of the Python client give them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from wakecall.spans import to_seconds, to_span


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("10m", timedelta(minutes=10)),
        ("1h30m", timedelta(minutes=90)),
        ("1.5s", timedelta(seconds=1.5)),
        ("2w1d", timedelta(days=15)),
        (90, timedelta(seconds=90)),
        (timedelta(hours=1), timedelta(hours=1)),
    ],
)
def test_spans_are_read(text: Any, span: timedelta) -> None:
    assert to_span(text) == span


@pytest.mark.parametrize(
    "text", ["", "10", "m", "10 m", "-1h", "1y", "²h", "1e3s", "999999999w", "2h" * 51]
)
def test_texts_that_are_no_spans_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="10m or 1h30m"):
        to_span(text)


def test_seconds_without_an_end_are_the_longest_span() -> None:
    assert to_span(float("inf")) == timedelta.max
    assert to_span(-1e300) == timedelta.min
    with pytest.raises(ValueError, match="NaN"):
        to_span(float("nan"))


def test_seconds_are_whole_where_they_can_be() -> None:
    assert repr(to_seconds(timedelta(minutes=1))) == "60"
    assert repr(to_seconds(2.5)) == "2.5"
