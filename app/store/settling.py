"""Settling: the outcomes of runs are written in batches, each under the token of its run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import orjson
import psycopg

from app.domain.run import KEPT_BODY, PAUSED, Attempt, Reply, RunState, Timing
from app.domain.timings.claiming import LOOK_AHEAD
from app.store.events import insert_wanted
from app.store.job_ends import end_finished, purge
from app.store.queries import Rows, run
from app.store.serial import Ended, followers, start_next

NOT_KEPT: Final[list[list[str]]] = []
"""Stored in place of headers where neither they nor the body were kept; NULL: there were none."""

_NONE: Final[Any] = Attempt(0, None, None, Reply(timing=Timing(total=None)))  # type: ignore[arg-type] # a row of nothing


class CalledTicks(NamedTuple):
    """The ticks of one job that one run has called in a row, up to the tick that is settled."""

    run_id: UUID
    """The id of the run until it is settled under the id of its last tick."""
    number: int
    """How many further ticks it has called."""
    next_at: datetime
    """The first of the further ticks."""
    after_at: datetime | None
    """The tick that follows the last one called; None where none does."""
    before: Settlement | None
    """The ticks before the settled one, recorded as one run; None where there is no such run."""


class Settlement(NamedTuple):
    """The outcome of one run under one token: an end, a retry, or a wait for its completion."""

    id: UUID
    token: int
    job_id: UUID
    job_version: int
    due_at: datetime
    state: RunState | None
    """The final state; None where the run is retried or waits for its completion."""
    retry_at: datetime | None
    """When the next attempt begins, where one follows."""
    reason: str | None
    ends_job: bool
    """Whether the job has no further firing, and so ends with this run."""
    gone: bool
    """Whether the receiver answered 410, which ends the job."""
    attempt: Attempt | None
    within: int | None = None
    """How many seconds the receiver has to complete the run, where it answered that it will."""
    complete_by: datetime | None = None
    """When these seconds are over; set when the settlement is written."""
    may_notify: bool = False
    """Whether the job may want an event of this end."""
    counts_for_lateness: bool = True
    """Whether its lateness tells how late the service is: false for calls by hand and events, and
    for firings that were due before their job's version was made or their account resumed."""
    serial: bool = False
    """Whether the calls of its job must not overlap, so that its next firing waits for this end."""
    ticks: CalledTicks | None = None
    """The further ticks that the run has called, if any."""

    @property
    def row_id(self) -> UUID:
        """The id that the run has until it is settled."""
        return self.id if self.ticks is None else self.ticks.run_id


class Written(NamedTuple):
    """What a transaction wrote."""

    ids: set[UUID]
    """The runs whose token still matched."""
    may_end: set[UUID]
    """Jobs that did not end with these runs, and may have nothing left: end_finished checks them
    once the transaction is committed."""


NOTHING: Final = Written(set(), set())


def settle(connection: psycopg.Connection, batch: Sequence[Settlement]) -> set[UUID]:
    """Write a batch in one transaction; the ids of the runs whose token still matched.

    Jobs that have nothing left afterwards are ended as well.
    """
    written = write(connection, batch)
    end_finished(connection, written.may_end)
    return written.ids


def write(connection: psycopg.Connection, batch: Sequence[Settlement]) -> Written:
    """Write a batch in one transaction.

    Job rows are locked first, in order (lock_jobs): what is read of them afterwards is not changed
    by anybody else before the commit.
    """
    final = [each for each in batch if each.state is not None]
    again = [each for each in batch if each.state is None and each.within is None]
    later = [each for each in batch if each.within is not None]
    notifying = [each for each in final if each.may_notify]
    ending = [each for each in final if each.ends_job or each.gone]
    serial = [each for each in final if each.serial]
    ticking = [each for each in batch if each.ticks is not None]
    withdrawn = [each for each in final if is_withdrawn(each)]
    # All statements travel together where none waits for the answer of another.
    with connection.pipeline(), connection.transaction():
        following = followers(connection, [each.job_id for each in serial])
        to_lock = [*following, *[each.job_id for each in batch if moves_its_job(each)]]
        if to_lock:
            run(connection, "lock_jobs", {"job_ids": to_lock})
        if ticking:
            _move_ticks(connection, ticking)
        if withdrawn:
            _return_withdrawn(connection, withdrawn)
        answers = [
            _settle_final(connection, final),
            _settle_retry(connection, again),
            _settle_later(connection, later),
        ]
        last = [each for each in ending if not each.gone]
        settled = _ids(answers) if notifying or serial or len(last) < len(ending) else None
        if notifying and settled:
            _insert_events(connection, notifying, settled)
        if serial and settled:
            start_next(connection, list(_ended(serial, settled)), following)
        purged = purge(connection, map(_version_to_purge, last))
        if len(last) < len(ending) and settled:
            _end_jobs(connection, ending, settled)
    ids = _ids(answers) if settled is None else settled
    all_ended = sum(answer.rowcount for answer in purged) == len(last)
    left = [each for each in final if each.gone or not (all_ended and each.ends_job)]
    return Written(ids, {each.job_id for each in left if each.id in ids})


def moves_its_job(settlement: Settlement) -> bool:
    """Whether its job may end or go on with it, so that the job has to be locked."""
    final = settlement.ends_job or settlement.gone or settlement.serial or is_withdrawn(settlement)
    return settlement.ticks is not None or (settlement.state is not None and final)


def is_withdrawn(settlement: Settlement) -> bool:
    """Whether its job may get the firing back: it was cancelled by a pause, without an attempt.

    A worker does not know why a run was cancelled.
    """
    is_uncalled = settlement.state is RunState.CANCELLED and settlement.attempt is None
    return is_uncalled and settlement.reason in {None, PAUSED}


def _move_ticks(connection: psycopg.Connection, batch: Sequence[Settlement]) -> None:
    """Record the ticks that runs called before the settled one, and give them its id."""
    called = [(each, each.ticks) for each in batch if each.ticks is not None]
    before = [ticks.before for _, ticks in called if ticks.before is not None]
    if before:
        columns: dict[str, list[Any]] = {
            "ids": [each.id for each in before],
            "tokens": [each.token for each in before],
            "reasons": [each.reason for each in before],
        }
        run(connection, "record_ticks", columns | _attempts(before))
    columns = {
        "ids": [ticks.run_id for _, ticks in called],
        "tokens": [each.token for each, _ in called],
        "new_ids": [each.id for each, _ in called],
        "dues": [each.due_at for each, _ in called],
        "numbers": [ticks.number for _, ticks in called],
        "nexts": [ticks.next_at for _, ticks in called],
        "afters": [ticks.after_at for _, ticks in called],
    }
    run(connection, "move_ticks", columns)


def _return_withdrawn(connection: psycopg.Connection, batch: Sequence[Settlement]) -> None:
    params = {"ids": [each.id for each in batch], "tokens": [each.token for each in batch]}
    run(connection, "return_withdrawn", params)


def _ended(serial: Sequence[Settlement], settled: set[UUID]) -> Iterator[Ended]:
    for each in serial:
        if each.id in settled and each.state is not None:
            yield Ended(each.id, each.due_at, each.job_id, each.state)


def _insert_events(
    connection: psycopg.Connection, notifying: Sequence[Settlement], settled: set[UUID]
) -> None:
    ended = [(each.id, each.job_id, each.due_at) for each in notifying if each.id in settled]
    if ended:
        insert_wanted(connection, ended)


def _ids(answers: Sequence[Rows | None]) -> set[UUID]:
    return {row[0] for answer in answers if answer is not None for row in answer.fetchall()}


def _settle_final(connection: psycopg.Connection, batch: Sequence[Settlement]) -> Rows | None:
    if not batch:
        return None
    columns: dict[str, list[Any]] = {
        "ids": [each.id for each in batch],
        "tokens": [each.token for each in batch],
        "states": [each.state for each in batch],
        "reasons": _column([each.reason for each in batch]),
    }
    return run(connection, "settle_final", columns | _attempts(batch))


def _settle_retry(connection: psycopg.Connection, batch: Sequence[Settlement]) -> Rows | None:
    if not batch:
        return None
    columns: dict[str, Any] = {
        "ids": [each.id for each in batch],
        "tokens": [each.token for each in batch],
        "retries": [each.retry_at for each in batch],
        "reasons": _column([each.reason for each in batch]),
        "ahead": LOOK_AHEAD,
    }
    return run(connection, "settle_retry", columns | _attempts(batch))


def _settle_later(connection: psycopg.Connection, batch: Sequence[Settlement]) -> Rows | None:
    if not batch:
        return None
    columns: dict[str, Any] = {
        "ids": [each.id for each in batch],
        "tokens": [each.token for each in batch],
        "deadlines": [each.complete_by for each in batch],
        "reasons": _column([each.reason for each in batch]),
    }
    return run(connection, "settle_later", columns | _attempts(batch))


def _attempts(batch: Sequence[Settlement]) -> dict[str, list[Any]]:
    """The columns of the attempts; NULL in each where a settlement has no attempt."""
    attempts = [_NONE if each.attempt is None else each.attempt for each in batch]
    replies = [attempt.reply for attempt in attempts]
    timings = [reply.timing for reply in replies]
    return {
        "starts": _column([attempt.started_at for attempt in attempts]),
        "latenesses": _column([attempt.lateness_ms for attempt in attempts]),
        "statuses": _column([reply.status for reply in replies]),
        "errors": _column([reply.error for reply in replies]),
        "details": _column([_storable(reply.error_detail) for reply in replies]),
        "headers": _column([_headers(reply) for reply in replies]),
        "bodies": _column([reply.body[:KEPT_BODY] or None for reply in replies]),
        "dns": _column([timing.dns for timing in timings]),
        "connects": _column([timing.connect for timing in timings]),
        "tls": _column([timing.tls for timing in timings]),
        "first_bytes": _column([timing.first_byte for timing in timings]),
        "totals": _column([timing.total for timing in timings]),
    }


def _column(values: list[Any]) -> list[Any]:
    """The values, or an empty array where all are NULL: `unnest` fills it with NULL."""
    return values if values.count(None) < len(values) else []


def _version_to_purge(settlement: Settlement) -> tuple[UUID, int, bool]:
    return (
        settlement.job_id,
        settlement.job_version,
        settlement.state is not RunState.SUCCEEDED,
    )


def _end_jobs(
    connection: psycopg.Connection, ending: Sequence[Settlement], settled: set[UUID]
) -> None:
    gone = [each for each in ending if each.gone and each.id in settled]
    if gone:
        params = {
            "job_ids": [each.job_id for each in gone],
            "versions": [each.job_version for each in gone],
        }
        run(connection, "end_jobs", params)


def _headers(reply: Reply) -> str | None:
    """The headers as JSON text, without what text in PostgreSQL cannot hold."""
    if not reply.headers:
        return None if reply.kept else orjson.dumps(NOT_KEPT).decode()
    pairs = [(_storable(name), _storable(value)) for name, value in reply.headers]
    return orjson.dumps(pairs).decode()


def _storable(text: str | None) -> str | None:
    if text is None or (text.isascii() and "\0" not in text):
        return text
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
