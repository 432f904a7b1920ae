"""Taking: leases a batch of claimed runs, and hands them to the dispatcher with their secrets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

import psycopg

from app.domain.timings.notifying import NOTIFY_BATCH
from app.log import describe_error, logger
from app.store import overdue, takes
from app.store.halving import by_halves, is_refused
from app.store.overdue import Slots
from app.store.takes import Taken, Ticket
from workers.dispatch.account_cache import AccountCache
from workers.dispatch.dispatcher import Dispatcher
from workers.dispatch.leased_run import lease
from workers.dispatch.settlements import parked_as_unprepared, parked_as_unreadable
from workers.firing_limits import KnownFirings

_Unreadable = tuple[Taken, Exception]


class _Answer(NamedTuple):
    """The runs that a statement took; it was sent at `sent_at` and answered at `answered`."""

    taken: list[Taken]
    unreadable: list[_Unreadable]
    sent_at: float
    answered: float


def take(
    connection: psycopg.Connection,
    tickets: Sequence[Ticket],
    dispatcher: Dispatcher,
    account_cache: AccountCache,
    clock: Callable[[], float],
) -> int:
    """Take runs for the dispatcher; return how many were taken.

    If the data of their accounts cannot be read, which raises psycopg.Error, they are parked. A run
    that this release cannot read is parked alone, for a newer one. One whose row the database
    refuses to change is left: a scheduler has workers notified of it again.
    """
    sent_at = clock()
    unreadable: list[_Unreadable] = []
    parts = by_halves(
        tickets,
        lambda part: takes.take(connection, part, lambda *found: unreadable.append(found)),
    )
    for (run_id, _), refusal in parts.refused:
        logger.error("run.cannot_be_taken", run_id=str(run_id), error=describe_error(refusal))
    taken = [run for part in parts.done for run in part]
    answer = _Answer(taken, unreadable, sent_at, clock())
    _hand_over(connection, answer, dispatcher, account_cache)
    return len(taken)


def begin_overdue(
    connection: psycopg.Connection,
    slots: Slots,
    dispatcher: Dispatcher,
    account_cache: AccountCache,
    firings: KnownFirings,
    clock: Callable[[], float],
) -> int:
    """Claim and take overdue runs of these slots for the dispatcher; return how many were taken.

    Raises psycopg.Error as `take` does.
    """
    limits = firings.limits(connection)
    sent_at = clock()
    unreadable: list[_Unreadable] = []
    try:
        taken = overdue.begin(
            connection,
            slots,
            budget=NOTIFY_BATCH,
            limits=limits,
            unreadable=lambda *found: unreadable.append(found),
        )
    except psycopg.Error as error:
        if not is_refused(error):
            raise
        # A firing has a run already, or a row cannot be written: the scheduler's next claim moves
        # the job on, or sets it aside.
        return 0
    answer = _Answer(taken, unreadable, sent_at, clock())
    firings.count(Counter(run.account_id for run in [*taken, *(run for run, _ in unreadable)]))
    _hand_over(connection, answer, dispatcher, account_cache)
    return len(taken)


def _hand_over(
    connection: psycopg.Connection,
    answer: _Answer,
    dispatcher: Dispatcher,
    account_cache: AccountCache,
) -> None:
    """Hand the runs that were taken to the dispatcher, or park them. Raises psycopg.Error."""
    taken, unreadable, sent_at, answered = answer
    if unreadable:
        run, error = unreadable[0]
        logger.error(
            "runs.unreadable", runs=len(unreadable), run_id=str(run.id), error=describe_error(error)
        )
        given = [lease(run, (), sent_at=sent_at, answered=answered) for run, _ in unreadable]
        dispatcher.give_back([(each, parked_as_unreadable(each, answered)) for each in given])
    if taken:
        try:
            secrets = account_cache.secrets_for(connection, {run.account_id for run in taken})
        except Exception:
            # The take is committed: if they are not parked, other workers get these runs only when
            # their leases have run out.
            given = [lease(run, (), sent_at=sent_at, answered=answered) for run in taken]
            dispatcher.give_back([(each, parked_as_unprepared(each)) for each in given])
            raise
        dispatcher.accept(
            [
                lease(
                    run,
                    secrets[run.account_id],
                    sent_at=sent_at,
                    answered=answered,
                    app_token=None
                    if run.sealed_token is None
                    else account_cache.token(run.account_id, run.sealed_token),
                )
                for run in taken
            ]
        )
