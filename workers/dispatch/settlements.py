"""Settlements: what is to be written of a held run, after its call or where none is made."""

from __future__ import annotations

from typing import Final

from app.delivery.addressing import missing
from app.domain.completion import within
from app.domain.job import Dialect
from app.domain.retry import Failed, RetryAt, Unreached, decide, is_success, too_old
from app.domain.run import Attempt, RunState
from app.store.settling import Settlement
from workers.dispatch.leased_run import LeasedRun

LOST: Final = "the content of its version is lost"

_GONE: Final = "The receiver answered 410: it is gone."


def without_a_call(leased: LeasedRun, now: float) -> Settlement | None:
    """How a run ends for which no further attempt can be made; None where one can."""
    run = leased.run
    if run.url is None:
        return leased.settlement(RunState.DEAD, reason=LOST)
    if leased.address is None and run.dialect != Dialect.DAPR:
        return leased.settlement(RunState.FAILED, reason=missing(run.endpoint, run.dialect))
    again = run.attempts > run.tried
    over = too_old(leased.retry, due_at=run.due_at, now=leased.wall(now)) if again else None
    return None if over is None else leased.settlement(RunState.FAILED, reason=over)


def after_a_call(
    leased: LeasedRun, attempt: Attempt, *, now: float, jitter: float
) -> Settlement | Unreached:
    """What came of a call that was answered `now`, or failed; Unreached where nothing did."""
    reply = attempt.reply
    if is_success(reply, leased.retry):
        return _success(leased, attempt)
    verdict = decide(
        reply,
        attempts_made=attempt.number - leased.run.tried,
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
    """The receiver took the call; of a 202 it may say later what came of it."""
    later = None if leased.is_event else within(attempt.reply)
    if later is None:
        return leased.settlement(RunState.SUCCEEDED, attempt=attempt)
    reason = f"The receiver has {later} s to say what came of it."
    return leased.settlement(within=later, reason=reason, attempt=attempt)
