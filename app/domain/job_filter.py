"""Job filter: which jobs of an account a list shows, in which order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from app.domain.job import Dialect, Job


class JobKind(StrEnum):
    """What makes a job due."""

    ONCE = "once"
    """An instant."""
    CRON = "cron"
    """An expression."""
    INTERVAL = "interval"
    """An interval."""
    CHAINED = "chained"
    """The end of another job. Such a job may have triggers of the other kinds too."""


@dataclass(frozen=True, kw_only=True, slots=True)
class JobFilter:
    """Which jobs of an account are selected: those that meet all conditions that are given."""

    tags: tuple[str, ...] = ()
    """Jobs that have all of these tags."""
    name_prefix: str | None = None
    """Jobs whose name begins with this text."""
    dialect: Dialect | None = None
    endpoint: str | None = None
    """Jobs that call this Dapr app or Fusion runner."""
    host: str | None = None
    """Jobs whose URL has this host, in lower case; a job that calls an endpoint has no host."""

    kind: JobKind | None = None
    """Jobs with a trigger of this kind."""

    enabled: bool | None = None
    """Jobs that are not paused, or those that are."""
    failing: bool = False
    """Jobs of which a run failed or died, and none has succeeded since."""

    @property
    def is_open(self) -> bool:
        """Whether every job is selected."""
        return self == JobFilter()


class JobSort(StrEnum):
    """The order of a list of jobs."""

    NEWEST = "newest"
    """By the time of booking, the newest first."""
    NEXT = "next"
    """By the next firing, the earliest first; jobs without one are not listed."""
    NAME = "name"
    """By name, in the order of code points; jobs without one are not listed."""


class JobPosition(NamedTuple):
    """The position of a job in a sorted list."""

    key: datetime | str | None
    """Its next firing or its name; None in a list that is sorted by neither."""
    id: UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class ListedJob:
    """A job as a list shows it."""

    job: Job
    """Its `data` is None if it is too long for a list."""
    position: JobPosition
    omitted_bytes: int | None
    """The length of a payload that is left out."""
