"""Taking: a run becomes one worker's, which holds it by a lease and polls for its cancellation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import psycopg

from app.domain.call_options import CallOptions
from app.domain.endpoint import AppProtocol
from app.domain.job import MAX_DATA, Dialect
from app.domain.run import RunKind
from app.domain.timings.claiming import LOOK_AHEAD, RENOTIFY_AFTER, UNBOUNDED_S
from app.domain.timings.leases import CANCEL_DEADLINE, LEASE
from app.domain.timings.notifying import UNCHECKED_LATE
from app.store.call_options import exactly
from app.store.queries import run

Ticket = tuple[UUID, int]
"""A run's id, and the token that its holder, or the worker that takes it, must present."""


class Taken(NamedTuple):
    """A run with all that is needed to send it; a tuple, because thousands a second are made."""

    id: UUID
    token: int
    job_id: UUID
    account_id: int
    job_version: int
    due_at: datetime
    send_at: datetime
    """When the attempt may begin."""
    planned_at: datetime | None
    """When the attempt was to begin, where the run was parked or postponed."""
    missed: int
    """How many missed firings the run stands for besides its own."""
    ends_job: bool
    """Whether the job has no further firing, and so ends with this run."""
    attempts: int
    reclaims: int
    remaining: float
    """Seconds until `send_at` by the database's clock at the take; negative: it has passed."""
    url: str | None
    """None where the content of the run's version is not kept."""
    signature: str | None
    content_type: str | None
    data: bytes | None
    attempts_before_redelivery: int = 0
    """Attempts made before the run was last sent again: its retries are counted from there."""
    call_options: CallOptions | None = None
    """None: DEFAULT_OPTIONS."""
    kind: str = RunKind.SCHEDULED
    notify_on_success: bool = False
    notify_on_failure: bool = False
    """Whether its job wants an event when it succeeds, and when it does not."""
    serial: bool = False
    """Whether the calls of its job must not overlap."""
    dialect: str | None = Dialect.NATIVE
    endpoint: str | None = ""
    base: str | None = None
    """The URL of the endpoint, None where it is not there; `url` is then relative to it."""
    sealed_token: bytes | None = None
    size: int = 0
    """Bytes of a payload that was left in the database (`payloads`); 0 where `data` is complete."""
    depth: int = 0
    """How many calls led to this one, one to the next."""
    precedes_version: bool = False
    """Whether it was due before its job's version was made: while the job was paused, or before a
    Dapr job was booked; or before its account was resumed."""
    further: list[datetime | None] | None = None
    """Further ticks of its job that it may call, and after them the tick that follows, if any."""
    type_url: str | None = None
    """Set where `data` is the value of a google.protobuf.Any; empty for one without a type."""
    protocol: str | None = None
    """The protocol of the endpoint (AppProtocol), None where it is not there."""


_KNOWN: Final = frozenset({None, *RunKind, *Dialect, *AppProtocol})
"""The kinds, dialects and protocols that this release knows."""


def take(
    connection: psycopg.Connection,
    tickets: Sequence[Ticket],
    unreadable: Callable[[Taken, Exception], None] | None = None,
) -> list[Taken]:
    """Make the runs this worker's, as many as are still there to be taken.

    A payload comes along where a native job might have it; a longer one is left behind. For a row
    that this release cannot read, `unreadable` is called with the run, without its call options:
    the run is this worker's too, and the take of the others is committed.
    """
    ids, tokens = columns(tickets)
    params = {
        "ids": ids,
        "tokens": tokens,
        "lease": LEASE,
        "longest": MAX_DATA,
        "margin": CANCEL_DEADLINE,
    }
    return readable(map(Taken._make, run(connection, "take", params)), unreadable)


def readable(
    runs: Iterable[Taken], unreadable: Callable[[Taken, Exception], None] | None
) -> list[Taken]:
    """Those of the runs that this release can read; `unreadable` gets the others."""
    found: list[Taken] = []
    for taken in runs:
        try:
            found.append(_with_options(taken))
        except Exception as error:
            if unreadable is None:
                raise
            unreadable(taken._replace(call_options=None), error)
    return found


def payloads(connection: psycopg.Connection, tickets: Sequence[Ticket]) -> dict[UUID, bytes | None]:
    """The payloads of runs held that are still wanted; None for one that is not kept."""
    ids, tokens = columns(tickets)
    return dict(run(connection, "payloads", {"ids": ids, "tokens": tokens}).fetchall())


def untaken(
    connection: psycopg.Connection, *, late: float, limit: int, lookback: float = UNBOUNDED_S
) -> list[Ticket]:
    """Runs due for at least `late` seconds (or, negative, soon) whose batch no worker dequeued.

    Left out are those that schedulers were to check more than `lookback` seconds ago.
    """
    rows = run(
        connection,
        "untaken",
        {
            "renotify_after": RENOTIFY_AFTER,
            "look_ahead": LOOK_AHEAD,
            "unchecked_late": UNCHECKED_LATE,
            "late": late,
            "limit": limit,
            "lookback": lookback,
        },
    ).fetchall()
    return [(run_id, token) for run_id, token in rows]


class LatestCancellations(NamedTuple):
    """The rows of `poll_cancellations`."""

    withdrawn: dict[UUID, int]
    """Cancelled runs. A holder with this token, or a lower one, may not call the run."""
    suspended: frozenset[int]
    """Accounts of which no call begins."""
    clock: float
    """The database's clock, in seconds since 1970."""


def poll_cancellations(connection: psycopg.Connection) -> LatestCancellations:
    """Cancelled runs whose holders may not know it yet, and suspended accounts."""
    (*_, clock), *rows = run(connection, "poll_cancellations", {}).fetchall()
    withdrawn: dict[UUID, int] = {}
    for run_id, token, _ in rows:
        if run_id is not None:
            withdrawn[run_id] = max(token, withdrawn.get(run_id, token))
    suspended = frozenset(account_id for run_id, account_id, _ in rows if run_id is None)
    return LatestCancellations(withdrawn, suspended, clock)


def acknowledge_withdrawn(connection: psycopg.Connection, tickets: Sequence[Ticket]) -> None:
    """Keep polls from naming these runs again: their holder knows that they are cancelled.

    The commit does not wait for the disk: what a crash of the database undoes is named once more.
    """
    ids, tokens = columns(tickets)
    with connection.pipeline(), connection.transaction():
        connection.execute("SET LOCAL synchronous_commit TO off")
        run(connection, "acknowledge_withdrawn", {"ids": ids, "tokens": tokens})


def renew_leases(connection: psycopg.Connection, tickets: Sequence[Ticket]) -> dict[UUID, bool]:
    """Renew the leases of runs; return, for each that was renewed, whether the run is cancelled.

    The commit does not wait for the disk: one that stalls for seconds would cost every lease, and
    all that a crash of the database undoes is a renewal: the lease ends a little sooner.
    """
    ids, tokens = columns(tickets)
    with connection.pipeline(), connection.transaction():
        connection.execute("SET LOCAL synchronous_commit TO off")
        rows = run(connection, "renew_leases", {"ids": ids, "tokens": tokens, "lease": LEASE})
    return dict(rows.fetchall())


def _with_options(taken: Taken) -> Taken:
    """The run with its call options read from the document that the row has in their place."""
    if not {taken.kind, taken.dialect, taken.protocol} <= _KNOWN:
        raise ValueError(
            f"unknown kind, dialect or protocol: {taken.kind}, {taken.dialect}, {taken.protocol}"
        )
    document: Any = taken.call_options
    return taken if document is None else taken._replace(call_options=exactly(document))


def columns(tickets: Sequence[Ticket]) -> tuple[list[UUID], list[int]]:
    """The ids and the tokens, as statements want them."""
    return [run_id for run_id, _ in tickets], [token for _, token in tickets]
