"""Situations: the states of a job in which two operations meet, and which operations do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Final

from app.domain.circuit_breaker import BlockReason
from app.domain.job import Booking
from app.domain.native.trigger import Cron
from app.domain.one_time import At
from app.domain.trigger import Trigger
from app.service import manual_calls, pauses
from app.store import suspension
from app.store.parking import Parking, park
from app.store.settling import settle, write
from tests.interleavings import operations as o
from tests.interleavings.accounts import DELETE_ACCOUNT
from tests.interleavings.case import AGO, Case, claim_due, settlement, take_all
from tests.interleavings.dialects import (
    MOVIES,
    NAME,
    OF_DAPR,
    OF_FOLLOWERS,
    OF_FUSION,
    REPORTS,
    dapr_booking,
    save_follower,
    save_movies,
)
from tests.interleavings.operations import DESTINATION, Operation
from tests.interleavings.overdue import BEGIN_ONE_OVERDUE, BEGIN_OVERDUE, BEGIN_OVERDUE_LIMITED
from tests.interleavings.series import SERVE_TICKS, SETTLE_TICKS, book_ticks

URL: Final = "http://127.0.0.1:2/callback"
YEARLY: Final = Cron(expression="0 0 0 1 1 ? *")

Prepare = Callable[[Case], None]


@dataclass(frozen=True, slots=True)
class Situation:
    """A state, and the operations that meet there, each with each."""

    name: str
    prepare: Prepare
    operations: tuple[Operation, ...]
    about: tuple[Operation, ...] = ()
    """If given, one of these is in each pair."""

    def pairs(self) -> Iterable[tuple[Operation, Operation]]:
        """Each operation as the first, with each as the second."""
        pairs = product(self.operations, self.operations)
        return (each for each in pairs if not self.about or any(x in self.about for x in each))


# Jobs, each due a second ago.


def _native(trigger: Callable[[Case], Trigger]) -> Prepare:
    def book(case: Case) -> None:
        booking = Booking(
            url=URL,
            trigger=trigger(case),
            data=b"one",
            name="nightly",
            on_failure="https://example.com/failed",
        )
        case.book("nightly", booking, case.due_at)

    return book


_once: Final = _native(lambda case: At(instant=case.due_at))
_often: Final = _native(lambda _: YEARLY)


def _of_app(case: Case) -> None:
    case.book(NAME, dapr_booking(case.now, repeats=3), case.due_at)


def _of_app_once(case: Case) -> None:
    due = case.due_at.isoformat()
    case.book(NAME, dapr_booking(case.now, schedule=None, due_time=due), case.due_at)


def _of_runner(case: Case) -> None:
    save_movies(case)
    case.adopt(str(MOVIES), is_due=True)


def _with_follower(case: Case) -> None:
    _of_runner(case)
    save_follower(case)
    case.adopt(str(REPORTS), is_due=False)


# States of its firing.


def _claimed(case: Case) -> None:
    case.tickets += claim_due(case.observer)


def _taken(case: Case) -> None:
    _claimed(case)
    case.held += take_all(case.observer, case.tickets)
    for each in case.held:
        case.call(each)


def _expired(case: Case) -> None:
    """Its worker has not renewed the lease, and lives."""
    _taken(case)
    case.observer.execute(
        "UPDATE inflight SET lease_until = clock_timestamp() - interval '1 s',"
        " look_at = clock_timestamp()"
    )


def _waiting(case: Case) -> None:
    _taken(case)
    settle(case.observer, [settlement(each, "again") for each in case.held])
    case.held = []
    case.observer.execute("UPDATE inflight SET look_at = clock_timestamp()")


def _parked(case: Case) -> None:
    _claimed(case)
    taken = take_all(case.observer, case.tickets)
    why = BlockReason.FULL
    park(
        case.observer,
        [Parking(each.id, each.token, DESTINATION, 60.0, why, "no room") for each in taken],
    )


def _running(case: Case) -> None:
    _taken(case)
    settle(case.observer, [settlement(each, "later") for each in case.held])
    case.held = []


def _overdue(case: Case) -> None:
    """Its receiver has not reported the result in time."""
    _running(case)
    case.observer.execute(
        "UPDATE inflight SET complete_by = clock_timestamp() - interval '1 s',"
        " look_at = clock_timestamp()"
    )


def _failed(case: Case) -> None:
    _taken(case)
    settle(case.observer, [settlement(each, "failed") for each in case.held])
    case.held = []


def _paused(case: Case) -> None:
    pauses.pause(case.context, case.caller, case.job_id)


def _orphaned(case: Case) -> None:
    """It lost its next firing, as by an operator's statement."""
    case.is_damaged = True
    case.observer.execute("UPDATE due SET next_at = NULL")
    case.observer.execute("UPDATE job SET updated_at = updated_at - interval '1 hour'")


def _left_over(case: Case) -> None:
    """A worker was killed after it settled the last run, before it ended the job."""
    case.is_damaged = True
    _taken(case)
    settled = [settlement(each, "succeeded")._replace(ends_job=False) for each in case.held]
    write(case.observer, settled)
    case.held = []
    case.observer.execute("UPDATE job SET updated_at = updated_at - interval '1 hour'")


def _two_taken(case: Case) -> None:
    """A call by hand is under way beside the scheduled one."""
    manual_calls.call_now(case.context, case.caller, case.job_id)
    case.observer.execute("UPDATE inflight SET look_at = clock_timestamp()")
    o.CHECK.do(case, case.observer)
    _taken(case)


def _two_limited(case: Case) -> None:
    """Two jobs of an account that may have one run under way, due one after the other."""
    case.caller = case.limited
    for name, at in (("nightly", case.due_at), ("later", case.due_at + AGO / 2)):
        booking = Booking(url=URL, trigger=At(instant=at), data=b"one", name=name)
        case.book(name, booking, at)


def _two_due(case: Case) -> None:
    """Two jobs, due one after the other."""
    for name, at in (("nightly", case.due_at), ("later", case.due_at + AGO / 2)):
        case.book(name, Booking(url=URL, trigger=At(instant=at), data=b"one", name=name), at)


def _fired(case: Case) -> None:
    """A call by hand is under way while the scheduled one is due."""
    manual_calls.call_now(case.context, case.caller, case.job_id)
    case.observer.execute("UPDATE inflight SET look_at = clock_timestamp()")
    o.CHECK.do(case, case.observer)
    case.held += take_all(case.observer, case.tickets)
    for each in case.held:
        case.call(each)


def _suspended(case: Case) -> None:
    suspension.suspend(case.observer, case.caller.account.id)


_JOBS: Final = {
    "once": (_once, o.NATIVE),
    "often": (_often, o.NATIVE),
    "dapr": (_of_app, OF_DAPR),
    "dapr once": (_of_app_once, OF_DAPR),
    "fusion": (_of_runner, OF_FUSION),
}
_STATES: Final[dict[str, tuple[Prepare | None, tuple[Operation, ...]]]] = {
    "due": (None, (o.CLAIM,)),
    "claimed": (_claimed, (o.CHECK, o.SERVE, o.SERVE_UNNOTIFIED)),
    "taken": (_taken, (*o.SETTLE, *o.COMPLETE, o.PARK, o.RENEW, o.LOAD)),
    "expired": (_expired, (o.CHECK, o.SETTLE[0], o.SETTLE[3], o.COMPLETE[0], o.RENEW, o.PARK)),
    "waiting": (_waiting, (o.CHECK, *o.COMPLETE)),
    "parked": (_parked, (o.UNPARK, o.CHECK)),
    "running": (_running, o.COMPLETE),
    "overdue": (_overdue, (o.CHECK, *o.COMPLETE)),
    "failed": (_failed, (o.REDELIVER, o.REDELIVER_ALL, o.CLAIM)),
    "paused": (_paused, (o.CLAIM,)),
    "orphaned": (_orphaned, (o.SWEEP, o.CLAIM)),
    "left over": (_left_over, (o.SWEEP,)),
}
_SUSPENSION: Final = (o.SUSPEND, o.END_SUSPENSION)


def _situations() -> Iterator[Situation]:
    for (kind, (book, clients)), (state, (arrange, processes)) in product(
        _JOBS.items(), _STATES.items()
    ):
        yield Situation(f"{kind}, {state}", _in_order(book, arrange), (*processes, *clients))
    yield Situation(
        "once, two taken",
        _in_order(_once, _two_taken),
        (*o.SETTLE_ONE, o.FIRE, o.PAUSE, o.RESUME, o.DELETE, o.REPLACE, o.PUT),
    )
    yield Situation(
        "followed, taken",
        _in_order(_with_follower, _taken),
        (*o.SETTLE[:3], o.COMPLETE[0], *OF_FUSION[:2], *OF_FUSION[4:7], *OF_FOLLOWERS),
    )
    yield Situation(
        "followed, expired",
        _in_order(_with_follower, _expired),
        (o.CHECK, o.SETTLE[0], OF_FUSION[1], *OF_FOLLOWERS),
    )
    yield Situation(
        "two due, limited",
        _two_limited,
        (o.CLAIM_LIMITED, o.FIRE, o.PAUSE, o.DELETE, o.REPLACE, o.PUT),
    )
    for kind, book in (("once", _once), ("fusion", _of_runner)):
        yield Situation(
            f"{kind}, due, suspension", book, (*_SUSPENSION, o.CLAIM, o.PAUSE, o.DELETE)
        )
        yield Situation(
            f"{kind}, claimed, suspension",
            _in_order(book, _claimed),
            (*_SUSPENSION, o.SERVE, o.CHECK, o.DELETE),
        )
        yield Situation(
            f"{kind}, due, suspended",
            _in_order(book, _suspended),
            (*_SUSPENSION, o.CLAIM, o.FIRE, o.PAUSE, o.DELETE),
        )


def _left_to_workers() -> Iterator[Situation]:
    """What schedulers leave to workers meets whatever else may be done to it."""
    about = (BEGIN_OVERDUE,)
    for kind, (book, clients) in _JOBS.items():
        yield Situation(
            f"{kind}, due, left to workers", book, (*about, o.CLAIM, *clients), about=about
        )
    for state, arrange, operations in (
        ("due while fired", _fired, (*o.SETTLE, o.CHECK, o.PARK, o.DELETE, o.PAUSE, o.REPLACE)),
        ("due, suspension", None, (*_SUSPENSION, o.CLAIM)),
        ("due, suspended", _suspended, (*_SUSPENSION, o.CLAIM)),
        ("orphaned", _orphaned, (o.SWEEP,)),
    ):
        yield Situation(
            f"once, {state}, left to workers",
            _in_order(_once, arrange),
            (*about, *operations),
            about=about,
        )
    yield Situation(
        "two due, left to workers",
        _two_due,
        (*about, BEGIN_ONE_OVERDUE, o.CLAIM, o.DELETE, o.PAUSE, o.REPLACE, o.FIRE),
        about=(*about, BEGIN_ONE_OVERDUE),
    )
    yield Situation(
        "two due, limited, left to workers",
        _two_limited,
        (BEGIN_OVERDUE_LIMITED, o.CLAIM_LIMITED, o.FIRE, o.DELETE),
        about=(BEGIN_OVERDUE_LIMITED,),
    )


def _ticks_in_a_row() -> Iterator[Situation]:
    """A run calls several ticks of a Dapr job."""
    for state, arrange, processes in (
        ("due", None, (o.CLAIM,)),
        ("claimed", _claimed, (SERVE_TICKS, o.SERVE, o.CHECK)),
        ("taken", _taken, (*SETTLE_TICKS, o.SETTLE[0], o.PARK, o.RENEW, o.CLAIM)),
        ("expired", _expired, (*SETTLE_TICKS, o.CHECK, o.RENEW)),
    ):
        about = tuple(each for each in processes if each in {SERVE_TICKS, *SETTLE_TICKS})
        yield Situation(
            f"dapr ticks, {state}",
            _in_order(book_ticks, arrange),
            (*processes, *OF_DAPR),
            about=about,
        )


def _accounts_deleted() -> Iterator[Situation]:
    """The account is deleted while its jobs fire."""
    about = (DELETE_ACCOUNT,)
    clients = {
        "once": (o.FIRE, o.PUT, o.BOOK_AGAIN),
        "dapr": OF_DAPR[:2],
        "fusion": OF_FUSION[:3],
    }
    states = {
        "due": (o.CLAIM, BEGIN_OVERDUE),
        "claimed": (o.CHECK, o.SERVE),
        "taken": (o.SETTLE[0], o.SETTLE[3], o.COMPLETE[0], o.PARK),
        "failed": (o.REDELIVER,),
    }
    for (kind, asked), (state, processes) in product(clients.items(), states.items()):
        yield Situation(
            f"{kind}, {state}, deletion of the account",
            _in_order(_JOBS[kind][0], _STATES[state][0]),
            (*about, *processes, *asked),
            about=about,
        )
    yield Situation(
        "followed, taken, deletion of the account",
        _in_order(_with_follower, _taken),
        (*about, o.SETTLE[0]),
        about=about,
    )


def _in_order(*steps: Prepare | None) -> Prepare:
    def prepare(case: Case) -> None:
        for each in steps:
            if each is not None:
                each(case)

    return prepare


SITUATIONS: Final = (
    *_situations(),
    *_left_to_workers(),
    *_ticks_in_a_row(),
    *_accounts_deleted(),
)
