"""Settlements: how a leased run ends or is parked, after its call or where none is made."""

from __future__ import annotations

from typing import Final

from app.delivery.addressing import missing
from app.domain.circuit_breaker import BlockReason
from app.domain.completion import within
from app.domain.job import Dialect
from app.domain.retry import Failed, RetryAt, Unreached, decide, is_success, too_old
from app.domain.run import Attempt, Reply, RunState
from app.store.parking import Parking
from app.store.settling import Settlement
from workers.dispatch.leased_run import LeasedRun

CONTENT_LOST: Final = "the content of its version is lost"

_GONE: Final = "The receiver answered 410: it is gone."

_SUSPENDED: Final = "suspended"
"""The destination of parked runs of a suspended account: no worker unparks them."""

_RETAKE_PAUSE_S: Final = 0.5
"""How soon a run is due again that could not be prepared: without a pause, it might fail again."""

_MAX_UNREADABLE_PAUSE_S: Final = 60.0
"""How late at most a run is due again that only a newer release can read."""

_MIN_KEY_PAUSE_S: Final = 5.0
_MAX_KEY_PAUSE_S: Final = 300.0
"""How soon, and how late at most, a run is due again that cannot be sent as a key is missing."""


def without_a_call(leased: LeasedRun, now: float) -> Settlement | None:
    """The settlement of a run that cannot be attempted; None where it can."""
    run = leased.run
    if run.url is None:
        return leased.settlement(RunState.DEAD, reason=CONTENT_LOST)
    if leased.address is None and run.dialect != Dialect.DAPR:
        return leased.settlement(RunState.FAILED, reason=missing(run.endpoint, run.dialect))
    again = run.attempts > run.attempts_before_redelivery
    over = too_old(leased.retry, due_at=run.due_at, now=leased.wall(now)) if again else None
    return None if over is None else leased.settlement(RunState.FAILED, reason=over)


def after_a_call(
    leased: LeasedRun, reply: Reply, *, now: float, jitter: float
) -> Settlement | Unreached:
    """The settlement after a call that ended `now`; Unreached where it used up no attempt."""
    begun = leased.begun_at
    attempt = Attempt(
        number=leased.run.attempts + 1,
        started_at=leased.wall(begun),
        lateness_ms=leased.lateness(begun) * 1000,
        reply=reply,
    )
    if is_success(reply, leased.retry):
        return _success(leased, attempt)
    verdict = decide(
        reply,
        attempts_made=attempt.number - leased.run.attempts_before_redelivery,
        due_at=leased.run.due_at,
        now=leased.wall(now),
        jitter=jitter,
        policy=leased.retry,
    )
    match verdict:
        case Failed(gone=True) if not leased.ends_its_job:
            return leased.settlement(RunState.FAILED, reason=_GONE, attempt=attempt)
        case Failed(reason=reason, gone=gone):
            return leased.settlement(RunState.FAILED, reason=reason, gone=gone, attempt=attempt)
        case RetryAt(reason=reason):
            return leased.settlement(retry=verdict, reason=reason, attempt=attempt)
        case Unreached():
            return verdict


def _success(leased: LeasedRun, attempt: Attempt) -> Settlement:
    """The settlement after a success; after a 202 the receiver may report the outcome later."""
    later = None if leased.is_event else within(attempt.reply)
    if later is None:
        return leased.settlement(RunState.SUCCEEDED, attempt=attempt)
    reason = f"The receiver has {later} s to report the result."
    return leased.settlement(within=later, reason=reason, attempt=attempt)


def parked_as_stopping(leased: LeasedRun) -> Parking:
    """Park a run that another worker is to call, as this one is being stopped."""
    return leased.park(0.0, BlockReason.STOPPING, "The worker that held it was stopped.")


def parked_as_unprepared(leased: LeasedRun) -> Parking:
    """Park a run whose worker took it and could not read what its call needs."""
    reason = "The worker that took it could not read the data of its account."
    return leased.park(_RETAKE_PAUSE_S, BlockReason.UNPREPARED, reason)


def parked_as_unreadable(leased: LeasedRun, now: float) -> Parking:
    """Park a run that this release cannot read; the later it is, the longer."""
    reason = "The worker that took it is of an earlier release, and cannot read its options."
    park_for = min(max(_RETAKE_PAUSE_S, leased.lateness(now)), _MAX_UNREADABLE_PAUSE_S)
    return leased.park(park_for, BlockReason.UNPREPARED, reason)


def parked_as_suspended(leased: LeasedRun) -> Parking:
    """Park a run of a suspended account, which no worker is notified of until that is resumed."""
    reason = "The account is suspended."
    return leased.park(0.0, BlockReason.SUSPENDED, reason, destination=_SUSPENDED)


def parked_without_key(leased: LeasedRun, reason: str, now: float) -> Parking:
    """Park a run that cannot be sent as a key is missing; the later it is, the longer."""
    park_for = min(max(_MIN_KEY_PAUSE_S, leased.lateness(now)), _MAX_KEY_PAUSE_S)
    return leased.park(park_for, BlockReason.KEY_MISSING, reason)
