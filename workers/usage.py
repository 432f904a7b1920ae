"""Usage in maintenance: folds in what accounts have released, and recounts what they store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Final

import psycopg

from app.domain import counters
from app.domain.usage import NOTHING
from app.log import logger
from app.store import usage
from app.store.counters import add_counters

RECOUNT_AFTER: Final = timedelta(days=1)
_ACCOUNTS: Final = 500
_RECOUNTED: Final = 20
_BOOKED: Final = 2_000


def give_back(connection: psycopg.Connection, has_ended: Callable[[], bool]) -> None:
    """Credit each account with what it has released since the last turn."""
    after: int | None = 0
    while after is not None and not has_ended():
        after = usage.fold_page(connection, after=after, limit=_ACCOUNTS)


def renew(connection: psycopg.Connection) -> None:
    """Replace the slots of accounts that book much, before their dead row versions cost time."""
    usage.renew_busy(connection, booked=_BOOKED)


def recount(connection: psycopg.Connection, has_ended: Callable[[], bool]) -> None:
    """Recount accounts that were not counted for a day, a few a turn; log what was wrong."""
    for _ in range(_RECOUNTED):
        found = None if has_ended() else usage.recount_one(connection, age=RECOUNT_AFTER)
        if found is None:
            return
        account_id, drift = found
        if drift != NOTHING:
            logger.error("usage.drifted", account_id=account_id, jobs=drift.jobs, bytes=drift.bytes)
            add_counters(connection, {(counters.REPAIR, "usage"): 1.0})
