"""Reader: parses the text of a crontab expression strictly, into a Schedule.

The day rule is that of cronie (entry.c, cron.c) and of crontab(5) in Debian: a day field that
begins with `*` does not restrict the days. If neither begins with it, a date that matches one of
the two fields is enough; otherwise a date must match both, so `*/2` with `MON` is Mondays with odd
numbers.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from app.domain.checks import quoted
from app.domain.crontab.fields import (
    DAY_OF_MONTH,
    DAY_OF_WEEK,
    HOURS,
    MINUTES,
    MONTH,
    QUARTZ,
    expand,
)
from app.domain.quartz.day_fields import DayFields, day_table
from app.domain.quartz.reader import check_length
from app.domain.quartz.schedule import FIRST_YEAR, LAST_YEAR, Schedule
from app.errors import InvalidMember

FIELDS: Final = 5
SHAPE: Final = (
    "Write minutes, hours, day-of-month, month and day-of-week, separated by spaces: for example "
    '"15 10 * * MON-FRI"; or @hourly, @daily, @weekly, @monthly or @yearly.'
)
_NICKNAMES: Final = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_YEARS: Final = tuple(range(FIRST_YEAR, LAST_YEAR + 1))
_FOREIGN: Final = re.compile(r"[^0-9A-Za-z*/,\- \t]")


def is_crontab(expression: str) -> bool:
    """Return whether an expression is to be read as crontab's: five fields, or an `@` in front."""
    return len(expression.split()) == FIELDS or expression.lstrip().startswith("@")


def parse(expression: str) -> Schedule:
    """Return the schedule of a crontab expression.

    Raises InvalidMember for `cron`, with the field, its invalid part and the remedy. The results
    are kept in a bounded cache, because a scheduler evaluates the same expressions repeatedly.
    """
    return _read(expression)


@lru_cache(maxsize=16384)
def _read(expression: str) -> Schedule:
    minutes, hours, _, month, _ = fields = split_fields(expression)
    return Schedule(
        seconds=(0,),
        minutes=expand(MINUTES, minutes),
        hours=expand(HOURS, hours),
        days=day_table(day_fields(fields)),
        months=expand(MONTH, month),
        years=_YEARS,
    )


def split_fields(expression: str) -> list[str]:
    """Return the five fields of an expression as text; raises InvalidMember for `cron`."""
    check_length(expression)
    text = expression.strip(" \t")
    if text.startswith("@"):
        fields = _NICKNAMES.get(text.lower())
        if fields is None:
            raise _unknown_nickname(text)
        return fields.split()
    if foreign := _FOREIGN.search(expression):
        raise _foreign(foreign)
    return text.split()


def day_fields(fields: list[str]) -> DayFields:
    """Return the two day fields of five fields; raises InvalidMember for `cron`."""
    _, _, by_month, _, by_week = fields
    return DayFields(
        expand(DAY_OF_MONTH, by_month),
        expand(DAY_OF_WEEK, by_week),
        by_month.startswith("*") or by_week.startswith("*"),
    )


def _unknown_nickname(text: str) -> InvalidMember:
    name = text.split(maxsplit=1)[0].lower()
    remedy = "Use @hourly, @daily, @midnight, @weekly, @monthly, @yearly or @annually."
    if name == "@reboot":
        remedy = "A job is not bound to a machine that starts. Let the machine POST its own call."
    if name == "@every":
        remedy = 'Write an interval as fields, as in "*/30 * * * *" for every 30 minutes.'
    return InvalidMember("cron", f"{quoted(text)} is not a schedule.", remedy=remedy)


def _foreign(found: re.Match[str]) -> InvalidMember:
    mark, where = quoted(found[0]), found.start() + 1
    if found[0] in "?#":
        return InvalidMember(
            "cron",
            f"The expression has five fields, as crontab's have, and {mark} at character {where}, "
            "which only Quartz has, in six or seven fields.",
            remedy=f'{QUARTZ} In five fields, "*" stands for every day.',
        )
    if found[0] == "~":
        return InvalidMember(
            "cron",
            f"The expression has {mark} at character {where}: a value chosen at random, which "
            "few crons have.",
            remedy="Write the number.",
        )
    return InvalidMember(
        "cron",
        f"The expression has {mark} at character {where}, which a crontab expression cannot "
        "contain.",
        remedy=SHAPE,
    )
