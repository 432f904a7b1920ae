"""Expression: cron expressions of native jobs: of crontab with five fields, of Quartz with more."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from app.domain import crontab, quartz
from app.domain.quartz import MAX_EXPRESSION, Schedule
from app.errors import InvalidMember

_QUARTZ_FIELDS: Final = (6, 7)
_ZONE: Final = ("CRON_TZ=", "TZ=")
_SHAPE: Final = (
    "Write minutes, hours, day-of-month, month and day-of-week as in crontab: "
    '"15 10 * * MON-FRI". Or, as in Quartz, put seconds before them and, if wanted, a year after '
    'them: "0 15 10 ? * MON-FRI".'
)


@lru_cache(maxsize=16384)
def parse(expression: str) -> Schedule:
    """Return the schedule of an expression; raises InvalidMember for `cron`."""
    if expression.startswith(_ZONE):
        raise InvalidMember(
            "cron",
            "The expression begins with a time zone.",
            remedy="Give the zone in timezone, and the fields alone in cron.",
        )
    if crontab.is_crontab(expression):
        return crontab.parse(expression)
    count = len(expression.split())
    if count not in _QUARTZ_FIELDS and len(expression) <= MAX_EXPRESSION:
        raise InvalidMember(
            "cron",
            f"The expression has {count} field{'' if count == 1 else 's'}; "
            "one of crontab has five, and one of Quartz six or seven.",
            remedy=_SHAPE,
        )
    return quartz.parse(expression)


def warn_of_days(expression: str) -> str | None:
    """Return the meaning of the day fields of a readable expression, where it may surprise.

    In Quartz's form only one of the two fields counts, and weekdays are counted from Sunday.
    """
    if crontab.is_crontab(expression):
        return crontab.warn_of_days(expression)
    return quartz.describe_days(expression)


def summarize(expression: str, zone: str) -> str:
    """Return when an expression fires on the clock of `zone`; raises InvalidMember for `cron`."""
    if crontab.is_crontab(expression):
        return crontab.summarize(expression, zone)
    return quartz.summarize(expression, zone)
