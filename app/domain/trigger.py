"""Trigger: when a job is due, once or by cron, and what may be booked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from app.domain import instants, quartz
from app.domain.instants import format_utc
from app.errors import InvalidMember

MINIMUM_GAP: Final = 600


@dataclass(frozen=True, kw_only=True, slots=True)
class At:
    """Due once, at `instant` (UTC)."""

    instant: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Cron:
    """Due whenever `expression` (Quartz dialect) matches, evaluated in UTC."""

    expression: str


Trigger = At | Cron


def is_recurring(trigger: Trigger) -> bool:
    """Whether a firing may be followed by another."""
    match trigger:
        case At():
            return False
        case Cron():
            return True


def next_after(trigger: Trigger, after: datetime) -> datetime | None:
    """The first firing strictly after `after` (aware), in UTC; None when none is left.

    Raises InvalidMember for `cron` when the expression cannot be read.
    """
    match trigger:
        case At(instant=instant):
            return instant if instant > after else None
        case Cron(expression=expression):
            return quartz.next_after(quartz.parse(expression), after)


def first_firing(trigger: Trigger, now: datetime) -> datetime:
    """The firing to book at `now` (aware), in UTC.

    Raises InvalidMember: for `when` an instant that is not in the future; for `cron` an
    expression that cannot be read, never fires again, or fires more often than once in
    MINIMUM_GAP seconds (spec 003, "What's in a job?").
    """
    match trigger:
        case At(instant=instant):
            if instant <= now:
                raise InvalidMember(
                    "when",
                    f"{format_utc(instant)} is not in the future.",
                    remedy="Name an instant that is still to come, by the clock of this server.",
                )
            return instant
        case Cron(expression=expression):
            return _first_of_cron(expression, now)


def _first_of_cron(expression: str, now: datetime) -> datetime:
    schedule = quartz.parse(expression)
    first = quartz.next_after(schedule, now)
    if first is None:
        raise InvalidMember(
            "cron",
            "The expression never fires again.",
            remedy="Name a date that exists, in a year that is still to come.",
        )
    gap = quartz.gap_below(schedule, MINIMUM_GAP, after=now)
    if gap is not None:
        raise InvalidMember(
            "cron",
            f"The expression fires again after {gap} second{'' if gap == 1 else 's'}.",
            remedy=f"Leave at least {MINIMUM_GAP} seconds between any two firings.",
        )
    return first


def to_document(trigger: Trigger) -> dict[str, str]:
    """The form in which a trigger is stored; `from_document` reads it back."""
    match trigger:
        case At(instant=instant):
            return {"kind": "at", "at": format_utc(instant)}
        case Cron(expression=expression):
            return {"kind": "cron", "expression": expression}


def from_document(document: Mapping[str, str]) -> Trigger:
    """The trigger stored as `document`; raises ValueError for a kind it does not know."""
    match document["kind"]:
        case "at":
            return At(instant=instants.parse(document["at"], member="at"))
        case "cron":
            return Cron(expression=document["expression"])
        case kind:
            raise ValueError(f"no trigger is of the kind {kind!r}")
