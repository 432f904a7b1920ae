"""In flight: what changes of a job do to its runs under way, and runs that a client asks for."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

import psycopg

from app.domain.run import PAUSED
from app.domain.timings.claiming import MANUAL_DELAY
from app.store.depth import current_depth
from app.store.queries import run, value
from app.store.serial import block_next

_SENT_AGAIN: Final = "the job was paused while the run was being sent again"


class Overdue(NamedTuple):
    """A firing that is due; `reason` tells why it waited, if a limit postponed it."""

    id: UUID
    due_at: datetime
    missed: int
    reason: str | None


def cancel_all(connection: psycopg.Connection, job_id: UUID, reason: str) -> None:
    """Cancel every run of a locked job; the result of a call that has begun is still recorded."""
    run(connection, "cancel_runs", {"job_id": job_id, "reason": reason})


def cancel_by_pause(connection: psycopg.Connection, job_id: UUID, *, counted: bool) -> None:
    """As `cancel_all`, when a job is paused; `counted`: whether it counts its firings.

    A firing that was not called is returned to its job when it is settled (return_withdrawn).
    """
    if counted:
        run(connection, "cancel_sent_again", {"job_id": job_id, "reason": _SENT_AGAIN})
    cancel_all(connection, job_id, PAUSED)


def detach_paused(connection: psycopg.Connection, job_id: UUID, reason: str) -> None:
    """Part the runs that a pause withdrew from a locked job that is getting another schedule."""
    run(connection, "detach_paused", {"job_id": job_id, "reason": reason})


def will_return(connection: psycopg.Connection, job_id: UUID, deadline: timedelta) -> bool:
    """Return whether a paused job is about to get back a firing that was not called."""
    params = {"job_id": job_id, "deadline": deadline}
    returns: bool = value(run(connection, "will_return", params))
    return returns


def cancel_left(connection: psycopg.Connection, account_id: int, job_id: UUID, reason: str) -> bool:
    """Cancel the redeliveries under way of a job that has ended; return False if there are none."""
    params = {"account_id": account_id, "job_id": job_id}
    found = run(connection, "find_uncancelled_run", params).fetchone()
    if found is not None:
        cancel_all(connection, job_id, reason)
    return found is not None


def claim_overdue(connection: psycopg.Connection, job_id: UUID, firings: Iterable[Overdue]) -> None:
    """Make runs of firings that no scheduler has claimed, with a locked job's current version."""
    for each in firings:
        run(connection, "claim_overdue", {"job_id": job_id, **each._asdict()})


def cancel_replaced(
    connection: psycopg.Connection, job_id: UUID, reason: str, deadline: timedelta
) -> datetime | None:
    """Cancel the runs that a new version replaces; return the latest firing that is kept, or None.

    Replaced are the scheduled firings that are further ahead than `deadline`. A firing that is in
    the future but was already made counts as kept.
    """
    params = {"job_id": job_id, "reason": reason, "deadline": deadline}
    run(connection, "cancel_replaced_runs", params)
    kept: datetime | None = value(run(connection, "latest_kept_firing", {"job_id": job_id}))
    return kept


def call_by_hand(
    connection: psycopg.Connection, job_id: UUID, run_id: UUID, *, started_by: str
) -> None:
    """Make a run of a locked job's current version, due MANUAL_DELAY from now.

    `started_by` is the label of the key that asked for it. The schedule of the job does not change.

    A one-time job may end with this run, but never before its own firing. A serial job must have no
    run under way, and its next firing waits for this run.
    """
    params = {"job_id": job_id, "run_id": run_id, "started_by": started_by, "ahead": MANUAL_DELAY}
    run(connection, "call_by_hand", {**params, "depth": current_depth()})
    block_next(connection, job_id)


def was_made(
    connection: psycopg.Connection, job_id: UUID, due_at: datetime, deadline: timedelta
) -> bool:
    """Return whether the job's firing of that instant was called, or is under way uncancelled.

    A cancelled run counts as made if it is due within `deadline` and a worker holds it.
    """
    params = {"job_id": job_id, "due_at": due_at, "deadline": deadline}
    made: bool = value(run(connection, "was_made", params))
    return made


def was_called(connection: psycopg.Connection, job_id: UUID, due_at: datetime) -> bool:
    """Return whether a call of the job's firing of that instant has ended, whatever came of it."""
    called: bool = value(run(connection, "was_called", {"job_id": job_id, "due_at": due_at}))
    return called


def made_up_to(connection: psycopg.Connection, job_id: UUID, deadline: timedelta) -> datetime:
    """Return when a paused job got its version, or the due time of a later firing already made.

    A cancelled run counts as made if it is due within `deadline` and a worker holds it.
    """
    params = {"job_id": job_id, "deadline": deadline}
    instant: datetime = value(run(connection, "made_up_to", params))
    return instant
