"""Series: operations of a worker whose run calls several ticks of a Dapr job in a row."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import psycopg

from app.domain.retry import Unreached
from app.domain.run import Reply, RunState, Timing
from app.store.settling import Settlement
from app.store.single_settling import settle_singly_if_needed
from app.store.takes import poll_cancellations
from tests.interleavings.case import Case, take_all
from tests.interleavings.dialects import NAME, dapr_booking
from tests.interleavings.operations import Do, Operation
from workers.dispatch.leased_run import LeasedRun, lease
from workers.dispatch.settlements import after_a_call

_NOW: Final = 0.001
"""The time by the worker's clock: all of its calls are made at once."""

_EVERY: Final = timedelta(milliseconds=10)
_TICKS: Final = 4


def book_ticks(case: Case) -> None:
    """A job of an app with four ticks, all of them due, which one run may call."""
    booking = dapr_booking(case.due_at - _EVERY, schedule="@every 10ms", repeats=_TICKS)
    case.book(NAME, booking, case.due_at)


def _serve(case: Case, connection: psycopg.Connection) -> None:
    """Take what workers were notified of, call its ticks, and settle it."""
    for run in take_all(connection, case.tickets):
        leased = lease(run, (), sent_at=0.0, answered=0.0)
        settle_singly_if_needed(connection, [_called(case, connection, leased)])


def _settles(*, most: int = _TICKS, fails_at: int | None = None) -> Do:
    """Call the ticks after the first one, and settle them.

    At most so many ticks are called, as by a worker that is then stopped; the call of number
    `fails_at` fails, counted from 0.
    """

    def settle(case: Case, connection: psycopg.Connection) -> None:
        held, case.held = case.held, []
        for run in held:
            leased = lease(run, (), sent_at=0.0, answered=0.0)
            made = _called(case, connection, leased, is_begun=True, most=most, fails_at=fails_at)
            settle_singly_if_needed(connection, [made])

    return settle


def _called(
    case: Case,
    connection: psycopg.Connection,
    leased: LeasedRun,
    *,
    is_begun: bool = False,
    most: int = _TICKS,
    fails_at: int | None = None,
) -> Settlement:
    """Call tick after tick, each after a poll for cancellations; return what is to be written."""
    while True:
        if not is_begun:
            if leased.is_withdrawn_by(poll_cancellations(connection).withdrawn):
                return leased.settlement(RunState.CANCELLED)
            if leased.run.job_id in case.stopped:
                case.violations.append("a tick was called after its job was stopped")
            case.call(leased.run._replace(id=leased.call_id))
        is_begun = False
        reply = Reply(500 if leased.tick == fails_at else 204, timing=Timing(total=1.0))
        made = after_a_call(leased, reply, now=_NOW, jitter=0.0)
        if isinstance(made, Unreached):
            raise TypeError("each call reaches the app")
        if not leased.has_further_tick(made, _NOW):
            return made
        leased.advance_tick(made)
        if leased.tick == most:
            return leased.interrupted_settlement("The worker that held it was stopped.")


SERVE_TICKS: Final = Operation("serve ticks", _serve, skips=True)
SETTLE_TICKS: Final = (
    Operation("settle all ticks", _settles()),
    Operation("settle ticks, the third failed", _settles(fails_at=2)),
    Operation("settle two ticks and stop", _settles(most=2)),
)
