"""Rescue: checks the runs in flight whose check time (look_at) has come, and acts on each."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

import psycopg

from app.domain.call_options import DEFAULT_OPTIONS, CallOptions
from app.domain.completion import Completion, Result
from app.domain.firing_rate import UNLIMITED, FiringLimits
from app.domain.instants import format_utc
from app.domain.quarantine import after_death, is_alone
from app.domain.rescue import Action, judge
from app.domain.retry import Failed, RetryAt, again
from app.domain.retry_policy import DEFAULT
from app.domain.run import FIRST_TOKEN, RunKind, RunState
from app.domain.timings.claiming import DEFER_UNREADABLE, MAX_INSTANT, RENOTIFY_AFTER, UNBOUNDED_S
from app.store.call_options import exactly
from app.store.claims import Claimed
from app.store.halving import by_halves, is_refused, raise_refusal, unless_refused
from app.store.postponing import Fresh, give_turns
from app.store.queries import run
from app.store.settling import Settlement
from app.store.unsettled import Unsettled, settlement


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckResult:
    """The result of one check."""

    to_notify: list[Claimed]
    """Runs of which workers have to be notified."""
    ended: list[Settlement]
    """Ends and retries that the caller has to settle."""
    reclaimed: int
    """The number of runs whose lease ran out."""
    full: bool
    """Whether `limit` rows were found, so that more may wait."""
    begun: Counter[int]
    """By account, the number of runs that begin now and were not made by a claim."""
    postponed: int
    """The number of runs that were postponed, because their account is at a limit."""


@dataclass(frozen=True, slots=True)
class _Checkable(Unsettled):
    reclaims: int
    cancelled: bool
    reason: str | None
    lease_left: float | None
    tries: int
    complete_by: datetime | None
    deadline_left: float | None
    completion: str | None
    message: str | None
    account_id: int
    fresh_at: datetime | None
    kind: str
    group_size: int | None


_NOTIFYING: Final = frozenset({Action.NOTIFY, Action.RECLAIM})
_FINAL: Final = {Action.CANCEL: RunState.CANCELLED, Action.KILL: RunState.DEAD}
_DEAD_REASON: Final = "every worker that took it ended before it could report the result"


def check(
    connection: psycopg.Connection,
    *,
    limit: int,
    leases_count: bool,
    limits: FiringLimits = UNLIMITED,
    lookback: float = UNBOUNDED_S,
    until: datetime = MAX_INSTANT,
    jitter: Callable[[], float] = random.random,
    unreadable: Callable[[UUID, Exception], None] = raise_refusal,
) -> CheckResult:
    """Judge up to `limit` runs; notify again, postpone and reclaim them in one transaction.

    Runs whose check time was more than `lookback` seconds ago are left out. The database's clock is
    believed up to `until`.

    For a run that this release cannot read, or whose row the database refuses to change,
    `unreadable` is called, and the run is checked again later: a newer release may have written it.

    The caller settles the ends afterwards, under their tokens: everywhere, the due row of a job is
    locked before its runs, and here the runs are locked already.
    """
    bounds = {"limit": limit, "lookback": lookback, "until": until, "named": None}

    def check_named(ids: Sequence[UUID] | None) -> CheckResult:
        chosen = {**bounds, "named": None if ids is None else list(ids)}
        return _check(
            connection,
            chosen,
            leases_count=leases_count,
            limits=limits,
            jitter=jitter,
            unreadable=unreadable,
        )

    try:
        return check_named(None)
    except Exception as error:
        if not is_refused(error):
            raise
    with connection.transaction():
        ids = [row[0] for row in run(connection, "fetch_checkable", bounds)]
    checked = by_halves(ids, check_named)
    for run_id, refusal in checked.refused:
        unreadable(run_id, refusal)
        # A run that is not put off is found again by the next check.
        unless_refused(partial(defer, connection, [run_id]))
    return _together(checked.done, full=len(ids) == limit)


def _together(parts: Sequence[CheckResult], *, full: bool) -> CheckResult:
    return CheckResult(
        to_notify=[each for part in parts for each in part.to_notify],
        ended=[each for part in parts for each in part.ended],
        reclaimed=sum(part.reclaimed for part in parts),
        full=full,
        begun=sum((part.begun for part in parts), Counter[int]()),
        postponed=sum(part.postponed for part in parts),
    )


def _check(
    connection: psycopg.Connection,
    chosen: Mapping[str, Any],
    *,
    leases_count: bool,
    limits: FiringLimits,
    jitter: Callable[[], float],
    unreadable: Callable[[UUID, Exception], None],
) -> CheckResult:
    with connection.transaction():
        found = run(connection, "fetch_checkable", chosen).fetchall()
        rows = [_Checkable(*row) for row in found]
        unread: list[UUID] = []
        verdicts = list(_verdicts(rows, unread, unreadable, leases_count=leases_count))
        fresh = list(_fresh(verdicts))
        turns = give_turns(connection, fresh, limits)
        held_up = turns.waiting | turns.queued
        notifying = [
            each for each in verdicts if each[1] in _NOTIFYING and each[0].id not in held_up
        ]
        to_notify = _notify_again(connection, notifying)
        left = [row.id for row, action in verdicts if action is Action.LEAVE]
        if left:
            run(connection, "check_later", {"ids": left})
        expired = [row for row, action in verdicts if action is Action.EXPIRE]
        overdue = _expire(connection, expired, unread, unreadable, jitter) if expired else []
        defer(connection, unread)
    ended = [_end(row, _FINAL[action]) for row, action in verdicts if action in _FINAL]
    completed = [_complete(row) for row, action in verdicts if action is Action.COMPLETE]
    return CheckResult(
        to_notify=to_notify,
        ended=[*ended, *completed, *overdue],
        reclaimed=sum(action is Action.RECLAIM for _, action in verdicts),
        full=len(rows) == chosen["limit"],
        begun=Counter(each.account_id for each in fresh if each.id not in turns.queued),
        postponed=len(held_up),
    )


def _fresh(verdicts: Iterable[tuple[_Checkable, Action]]) -> Iterator[Fresh]:
    """Yield the runs that begin only now, whose turn the limits of their accounts decide."""
    for row, action in verdicts:
        if action is Action.NOTIFY and row.fresh_at is not None:
            yield Fresh(
                row.id,
                row.account_id,
                row.fresh_at,
                row.due_at if row.kind == RunKind.SCHEDULED else None,
                row.reason,
                # The request that asked for the run, or for its redelivery, has counted it.
                counted=row.kind == RunKind.MANUAL or row.token > FIRST_TOKEN,
            )


def defer(
    connection: psycopg.Connection, ids: Sequence[UUID], pause: timedelta = DEFER_UNREADABLE
) -> None:
    """Check these runs after the pause: acting on them now failed, and may fail again."""
    if ids:
        run(connection, "defer", {"ids": list(ids), "pause": pause})


def _verdicts(
    rows: Sequence[_Checkable],
    unread: list[UUID],
    unreadable: Callable[[UUID, Exception], None],
    *,
    leases_count: bool,
) -> Iterator[tuple[_Checkable, Action]]:
    for row in rows:
        try:
            if row.completion is not None:
                Result(row.completion)
            yield row, _verdict(row, leases_count=leases_count)
        except ValueError as error:
            unread.append(row.id)
            unreadable(row.id, error)


def _verdict(row: _Checkable, *, leases_count: bool) -> Action:
    return judge(
        RunState(row.state),
        cancelled=row.cancelled,
        lease_left=row.lease_left,
        reclaims=row.reclaims,
        leases_count=leases_count,
        alone=is_alone(row.group_size),
        completed=row.completion is not None,
        deadline_left=row.deadline_left,
    )


def _notify_again(
    connection: psycopg.Connection, verdicts: Sequence[tuple[_Checkable, Action]]
) -> list[Claimed]:
    if not verdicts:
        return []
    after = [after_death(row.reclaims, row.group_size) for row, _ in verdicts]
    params: dict[str, Any] = {
        "ids": [row.id for row, _ in verdicts],
        "reclaimed": [int(action is Action.RECLAIM) for _, action in verdicts],
        "reclaims": [each.reclaims for each in after],
        "group_sizes": [each.group_size for each in after],
        "renotify_after": RENOTIFY_AFTER,
    }
    return [Claimed._make(row) for row in run(connection, "notify_again", params).fetchall()]


def _expire(
    connection: psycopg.Connection,
    rows: Sequence[_Checkable],
    unread: list[UUID],
    unreadable: Callable[[UUID, Exception], None],
    jitter: Callable[[], float],
) -> list[Settlement]:
    """Return what follows for runs that were not completed in time: as after a failed attempt."""
    found = run(connection, "call_options", {"ids": [row.id for row in rows]}).fetchall()
    options_of = {run_id: (document, now) for run_id, document, now in found}
    expired: list[Settlement] = []
    for row in rows:
        document, now = options_of[row.id]
        try:
            options = DEFAULT_OPTIONS if document is None else exactly(document)
        except Exception as error:  # noqa: BLE001 - one bad row never stops the loop
            unread.append(row.id)
            unreadable(row.id, error)
        else:
            expired.append(_expired(row, options, now, jitter()))
    return expired


def _expired(row: _Checkable, options: CallOptions, now: datetime, jitter: float) -> Settlement:
    verdict = again(
        f"The run was not completed by {format_utc(row.complete_by or now)}.",
        attempts_made=row.tries,
        due_at=row.due_at,
        now=now,
        jitter=jitter,
        policy=options.retry or DEFAULT,
    )
    match verdict:
        case RetryAt(instant=instant, reason=reason):
            return settlement(row, None, reason)._replace(retry_at=instant)
        case Failed(reason=reason):
            return settlement(row, RunState.FAILED, reason)


def _complete(row: _Checkable) -> Settlement:
    completion = Completion(result=Result(row.completion or ""), message=row.message)
    return settlement(row, completion.state, completion.reason)


def _end(row: _Checkable, state: RunState) -> Settlement:
    return settlement(row, state, row.reason if state is RunState.CANCELLED else _DEAD_REASON)
