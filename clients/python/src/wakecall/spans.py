"""Spans: lengths of time as people write them, such as `10m` or `1h30m`."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

_UNITS: Final = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_SPAN: Final = re.compile(r"(?:[0-9]{1,9}(?:\.[0-9]{1,6})?[wdhms])+")
_MAX_LENGTH: Final = 100
_PART: Final = re.compile(r"([0-9.]+)([wdhms])")


def to_span(given: timedelta | str | float) -> timedelta:
    """The length of time that is given: a timedelta, a text such as `1h30m`, or seconds.

    Seconds without an end, as `inf`, are the longest span there is. Raises ValueError for a text
    that is not a span, and for NaN.
    """
    if isinstance(given, timedelta):
        return given
    if isinstance(given, str):
        return _parse(given.strip())
    try:
        return timedelta(seconds=given)
    except OverflowError:
        return timedelta.max if given > 0 else timedelta.min


def to_seconds(span: timedelta | float) -> int | float:
    """The seconds of a span, as an integer where they are whole."""
    seconds = span.total_seconds() if isinstance(span, timedelta) else span
    return int(seconds) if float(seconds).is_integer() else seconds


def _parse(text: str) -> timedelta:
    if len(text) > _MAX_LENGTH or not _SPAN.fullmatch(text):
        raise ValueError(
            f"{text[:40]!r} is not a length of time. Write numbers with the units w, d, h, m and "
            "s, as in 10m or 1h30m."
        )
    parts = {_UNITS[unit]: 0.0 for _, unit in _PART.findall(text)}
    for number, unit in _PART.findall(text):
        parts[_UNITS[unit]] += float(number)
    try:
        return timedelta(**parts)
    except OverflowError:
        raise ValueError(
            f"{text[:40]!r} is longer than a span can be. Write a shorter one, as in 10m or 1h30m."
        ) from None
