"""Expansion: expands a field of numbers, names, ranges, steps and lists to its values."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from app.domain.checks import quoted
from app.domain.quartz.fields import LETTERS, Field, refused
from app.errors import InvalidMember

_VALUE: Final = r"[0-9]+|[A-Z]+"
_ITEM: Final = re.compile(
    rf"(?:(?P<every>\*)|(?P<start>{_VALUE})(?:-(?P<stop>{_VALUE}))?)?(?:/(?P<step>[0-9]+))?"
)


@lru_cache(maxsize=4096)
def expand(field: Field, text: str) -> tuple[int, ...]:
    """Return the values of `text` in `field`, ascending; raises InvalidMember for `cron`.

    The results are cached, because many expressions consist of few different fields.
    """
    values: set[int] = set()
    for item in text.upper().split(","):
        values.update(expand_item(field, text, item))
    return tuple(sorted(values))


def expand_item(field: Field, text: str, item: str) -> list[int]:
    """The values that `item` names, one of the list `text`; raises InvalidMember for `cron`."""
    match = _ITEM.fullmatch(item)
    if not item:
        raise refused(field, text, "has an empty place in its list")
    if match is None:
        raise refused(field, text, _misread(item))
    every, start, stop, step_text = match.group("every", "start", "stop", "step")
    step = step_of(field, text, step_text) if step_text else 1
    if every or start is None:
        return list(range(field.low, field.high + 1, step))
    first = value_of(field, text, start)
    if step_text and start.isalpha():
        raise refused(
            field,
            text,
            "has a step after a name, which Quartz ignores",
            f"Write the step after a number: {first} stands for {start}.",
        )
    if stop is not None:
        return _range(field, text, first, _end_of_range(field, text, start, stop), step)
    return list(range(first, field.high + 1, step)) if step_text else [first]


def _misread(item: str) -> str:
    for mark, belongs in (
        ("?", 'may have "?" only in a day field, where it stands alone'),
        ("#", 'may have "#" only in the day-of-week field, standing alone as in "6#3"'),
    ):
        if mark in item:
            return belongs
    return f"cannot be read at {quoted(item)}"


def step_of(field: Field, text: str, digits: str) -> int:
    """The step that `digits`, a part of `text`, stand for; raises InvalidMember for `cron`."""
    step = int(digits)
    if not 1 <= step <= field.longest_step:
        raise refused(
            field,
            text,
            f"has a step of {step}",
            f"A step in the {field.name} field is from 1 to {field.longest_step}.",
        )
    return step


def value_of(field: Field, text: str, written: str) -> int:
    """The number that `written`, a part of `text`, stands for; raises InvalidMember."""
    if written.isalpha():
        named = field.names.get(written)
        if named is None:
            raise _unknown_name(field, text, written)
        return named
    value = int(written)
    if not field.low <= value <= field.high:
        raise refused(field, text, f"has {value}, which is not from {field.low} to {field.high}")
    return value


def _unknown_name(field: Field, text: str, written: str) -> InvalidMember:
    reason = f"has {quoted(written)}, which is not a name it knows"
    near = written[:LETTERS]
    if near not in field.names:
        return refused(field, text, reason)
    return refused(field, text, reason, f"Write {near}, or the whole English name.")


def _end_of_range(field: Field, text: str, start: str, stop: str) -> int:
    end = value_of(field, text, stop)
    if start.isalpha() != stop.isalpha():
        raise refused(
            field,
            text,
            "has a range from a number to a name",
            "Write both ends of a range as numbers, or both as names.",
        )
    return end


def _range(field: Field, text: str, first: int, last: int, step: int) -> list[int]:
    if last >= first:
        return list(range(first, last + 1, step))
    if not field.wraps:
        raise refused(
            field, text, "has a range that runs backwards", f'Write it as "{last}-{first}".'
        )
    size = field.high - field.low + 1
    return [(value - field.low) % size + field.low for value in range(first, last + size + 1, step)]
