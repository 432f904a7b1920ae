"""Taking: leases a batch of claimed runs, and hands them to the dispatcher with their secrets."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import psycopg

from app.log import describe_error, logger
from app.store import takes
from app.store.takes import Taken, Ticket
from workers.dispatch.account_cache import AccountCache
from workers.dispatch.dispatcher import Dispatcher
from workers.dispatch.leased_run import lease
from workers.dispatch.settlements import parked_as_unprepared, parked_as_unreadable


def take(
    connection: psycopg.Connection,
    tickets: Sequence[Ticket],
    dispatcher: Dispatcher,
    account_cache: AccountCache,
    clock: Callable[[], float],
) -> int:
    """Take runs for the dispatcher; return how many were taken.

    If the data of their accounts cannot be read, which raises psycopg.Error, they are parked. A run
    that this release cannot read is parked alone, for a newer one.
    """
    sent_at = clock()
    unreadable: list[tuple[Taken, Exception]] = []
    taken = takes.take(connection, tickets, lambda *found: unreadable.append(found))
    answered = clock()
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
    return len(taken)
