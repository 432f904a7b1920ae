"""Evidence: what a simulation leaves behind, from which it is judged."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Final
from uuid import UUID

import psycopg

from tests.simulation.clients import Life, Report, Secret
from tests.simulation.clock import BEGIN
from tests.simulation.dapr.life import DaprLife
from tests.simulation.fusion.life import FusionLife
from tests.simulation.receivers import Arrival
from tests.simulation.world import Away, Incident

_RUNS: Final = """
SELECT id, job_id, due_at, missed, state, kind, job_version, reason, settled_at, started_by FROM run
UNION ALL
SELECT id, job_id, due_at, missed, state, kind, job_version, reason, NULL, started_by FROM inflight
"""

NOT_FOUND: Final = 404
"""As good as a success for a Dapr job."""

_BEFORE: Final = timedelta(seconds=2)
_SLACK: Final = timedelta(seconds=3)
_MEMORY: Final = timedelta(hours=2)
_QUICK_S: Final = 1.0

AnyLife = Life | DaprLife | FusionLife


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run as the database has it."""

    id: UUID
    job_id: UUID
    due_at: datetime
    missed: int
    state: str
    kind: str
    version: int
    reason: str | None
    settled_at: datetime | None = None
    """None while it is under way."""
    started_by: str | None = None

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self.state not in {"claimed", "taken", "waiting", "running"}


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """All that is judged."""

    lives: Sequence[Life]
    arrivals: Sequence[Arrival]
    runs: Sequence[RunRow]
    incidents: Sequence[Incident]
    ended: datetime
    secrets: Sequence[Secret]
    dapr: Sequence[DaprLife] = ()
    fusion: Sequence[FusionLife] = ()
    redelivered: Mapping[str, Sequence[float]] = field(default_factory=dict)
    """By run, when a client has asked for it to be called again."""
    reports: Sequence[Report] = ()
    aways: Sequence[Away] = ()
    there: AbstractSet[str] = frozenset()
    """The names of the jobs that were still there at the end."""

    @cached_property
    def by_job(self) -> dict[str, AnyLife]:
        """Lives by the id of their job."""
        found: dict[str, AnyLife] = {each.id: each for each in self.lives if each.id}
        found |= {each.id: each for each in self.fusion if each.id}
        return found | {job_id: each for each in self.dapr for job_id in each.ids}

    @cached_property
    def runs_of(self) -> dict[str, list[RunRow]]:
        """Runs by the id of their job, in the order in which they were due."""
        found: dict[str, list[RunRow]] = defaultdict(list)
        for run in sorted(self.runs, key=lambda each: each.due_at):
            found[f"{run.job_id}"].append(run)
        return found

    @cached_property
    def calls(self) -> dict[str, list[Arrival]]:
        """Calls by the id of their run, in the order in which they arrived."""
        found: dict[str, list[Arrival]] = defaultdict(list)
        for each in self.arrivals:
            found[each.run_id].append(each)
        return found

    @cached_property
    def calls_at(self) -> dict[str, list[Arrival]]:
        """Calls by their path, in the order in which they arrived."""
        found: dict[str, list[Arrival]] = defaultdict(list)
        for each in self.arrivals:
            found[each.path].append(each)
        return found

    @cached_property
    def calls_of_address(self) -> dict[str, list[Arrival]]:
        """Calls by host and port, in the order in which they arrived."""
        found: dict[str, list[Arrival]] = defaultdict(list)
        for each in self.arrivals:
            found[each.address].append(each)
        return found

    @cached_property
    def reports_of(self) -> dict[str, Report]:
        """The first result that was accepted of each run."""
        return {each.run_id: each for each in reversed(self.reports)}

    def life_of(self, run: RunRow) -> AnyLife | None:
        """The life of the job of the run; None if it is an event."""
        return self.by_job.get(f"{run.job_id}")

    def path_of(self, run: RunRow) -> str:
        """The path of its receiver."""
        if run.kind == "event":
            reported = self._by_id.get(run.job_id)
            owner = None if reported is None else self.life_of(reported)
            return owner.abort_path if isinstance(owner, FusionLife) else "an unknown job"
        life = self.life_of(run)
        return life.path if life else "an unknown job"

    def had_incident(self, begins: datetime, ends: datetime) -> bool:
        """Whether something was wrong in that time."""
        first, last = passed(begins), passed(ends)
        return any(each.begins <= last and first <= each.ends for each in self.incidents)

    def calm_before(self, instant: datetime) -> float:
        """Seconds since the last incident that began before that instant; below 0 within one."""
        at = passed(instant)
        ended = (each.ends for each in self.incidents if each.begins <= at)
        return at - max(ended, default=-math.inf)

    def was_away(self, address: str, begins: datetime, ends: datetime) -> bool:
        """Whether nobody could connect to that address at some instant of that time."""
        first, last = passed(begins), passed(ends)
        return any(
            each.address == address and each.begins <= last and first <= each.ends
            for each in self.aways
        )

    def was_calm(self, address: str, instant: datetime) -> bool:
        """Whether nothing kept a job from being called there at that instant, as far as is known.

        An address that failed, or was slow or away, may be called later than usual for a while.
        """
        if self.was_away(address, instant - _MEMORY, instant + _SLACK):
            return False
        if self.had_incident(instant - _BEFORE, instant + _SLACK):
            return False
        first, last = passed(instant - _MEMORY), passed(instant)
        return all(
            (each.succeeded or each.answered == NOT_FOUND) and each.ended_at - each.at < _QUICK_S
            for each in self.calls_of_address[address]
            if first <= each.at <= last
        )

    def is_excused(self, call: Arrival, *, until: float) -> bool:
        """Whether the process that made the call was in trouble from then on, until that time.

        Or a client has asked for another call.
        """
        asked = self.redelivered.get(call.run_id, ())
        return any(call.at <= each <= until for each in asked) or any(
            each.process == call.worker and each.begins <= until and call.at <= each.ends
            for each in self.incidents
        )

    @cached_property
    def _by_id(self) -> dict[UUID, RunRow]:
        return {each.id: each for each in self.runs}


def read_runs(connection: psycopg.Connection) -> list[RunRow]:
    """All runs, over or not."""
    return [RunRow(*row) for row in connection.execute(_RUNS).fetchall()]


def passed(instant: datetime) -> float:
    """The seconds from the beginning to that instant."""
    return (instant - BEGIN).total_seconds()


def instant_at(seconds: float) -> datetime:
    """The instant so many seconds after the beginning."""
    return BEGIN + timedelta(seconds=seconds)


def due_of(arrival: Arrival) -> datetime:
    """When the firing was due for which the call was made."""
    return datetime.fromisoformat(arrival.headers["wakecall-scheduled-for"])
