"""Upcoming firings: the next firings of an account's jobs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from app.domain import firing_rate
from app.domain.account import Caller
from app.domain.firing_load import HOURS, FiringLoad
from app.domain.firing_rate import Allowed
from app.domain.job_filter import JobFilter
from app.domain.upcoming import Expected, Upcoming
from app.service import limits
from app.service.context import Context
from app.store import firing_load, upcoming
from app.store.upcoming import Found

_SUSPENDED = "waiting: the account is suspended"
_BLOCKED = "waiting: a run of the job is under way"


@contextmanager
def list_upcoming(
    context: Context,
    caller: Caller,
    wanted: JobFilter,
    *,
    until: datetime | None,
    after: Expected | None,
    limit: int,
) -> Iterator[Found]:
    """Find the next firings of the caller's jobs, as `app.store.upcoming.page` does.

    They must be read inside the context, which fetches a few at a time. One snapshot shows them and
    where the next page begins.
    """
    with (
        context.database.snapshot() as connection,
        upcoming.page(
            connection, caller.account.id, wanted, until=until, after=after, limit=limit
        ) as found,
    ):
        yield found


def count_upcoming(context: Context, caller: Caller) -> FiringLoad:
    """Count the next firings of the caller's jobs by the hour, from the present one on.

    They may be some seconds old: a page that many people leave open asks every few seconds.
    """
    known = context.recent_loads.get(caller.account.id, caller.now)
    if known is not None:
        return known
    begins = caller.now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    until = begins + HOURS * timedelta(hours=1)
    with context.database.transaction() as connection:
        load = firing_load.count(connection, caller.account.id, begins, until)
    context.recent_loads.keep(caller.account.id, caller.now, load)
    return load


def reason_to_wait(context: Context, caller: Caller, firing: Upcoming) -> str | None:
    """Return why the firing may be made later than it is due, in words; None if nothing delays it.

    The limits of the account come from memory, so this costs no query for each firing.
    """
    if caller.suspended:
        return _SUSPENDED
    if firing.postponed_for is not None:
        allowed = limits.limits_of(context, caller.account)
        return firing_rate.reason(
            Allowed(per_second=allowed.firings_per_second, runs=allowed.runs_under_way),
            firing.postponed_for,
        )
    return _BLOCKED if firing.is_blocked else None
