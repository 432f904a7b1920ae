"""Settling: what came of runs is written, in batches, by whoever still holds their tokens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import orjson
import psycopg

from app.domain.run import KEPT_BODY, Attempt, Reply, RunState, Timing
from app.domain.timings.claiming import LOOK_AHEAD
from app.store.events import tell
from app.store.job_ends import end_finished, purge
from app.store.queries import Answer, run
from app.store.serial import Ended, followers, move_on

NOT_KEPT: Final[list[list[str]]] = []
"""In place of headers, where neither they nor the body were kept; NULL is an answer without any."""

_NONE: Final[Any] = Attempt(0, None, None, Reply(timing=Timing(total=None)))  # type: ignore[arg-type] # a row of nothing


class CalledTicks(NamedTuple):
    """The ticks of one job that one run has called, in a row, up to the one that is settled.

    `run_id` is what the run is known by until then. `number` further ticks had their turn;
    `next_at` was the first of them, `after_at` is the one that follows the last, None where none
    does. `before` is what is to be recorded of the ticks before the one that is settled, if that
    has a run of its own.
    """

    run_id: UUID
    number: int
    next_at: datetime
    after_at: datetime | None
    before: Settlement | None


class Settlement(NamedTuple):
    """What came of one run under one token.

    Either `state` is final, or `retry_at` says when the next attempt begins, or `within` how many
    seconds the receiver has to say what came of it. `last` is true where the job has no further
    firing and so ends with this run; `ends_job` where the receiver said so.
    """

    id: UUID
    token: int
    job_id: UUID
    job_version: int
    due_at: datetime
    state: RunState | None
    retry_at: datetime | None
    reason: str | None
    last: bool
    ends_job: bool
    attempt: Attempt | None
    within: int | None = None
    tells: bool = False
    """Whether its job may want to be told of this end."""
    punctual: bool = True
    """Whether its lateness says how late the service is: not that of calls by hand and events,
    nor of firings that were missed while their job was paused."""
    serial: bool = False
    """Whether the calls of its job must not overlap, so that what follows waits for this end."""
    ticks: CalledTicks | None = None
    """What else its run has called, where that is more than one tick."""

    @property
    def row_id(self) -> UUID:
        """What the run is known by until it is settled."""
        return self.id if self.ticks is None else self.ticks.run_id


class Written(NamedTuple):
    """What a transaction wrote: the runs whose token still matched, and the jobs they may end.

    `may_end` has the jobs that did not end with these runs, and perhaps have nothing left: once the
    transaction is committed, they are to be looked at (end_finished).
    """

    ids: set[UUID]
    may_end: set[UUID]


NOTHING: Final = Written(set(), set())


def settle(connection: psycopg.Connection, batch: Sequence[Settlement]) -> set[UUID]:
    """Write a batch in one transaction; the ids of the runs whose token still matched.

    The jobs of which nothing is left then have ended as well.
    """
    written = write(connection, batch)
    end_finished(connection, written.may_end)
    return written.ids


def write(connection: psycopg.Connection, batch: Sequence[Settlement]) -> Written:
    """Write a batch in one transaction.

    Job rows are locked first (lock_jobs), in order; what is read of them afterwards is their
    last word.
    """
    final = [each for each in batch if each.state is not None]
    again = [each for each in batch if each.state is None and each.within is None]
    later = [each for each in batch if each.within is not None]
    telling = [each for each in final if each.tells]
    ending = [each for each in final if each.last or each.ends_job]
    serial = [each for each in final if each.serial]
    ticking = [each for each in batch if each.ticks is not None]
    # All statements travel together where none waits for the answer of another.
    with connection.pipeline(), connection.transaction():
        following = followers(connection, [each.job_id for each in serial])
        to_lock = [*following, *[each.job_id for each in batch if moves_its_job(each)]]
        if to_lock:
            run(connection, "lock_jobs", {"job_ids": to_lock})
        if ticking:
            _move_ticks(connection, ticking)
        answers = [
            _settle_final(connection, final),
            _settle_retry(connection, again),
            _settle_later(connection, later),
        ]
        last = [each for each in ending if not each.ends_job]
        settled = _ids(answers) if telling or serial or len(last) < len(ending) else None
        if telling and settled:
            _tell(connection, telling, settled)
        if serial and settled:
            move_on(connection, list(_ended(serial, settled)), following)
        purged = purge(connection, map(_version_to_purge, last))
        if len(last) < len(ending) and settled:
            _end_jobs(connection, ending, settled)
    ids = _ids(answers) if settled is None else settled
    all_ended = sum(answer.rowcount for answer in purged) == len(last)
    left = [each for each in final if each.ends_job or not (all_ended and each.last)]
    return Written(ids, {each.job_id for each in left if each.id in ids})


def moves_its_job(settlement: Settlement) -> bool:
    """Whether its job may end or go on with it, so that the job has to be locked."""
    final = settlement.last or settlement.ends_job or settlement.serial
    return settlement.ticks is not None or (settlement.state is not None and final)


def _move_ticks(connection: psycopg.Connection, batch: Sequence[Settlement]) -> None:
    """Record what runs have called before the tick that is settled, which they stand for then."""
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


def _ended(serial: Sequence[Settlement], settled: set[UUID]) -> Iterator[Ended]:
    for each in serial:
        if each.id in settled and each.state is not None:
            yield Ended(each.id, each.due_at, each.job_id, each.state)


def _tell(
    connection: psycopg.Connection, telling: Sequence[Settlement], settled: set[UUID]
) -> None:
    ended = [(each.id, each.job_id, each.due_at) for each in telling if each.id in settled]
    if ended:
        tell(connection, ended)


def _ids(answers: Sequence[Answer | None]) -> set[UUID]:
    return {row[0] for answer in answers if answer is not None for row in answer.fetchall()}


def _settle_final(connection: psycopg.Connection, batch: Sequence[Settlement]) -> Answer | None:
    if not batch:
        return None
    columns: dict[str, list[Any]] = {
        "ids": [each.id for each in batch],
        "tokens": [each.token for each in batch],
        "states": [each.state for each in batch],
        "reasons": _column([each.reason for each in batch]),
    }
    return run(connection, "settle_final", columns | _attempts(batch))


def _settle_retry(connection: psycopg.Connection, batch: Sequence[Settlement]) -> Answer | None:
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


def _settle_later(connection: psycopg.Connection, batch: Sequence[Settlement]) -> Answer | None:
    if not batch:
        return None
    columns: dict[str, Any] = {
        "ids": [each.id for each in batch],
        "tokens": [each.token for each in batch],
        "withins": [each.within for each in batch],
        "reasons": _column([each.reason for each in batch]),
    }
    return run(connection, "settle_later", columns | _attempts(batch))


def _attempts(batch: Sequence[Settlement]) -> dict[str, list[Any]]:
    """The columns of the attempts; where a settlement has none, nothing stands in any."""
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
    """The values, or none at all where all are NULL: `unnest` makes up for them."""
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
    gone = [each for each in ending if each.ends_job and each.id in settled]
    if gone:
        params = {
            "job_ids": [each.job_id for each in gone],
            "versions": [each.job_version for each in gone],
        }
        run(connection, "end_jobs", params)


def _headers(reply: Reply) -> str | None:
    """The headers as JSON text; a receiver may send what text in PostgreSQL cannot hold."""
    if not reply.headers:
        return None if reply.kept else orjson.dumps(NOT_KEPT).decode()
    pairs = [(_storable(name), _storable(value)) for name, value in reply.headers]
    return orjson.dumps(pairs).decode()


def _storable(text: str | None) -> str | None:
    if text is None or (text.isascii() and "\0" not in text):
        return text
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
