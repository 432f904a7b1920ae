"""Quartz: the cron dialect of six or seven fields; reading, evaluating and judging it.

`parse` reads an expression strictly; `next_after` evaluates it in UTC, `next_after_on` on the
clock of a zone; `minimum_gap` and `gap_below`, `closest_on` and `closest_on_below` tell how often
it fires; `describe_days` and `find_dst_changes` are for people. The dialect is that of
org.quartz.CronExpression 2.3.2 with its leniencies refused (tests/vectors/quartz.json), with the
lists of `L` and `W` of 2.5, with full names, and with one ambiguity resolved: `*` in both day
fields is read as `* ?`.
"""

from app.domain.quartz.description import describe_days
from app.domain.quartz.dst_changes import DstChange, find_dst_changes
from app.domain.quartz.evaluation import next_after
from app.domain.quartz.gap import gap_below, minimum_gap
from app.domain.quartz.local import next_after_on
from app.domain.quartz.local_gap import Gap, closest_on, closest_on_below
from app.domain.quartz.reader import MAX_EXPRESSION, parse
from app.domain.quartz.schedule import LAST_YEAR, Schedule

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
]
