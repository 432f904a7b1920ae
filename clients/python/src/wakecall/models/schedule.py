"""Schedules: previews of them, and the next firings of jobs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from wakecall.models._reading import Model
from wakecall.models.job import Dialect


@dataclass(frozen=True, kw_only=True, slots=True)
class PreviewedFiring(Model):
    """One firing of a previewed schedule."""

    utc: datetime
    local: datetime
    """The same instant, with the offset of the schedule's time zone."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Preview(Model):
    """What a schedule would do."""

    summary: str | None = None
    """The schedule in English."""

    next: tuple[PreviewedFiring, ...] = ()
    minimum_gap: timedelta | None = None
    bookable: bool
    reasons: tuple[str, ...] = ()
    """Why it cannot be booked."""

    warnings: tuple[str, ...] = ()
    timezone: str
    tzdata: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Firing(Model):
    """The next firing of a job."""

    job: str
    name: str | None = None
    due: datetime
    expected: datetime | None = None
    """At the latest when it is made, if it is postponed."""

    dialect: Dialect
    recurring: bool
    cron: str | None = None
    timezone: str | None = None
    schedule: str | None = None
    remaining: int | None = None
    url: str | None = None
    endpoint: str | None = None
    tags: tuple[str, ...] = ()
    reason: str | None = None
    """What delays it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FiringCount(Model):
    """How many jobs fire next in an hour, or in the busiest minute."""

    begins: datetime
    firings: int


@dataclass(frozen=True, kw_only=True, slots=True)
class FiringLoad(Model):
    """The next firings of the account's jobs, counted by the hour for a day."""

    hours: tuple[FiringCount, ...] = ()
    overdue: int
    busiest: FiringCount | None = None
    counted_until: datetime | None = None
