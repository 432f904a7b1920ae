"""Quartz: cron expressions of six or seven fields: parsing, evaluation, and minimum gaps.

`parse` parses an expression strictly. `next_after` evaluates it in UTC, and `next_after_on` on the
clock of a zone. `minimum_gap` and `gap_below` return how close together it fires in UTC, and
`closest_on` and `closest_on_below` on the clock of a zone. `describe_days`, `summarize` and
`find_dst_changes` are for people. The syntax is that of org.quartz.CronExpression 2.3.2, with three
differences (tests/vectors/quartz.json): text that Quartz ignores is refused; the lists of `L` and
`W` of Quartz 2.5 and full names are accepted; and `*` in both day fields is read as `* ?`.
"""

from app.domain.quartz.description import describe_days
from app.domain.quartz.dst_changes import DstChange, find_dst_changes
from app.domain.quartz.evaluation import next_after
from app.domain.quartz.gap import gap_below, minimum_gap
from app.domain.quartz.local import next_after_on
from app.domain.quartz.local_gap import Gap, closest_on, closest_on_below
from app.domain.quartz.reader import MAX_EXPRESSION, parse
from app.domain.quartz.schedule import LAST_YEAR, Schedule
from app.domain.quartz.summary import summarize

__all__ = [
    "LAST_YEAR",
    "MAX_EXPRESSION",
    "DstChange",
    "Gap",
    "Schedule",
    "closest_on",
    "closest_on_below",
    "describe_days",
    "find_dst_changes",
    "gap_below",
    "minimum_gap",
    "next_after",
    "next_after_on",
    "parse",
    "summarize",
]
