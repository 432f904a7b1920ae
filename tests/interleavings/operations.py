"""Operations: what schedulers, workers and clients do to a job, each with a documented result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final

import psycopg

from app.domain.circuit_breaker import BlockReason
from app.domain.completion import Completion, Result
from app.domain.firing_rate import Allowed, FiringLimits
from app.domain.job import Booking, ReadOnlyMembers
from app.domain.native.trigger import Cron
from app.domain.one_time import At
from app.domain.run import SETTLED
from app.domain.run_filter import RunFilter
from app.domain.trigger import is_recurring
from app.errors import Conflict, NotFound, Refused, Unavailable
from app.service import completions, job_selection, jobs, jobs_by_name, manual_calls, pauses, runs
from app.service.job_selection import JobAction
from app.store import orphans, suspension
from app.store.database_errors import ACCOUNT_GONE
from app.store.parking import Parking, park, unpark
from app.store.postponing import queued_accounts
from app.store.rescue import check
from app.store.single_settling import settle_singly_if_needed
from app.store.takes import Taken, payloads, poll_cancellations, renew_leases, untaken
from tests.interleavings.case import (
    Case,
    claim_due,
    raise_for,
    settlement,
    take_all,
    withdrawal,
)

DESTINATION: Final = "http://127.0.0.1:2"
OTHER_DATA: Final = b"two"
OTHER_YEARLY: Final = Cron(expression="0 0 0 2 1 ? *")

Do = Callable[[Case, psycopg.Connection], object]


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation. What a client is answered is part of its result."""

    name: str
    do: Do
    is_client: bool = False
    stops: bool = False
    """Whether no call of the job begins after its answer."""
    skips: bool = False
    """Whether it passes over rows that are locked, and comes back to them later."""

    def idle(self) -> Operation:
        """The operation where all rows are locked."""
        return replace(self, do=_nothing, skips=False)

    def perform(self, case: Case, connection: psycopg.Connection) -> str:
        """Do it; return what the client is answered, or nothing for a process."""
        try:
            answer = self.do(case, connection)
        except Refused as refused:
            return refused.code
        except Unavailable as error:
            if f"{error}" != ACCOUNT_GONE:
                raise
            return ACCOUNT_GONE
        if self.stops:
            case.stopped.add(case.job_id)
        return f"done {answer or ''}".strip() if self.is_client else ""


# What processes do.


def _nothing(_case: Case, _connection: psycopg.Connection) -> None:
    """Do nothing."""


def _claim(case: Case, connection: psycopg.Connection) -> None:
    case.tickets += claim_due(connection)


def _claim_limited(case: Case, connection: psycopg.Connection) -> None:
    """As a scheduler that knows that the account may have one run under way."""
    of = {case.limited.account.id: Allowed(runs=1)}
    queued = queued_accounts(connection)
    case.tickets += claim_due(connection, FiringLimits(of=of, queued=queued & set(of)))


def _check(case: Case, connection: psycopg.Connection) -> None:
    found = check(connection, limit=100, leases_count=True)
    case.tickets += [(each.run_id, each.token) for each in found.to_notify]
    if found.ended:
        settle_singly_if_needed(connection, found.ended)


def _sweep(_case: Case, connection: psycopg.Connection) -> None:
    orphans.rearm_orphans(connection, limit=10, unreadable=raise_for)


def _serve(case: Case, connection: psycopg.Connection) -> None:
    """Take what workers were notified of, call what is not cancelled, and settle it."""
    call_and_settle(case, connection, take_all(connection, case.tickets))


def _serve_unnotified(case: Case, connection: psycopg.Connection) -> None:
    call_and_settle(
        case, connection, take_all(connection, untaken(connection, late=-1.0, limit=100))
    )


def call_and_settle(case: Case, connection: psycopg.Connection, taken: list[Taken]) -> None:
    """Call what was taken and is not cancelled, and settle it."""
    if not taken:
        return
    withdrawn = poll_cancellations(connection)
    if case.leases_have_ended:
        return
    batch = []
    for each in taken:
        if withdrawn.withdrawn.get(each.id, -1) >= each.token:
            batch.append(withdrawal(each))
        elif each.account_id in withdrawn.suspended:
            park(connection, [parked(each)])
        else:
            if each.job_id in case.stopped:
                case.violations.append(f"a {each.kind} run was called after its job was stopped")
            case.call(each)
            batch.append(settlement(each, "succeeded"))
    settle_singly_if_needed(connection, batch)


def parked(run: Taken) -> Parking:
    """What a worker writes for a run that it gives back."""
    return Parking(run.id, run.token, DESTINATION, 60.0, BlockReason.FULL, "it waits for room")


def _settles(answer: str) -> Do:
    def settle(case: Case, connection: psycopg.Connection) -> None:
        held, case.held = case.held, []
        settle_singly_if_needed(connection, [settlement(each, answer) for each in held])

    return settle


def _settles_one(number: int) -> Do:
    def settle(case: Case, connection: psycopg.Connection) -> None:
        run = sorted(case.held, key=lambda each: each.kind)[number]
        settle_singly_if_needed(connection, [settlement(run, "succeeded")])
        case.held = [each for each in case.held if each is not run]

    return settle


def _renew(case: Case, connection: psycopg.Connection) -> None:
    renew_leases(connection, [(each.id, each.token) for each in case.held])


def _load(case: Case, connection: psycopg.Connection) -> None:
    payloads(connection, [(each.id, each.token) for each in case.held])


def _park(case: Case, connection: psycopg.Connection) -> None:
    """A worker that stops gives its runs back. One whose row is locked is given back later."""
    held, case.held = case.held, []
    _, locked = park(connection, [parked(each) for each in held])
    case.to_park = [each for each in held if each.id in locked]


def _unpark(case: Case, connection: psycopg.Connection) -> None:
    found = unpark(connection, [((case.caller.account.id, DESTINATION), 10)])
    case.tickets += [each for some in found.values() for each in some]


# What clients do, in any dialect.


def _pause(case: Case, _: psycopg.Connection) -> None:
    pauses.pause(case.context, case.caller, case.job_id)


def _resume(case: Case, _: psycopg.Connection) -> None:
    pauses.resume(case.context, case.caller, case.job_id)


def _delete(case: Case, _: psycopg.Connection) -> None:
    jobs.delete(case.context, case.caller, case.job_id)


def _fire(case: Case, _: psycopg.Connection) -> None:
    manual_calls.call_now(case.context, case.caller, case.job_id)


def _redeliver(case: Case, _: psycopg.Connection) -> None:
    try:
        runs.redeliver(case.context, case.caller, case.run_id())
    except Conflict as conflict:
        # While an account is erased, what a run sent is gone a moment before the run is.
        if case.is_being_erased:
            raise NotFound(f"{conflict}") from None
        raise


def _redeliver_all(case: Case, _: psycopg.Connection) -> str:
    wanted = RunFilter(states=SETTLED)
    sent = runs.redeliver_all(case.context, case.caller, wanted, after=None)
    return f"{sent.count} and {sent.lost} lost"


def _completes(result: Result) -> Do:
    def complete(case: Case, _: psycopg.Connection) -> None:
        reported = Completion(result=result)
        completions.complete(case.context, case.run_id(), reported, account_id=None)

    return complete


# What clients do with native jobs.


def _replaced(case: Case, **members: Any) -> Booking:
    booking = case.booking
    if not is_recurring(booking.trigger):
        members = {"trigger": At(instant=_tomorrow(case)), **members}
    return replace(booking, data=OTHER_DATA, **members)


def _tomorrow(case: Case) -> Any:
    return case.now.replace(microsecond=0) + timedelta(days=1)


def _replace(case: Case, _: psycopg.Connection) -> None:
    jobs.update(case.context, case.caller, case.job_id, _replaced(case), ReadOnlyMembers())


def _disable(case: Case, _: psycopg.Connection) -> None:
    booking = _replaced(case, enabled=False)
    jobs.update(case.context, case.caller, case.job_id, booking, ReadOnlyMembers())


def _reschedule(case: Case, _: psycopg.Connection) -> None:
    booking = _replaced(case, trigger=OTHER_YEARLY)
    jobs.update(case.context, case.caller, case.job_id, booking, ReadOnlyMembers())


def _put(case: Case, _: psycopg.Connection) -> str:
    return str(
        jobs_by_name.put(case.context, case.caller, _replaced(case), ReadOnlyMembers()).outcome
    )


def _put_the_same(case: Case, _: psycopg.Connection) -> str:
    booking = case.booking
    return str(jobs_by_name.put(case.context, case.caller, booking, ReadOnlyMembers()).outcome)


def _delete_by_name(case: Case, _: psycopg.Connection) -> None:
    jobs_by_name.delete(case.context, case.caller, case.booking.name or "")


def _book_again(case: Case, _: psycopg.Connection) -> None:
    """Book another job under the same name."""
    jobs.create(case.context, case.caller, _replaced(case))


def _tag(case: Case, _: psycopg.Connection) -> str:
    applied = job_selection.apply(
        case.context, case.caller, JobAction.TAG, [case.job_id], tag="urgent"
    )
    return f"{applied.done} of 1"


# What the operator does.


def _suspend(case: Case, connection: psycopg.Connection) -> None:
    suspension.suspend(connection, case.caller.account.id)


def _end_suspension(case: Case, connection: psycopg.Connection) -> None:
    suspension.resume(connection, case.caller.account.id)
    for _ in suspension.release(connection, case.caller.account.id):
        pass


CLAIM: Final = Operation("claim", _claim, skips=True)
CLAIM_LIMITED: Final = Operation("claim within limits", _claim_limited, skips=True)
CHECK: Final = Operation("check", _check, skips=True)
SWEEP: Final = Operation("sweep orphans", _sweep, skips=True)
SERVE: Final = Operation("serve", _serve, skips=True)
SERVE_UNNOTIFIED: Final = Operation("serve unnotified", _serve_unnotified, skips=True)
RENEW: Final = Operation("renew", _renew, skips=True)
LOAD: Final = Operation("load payloads", _load)
PARK: Final = Operation("park", _park, skips=True)
UNPARK: Final = Operation("unpark", _unpark, skips=True)
SETTLE: Final = tuple(
    Operation(f"settle {answer}", _settles(answer))
    for answer in ("succeeded", "failed", "gone", "again", "later")
)
SETTLE_ONE: Final = tuple(
    Operation(f"settle run {number}", _settles_one(number)) for number in (0, 1)
)
SUSPEND: Final = Operation("suspend", _suspend, is_client=True)
END_SUSPENSION: Final = Operation("end suspension", _end_suspension, is_client=True)

PAUSE: Final = Operation("pause", _pause, is_client=True, stops=True)
RESUME: Final = Operation("resume", _resume, is_client=True)
DELETE: Final = Operation("delete", _delete, is_client=True, stops=True)
FIRE: Final = Operation("fire", _fire, is_client=True)
REDELIVER: Final = Operation("redeliver", _redeliver, is_client=True)
REDELIVER_ALL: Final = Operation("redeliver all", _redeliver_all, is_client=True)
COMPLETE: Final = tuple(
    Operation(f"complete {result}", _completes(result), is_client=True)
    for result in (Result.SUCCEEDED, Result.FAILED)
)

REPLACE: Final = Operation("replace", _replace, is_client=True)
DISABLE: Final = Operation("disable", _disable, is_client=True, stops=True)
RESCHEDULE: Final = Operation("reschedule", _reschedule, is_client=True)
PUT: Final = Operation("put by name", _put, is_client=True)
PUT_THE_SAME: Final = Operation("put the same", _put_the_same, is_client=True)
DELETE_BY_NAME: Final = Operation("delete by name", _delete_by_name, is_client=True, stops=True)
BOOK_AGAIN: Final = Operation("book again", _book_again, is_client=True)
TAG: Final = Operation("tag", _tag, is_client=True)

NATIVE: Final = (
    PAUSE,
    RESUME,
    DELETE,
    FIRE,
    REPLACE,
    DISABLE,
    RESCHEDULE,
    PUT,
    PUT_THE_SAME,
    DELETE_BY_NAME,
    BOOK_AGAIN,
    TAG,
)
"""What clients do with a native job."""
