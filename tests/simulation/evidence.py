"""Evidence: what a simulation leaves behind, from which it is judged."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Final
from uuid import UUID

import psycopg

from tests.simulation.clients import Life
from tests.simulation.clock import BEGIN
from tests.simulation.receivers import Arrival
from tests.simulation.world import Incident

_RUNS: Final = """
SELECT id, job_id, due_at, missed, state, kind, job_version, reason FROM run
UNION ALL
SELECT id, job_id, due_at, missed, state, kind, job_version, reason FROM inflight
"""


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


@dataclass(frozen=True)
class Evidence:
    """All that is judged."""

    lives: Sequence[Life]
    arrivals: Sequence[Arrival]
    runs: Sequence[RunRow]
    incidents: Sequence[Incident]
    ended: datetime
    secrets: Sequence[str]
    redelivered: Mapping[str, Sequence[float]] = field(default_factory=dict)
    """By run, when a client has asked for it to be called again."""

    @cached_property
    def by_job(self) -> dict[str, Life]:
        """Lives by the id of their job."""
        return {each.id: each for each in self.lives if each.id}

    @cached_property
    def calls(self) -> dict[str, list[Arrival]]:
        """Calls by the id of their run, in the order in which they arrived."""
        found: dict[str, list[Arrival]] = defaultdict(list)
        for each in self.arrivals:
            found[each.run_id].append(each)
        return found

    def life_of(self, run: RunRow) -> Life | None:
        """The life of the job of the run."""
        return self.by_job.get(f"{run.job_id}")

    def path_of(self, run: RunRow) -> str:
        """The path of its receiver."""
        life = self.life_of(run)
        return life.path if life else "an unknown job"

    def had_incident(self, begins: datetime, ends: datetime) -> bool:
        """Whether something was wrong in that time."""
        first, last = passed(begins), passed(ends)
        return any(each.begins <= last and first <= each.ends for each in self.incidents)

    def is_excused(self, call: Arrival, *, until: float) -> bool:
        """Whether the process that made the call was in trouble from then on, until that time.

        Or a client has asked for another call.
        """
        asked = self.redelivered.get(call.run_id, ())
        return any(call.at <= each <= until for each in asked) or any(
            each.process == call.worker and each.begins <= until and call.at <= each.ends
            for each in self.incidents
        )


def read_runs(connection: psycopg.Connection) -> list[RunRow]:
    """All runs, over or not."""
    return [RunRow(*row) for row in connection.execute(_RUNS).fetchall()]


def passed(instant: datetime) -> float:
    """The seconds from the beginning to that instant."""
    return (instant - BEGIN).total_seconds()


def instant_at(seconds: float) -> datetime:
    """The instant so many seconds after the beginning."""
    return BEGIN + timedelta(seconds=seconds)
