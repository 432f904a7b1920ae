"""Case: the jobs that two operations share, and what workers hold and have called of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import psycopg

from app.domain.account import Caller
from app.domain.firing_rate import UNLIMITED, FiringLimits
from app.domain.job import Booking
from app.domain.run import Attempt, Reply, RunState, Timing
from app.random_ids import new_id
from app.service.context import Context
from app.store.claims import claim
from app.store.jobs import insert_job
from app.store.settling import Settlement
from app.store.takes import Taken, Ticket, take

AGO: Final = timedelta(seconds=1)
ANSWERS: Final = {"succeeded": 204, "failed": 500, "gone": 410, "again": 503, "later": 202}
"""What a receiver may answer, and with which status."""

_RETRY_IN: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Call:
    """A call that has begun."""

    run_id: UUID
    job_id: UUID
    kind: str
    due_at: datetime
    data: bytes | None


@dataclass(slots=True)
class Case:
    """The jobs that two operations share, with what processes have in memory."""

    context: Context
    caller: Caller
    limited: Caller
    """The client of another account, which may have one run under way."""
    observer: psycopg.Connection
    now: datetime
    jobs: dict[str, UUID] = field(default_factory=dict)
    """The ids of its jobs, by their names."""
    bookings: dict[str, Booking] = field(default_factory=dict)
    held: list[Taken] = field(default_factory=list)
    """What a worker has taken, called and not settled."""
    to_park: list[Taken] = field(default_factory=list)
    """What a worker is to give back once its row is no longer locked."""
    tickets: list[Ticket] = field(default_factory=list)
    """What workers were notified of."""
    calls: list[Call] = field(default_factory=list)
    stopped: set[UUID] = field(default_factory=set)
    """Jobs of which no call may begin, since a deletion or pause was answered."""
    leases_have_ended: bool = False
    """Whether so much time has passed that no worker calls what it took before."""
    is_damaged: bool = False
    """Whether its job has lost what was to come."""
    violations: list[str] = field(default_factory=list)

    @property
    def due_at(self) -> datetime:
        """When the firing was due that the pair is about."""
        return self.now - AGO

    @property
    def job_id(self) -> UUID:
        """The job that the pair is about."""
        return next(iter(self.jobs.values()))

    @property
    def booking(self) -> Booking:
        """How that job was booked."""
        return next(iter(self.bookings.values()))

    @property
    def is_being_erased(self) -> bool:
        """Whether the deletion of the account has begun, or is over."""
        query = "SELECT FROM account WHERE id = %s AND deleting_at IS NULL"
        return self.observer.execute(query, (self.caller.account.id,)).fetchone() is None

    def book(self, name: str, booking: Booking, next_at: datetime | None) -> UUID:
        """Store a job whose next firing is at that time, which may be past."""
        job_id = new_id()
        with self.observer.transaction():
            insert_job(
                self.observer,
                job_id=job_id,
                account_id=self.caller.account.id,
                booking=booking,
                next_at=next_at,
            )
        self.jobs[name], self.bookings[name] = job_id, booking
        return job_id

    def adopt(self, name: str, *, is_due: bool) -> None:
        """Know the job of that name; let its next firing be due, if it is to be."""
        row = self.observer.execute("SELECT id FROM job WHERE name = %s", (name,)).fetchone()
        assert row is not None, f"there is no job {name}"
        self.jobs[name] = row[0]
        if is_due:
            self.observer.execute(
                "UPDATE due SET next_at = %s WHERE job_id = %s", (self.due_at, row[0])
            )

    def run_id(self) -> UUID:
        """The run of the job, whether it is under way or over."""
        row = self.observer.execute(
            "SELECT id FROM inflight WHERE job_id = %(id)s"
            " UNION ALL SELECT id FROM run WHERE job_id = %(id)s ORDER BY id LIMIT 1",
            {"id": self.job_id},
        ).fetchone()
        assert row is not None, "there is no run"
        return UUID(str(row[0]))

    def call(self, run: Taken) -> None:
        """Begin the call of a run that a worker holds."""
        self.calls.append(Call(run.id, run.job_id, run.kind, run.due_at, run.data))


def claim_due(connection: psycopg.Connection, limits: FiringLimits = UNLIMITED) -> list[Ticket]:
    """Claim all that is due, as a scheduler does."""
    claimed = claim(connection, budget=100, ahead=0.3, unreadable=raise_for, limits=limits).runs
    return [(each.run_id, each.token) for each in claimed]


def take_all(connection: psycopg.Connection, tickets: Sequence[Ticket]) -> list[Taken]:
    """Take what is there to be taken."""
    return take(connection, tickets) if tickets else []


def settlement(run: Taken, answer: str) -> Settlement:
    """What a worker writes after a call that was answered in this way."""
    states = {"succeeded": RunState.SUCCEEDED, "failed": RunState.FAILED, "gone": RunState.FAILED}
    state, now = states.get(answer), datetime.now(UTC)
    attempt = Attempt(run.attempts + 1, now, 1.0, Reply(ANSWERS[answer], timing=Timing(total=1.0)))
    return Settlement(
        id=run.id,
        token=run.token,
        job_id=run.job_id,
        job_version=run.job_version,
        due_at=run.due_at,
        state=state,
        retry_at=now + _RETRY_IN if answer == "again" else None,
        reason=None if answer == "succeeded" else f"the receiver answered {ANSWERS[answer]}",
        ends_job=run.ends_job,
        gone=answer == "gone",
        attempt=attempt,
        within=60 if answer == "later" else None,
        complete_by=now + _RETRY_IN if answer == "later" else None,
        may_notify=run.notify_on_success or run.notify_on_failure,
        serial=run.serial,
    )


def withdrawal(run: Taken) -> Settlement:
    """What a worker writes for a run that was cancelled before its call."""
    return settlement(run, "succeeded")._replace(
        state=RunState.CANCELLED, attempt=None, reason=None, may_notify=False
    )


def raise_for(job_id: UUID, error: Exception) -> None:
    """Fail for a job that cannot be read."""
    raise AssertionError(f"{job_id}: {error}")
