"""Fields: the five fields of a crontab expression, and the values that the text of one names."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from app.domain.checks import quoted
from app.domain.quartz import fields as quartz_fields
from app.domain.quartz.expansion import step_of, value_of
from app.domain.quartz.fields import Field, refused
from app.errors import InvalidMember

_SYNTAX: Final = 'ranges such as "{}", steps such as "*/{}", lists, or "*"'
MINUTES: Final = replace(
    quartz_fields.MINUTES,
    longest_step=60,
    forms=f"numbers from 0 to 59, {_SYNTAX.format('10-20', 15)}",
)
HOURS: Final = replace(
    quartz_fields.HOURS,
    longest_step=24,
    forms=f"numbers from 0 to 23, {_SYNTAX.format('9-17', 6)}",
)
DAY_OF_MONTH: Final = replace(
    quartz_fields.DAY_OF_MONTH,
    forms=f"numbers from 1 to 31, {_SYNTAX.format('1-7', 10)}",
)
MONTH: Final = replace(
    quartz_fields.MONTH,
    forms=f'numbers from 1 to 12, names such as "JAN", {_SYNTAX.format("6-8", 3)}',
)
DAY_OF_WEEK: Final = replace(
    quartz_fields.DAY_OF_WEEK,
    low=0,
    names=MappingProxyType(
        {name: number - 1 for name, number in quartz_fields.DAY_OF_WEEK.names.items()}
    ),
    forms='numbers from 0 (Sunday) to 7 (Sunday again), names such as "MON", '
    f"{_SYNTAX.format('MON-FRI', 2)}",
)
SUNDAY: Final = 7
"""The second number of Sunday, whose first is 0."""

_VALUE: Final = r"[0-9]+|[A-Z]+"
_ITEM: Final = re.compile(
    rf"(?:\*|(?P<start>{_VALUE})(?:-(?P<stop>{_VALUE}))?)(?:/(?P<step>[0-9]+))?"
)
_MARKS: Final = re.compile(r"L(?:-[0-9]+)?W?|[0-9]+[LW]|[A-Z]{3,9}L")
"""Items that only Quartz has."""
_OWN: Final = 'Put seconds before the five fields and "?" into one of the day fields: '
QUARTZ: Final = f'{_OWN}"0 30 9 L * ?", "0 30 9 ? * 6#3".'
"""The remedy for what only Quartz has."""


@lru_cache(maxsize=4096)
def expand(field: Field, text: str) -> tuple[int, ...]:
    """Return the values of `text` in `field`, ascending; raises InvalidMember for `cron`."""
    values: set[int] = set()
    for item in text.upper().split(","):
        values.update(_item_values(field, text, item))
    if field is DAY_OF_WEEK:
        values = {value % SUNDAY for value in values}
    return tuple(sorted(values))


def _item_values(field: Field, text: str, item: str) -> range:
    """The values that `item` names, one of the list `text`."""
    match = _ITEM.fullmatch(item)
    if match is None:
        raise _unreadable(field, text, item)
    start, stop, step_text = match.group("start", "stop", "step")
    if start is None:
        first, last = field.low, field.high
    else:
        if _MARKS.fullmatch(start) and start not in field.names:
            raise _unreadable(field, text, start)
        first = last = value_of(field, text, start)
    if stop is not None:
        last = _end_of_range(field, text, first, stop)
    elif step_text and start is not None:
        raise refused(
            field,
            text,
            f"has a step after {quoted(start)} alone, which crons read in different ways",
            f'Write the range, as in "{first}-{field.high}/{step_text}".',
        )
    return range(first, last + 1, step_of(field, text, step_text) if step_text else 1)


def _end_of_range(field: Field, text: str, first: int, stop: str) -> int:
    last = value_of(field, text, stop)
    if field is DAY_OF_WEEK and last == 0 < first:
        return SUNDAY
    if last < first:
        raise refused(
            field,
            text,
            "has a range that runs backwards",
            f'Write it as two ranges: "{first}-{field.high},{field.low}-{last}".',
        )
    return last


def _unreadable(field: Field, text: str, item: str) -> InvalidMember:
    if not item:
        return refused(field, text, "has an empty item in its list")
    if _MARKS.fullmatch(item):
        return refused(field, text, f"has {quoted(item)}, which only Quartz has", QUARTZ)
    return refused(field, text, f"cannot be read at {quoted(item)}")
