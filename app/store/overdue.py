"""Overdue: runs that a worker claims and takes in one statement, of slots that are over."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Final, NamedTuple

import psycopg

from app.domain.firing_rate import FiringLimits
from app.domain.job import MAX_DATA
from app.domain.run import FIRST_TOKEN
from app.domain.timings.claiming import RENOTIFY_AFTER
from app.domain.timings.leases import CANCEL_DEADLINE, LEASE
from app.store.queries import run
from app.store.takes import Taken, readable


class Slots(NamedTuple):
    """Tenths of seconds of the database's clock that are over, the first and the last of them."""

    first: int
    last: int


class Overdue(NamedTuple):
    """What is overdue and not claimed yet."""

    slots: Slots
    plain: int
    """How many of the earliest due rows a worker may begin by itself."""


_TAKEN: Final = FIRST_TOKEN + 1
"""The token that a run has once it is taken for the first time."""


def find(
    connection: psycopg.Connection,
    *,
    lookback: float,
    until: datetime,
    most: int,
    counted: Collection[int],
) -> Overdue:
    """Return the slots of the last `lookback` seconds, and look at the first `most` rows in them.

    The database's clock is believed up to `until`. No worker begins by itself the runs of the
    accounts in `counted`, as these are counted in the database.
    """
    params = {"lookback": lookback, "until": until, "most": most, "counted": list(counted)}
    ((first, last, plain),) = run(connection, "overdue", params).fetchall()
    return Overdue(Slots(first, last), plain)


def begin(
    connection: psycopg.Connection,
    slots: Slots,
    *,
    budget: int,
    limits: FiringLimits,
    unreadable: Callable[[Taken, Exception], None],
) -> list[Taken]:
    """Claim and take the runs of the earliest `budget` rows in these slots that need no decision.

    All others are left to the scheduler. `unreadable` is called as by `take`. Raises
    psycopg.errors.UniqueViolation where one of the firings has a run already: none begins then.
    """
    params = {
        "first": slots.first,
        "last": slots.last,
        "budget": budget,
        "counted": list(limits.of),
        "quiet": min(limits.quiet, limits.quiet_runs),
        "token": _TAKEN,
        "lease": LEASE,
        "renotify_after": RENOTIFY_AFTER,
        "longest": MAX_DATA,
        "margin": CANCEL_DEADLINE,
    }
    return readable(map(Taken._make, run(connection, "begin_overdue", params)), unreadable)
