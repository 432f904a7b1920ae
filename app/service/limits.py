"""Limits: the limits of accounts, and how much of each an account uses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from app.domain.account import Account
from app.domain.limits import (
    HISTORY_BYTES,
    JOBS,
    KEPT_ANSWER_BYTES,
    KEYS,
    RUNS_UNDER_WAY,
    STORED_BYTES,
    TABLE,
    Limit,
    Limits,
    amount,
    reached,
)
from app.errors import InvalidMember, LimitReached
from app.service.context import Context
from app.store import history_usage, keys, runs_under_way, usage
from app.store import limits as store
from app.store.database import driver_of

_FAR_FROM_LIMIT: Final = 50_000
"""If more runs than this may still begin, requests are not serialized by a lock. They cannot begin
so many runs before all runs are counted again, which happens within 5 s."""


Count = Callable[[Connection, int], int]
"""Returns how much of something an account, given by its id, uses."""

_COUNTS: Final[dict[str, Count]] = {}


def register_count(limit: Limit, count: Count) -> None:
    """Register how the usage of a limit that only one dialect has is counted."""
    _COUNTS[limit.name] = count


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """One limit of an account."""

    limit: Limit
    allowed: int | None
    """The amount that the account may have; None if the limit is off."""
    used: int | None
    """The amount that the account has; None if it is not reported."""
    own: bool
    """Whether `allowed` was set for this account, and is not the default from the settings."""


def limits_of(context: Context, account: Account) -> Limits:
    """Return the limits of the account, which are cached for a few seconds."""
    known = context.limit_cache.get(account.id)
    if known is not None:
        return known
    with context.database.session() as connection:
        overrides = store.of_accounts(connection, [account.id]).get(account.id, {})
    return context.limit_cache.put(account.id, overrides)


def refuse_more(
    context: Context, account: Account, limit: Limit, used: int, *, asked: int = 1
) -> None:
    """Raise LimitReached if `asked` more than `used` exceeds the limit.

    This is exact only under the account's lock, because no other request adds to `used` then.
    """
    allowed = amount(limits_of(context, account), limit)
    if allowed is not None and used + asked > allowed:
        raise reached(limit, allowed=allowed, used=used, asked=asked)


def states(context: Context, account: Account) -> tuple[State, ...]:
    """Return every limit of the account, with the amount used if that is cheap to compute."""
    with context.database.session() as connection:
        own = store.of_accounts(connection, [account.id]).get(account.id, {})
    limits = context.limit_cache.put(account.id, own)
    with context.database.statement() as connection:
        used = _used(connection, account.id)
    return tuple(
        State(
            limit=each,
            allowed=amount(limits, each),
            used=used.get(each.name),
            own=each.name in own,
        )
        for each in TABLE
    )


def check(limit: Limit, given: int | str) -> None:
    """Check a limit that the operator sets for an account: a number, "off" or "default".

    Raises InvalidMember.
    """
    if isinstance(given, int):
        allowed = limit.minimum <= given <= limit.maximum
    else:
        allowed = given == "default" or (given == "off" and limit.can_be_off)
    if not allowed:
        or_off = ", `off`" if limit.can_be_off else ""
        raise InvalidMember(
            limit.name,
            f"{given} is not a valid limit for {limit.counts}.",
            remedy=f"Use a number from {limit.minimum} to {limit.maximum}{or_off}, or `default`.",
        )


def check_runs(context: Context, connection: Connection, account: Account) -> int | None:
    """Return about how many more runs of the account may begin; None without a limit.

    Raises LimitReached if no run may begin.
    """
    allowed = limits_of(context, account).runs_under_way
    if allowed is None:
        return None
    used = runs_under_way.of_account(driver_of(connection), account.id)
    if used >= allowed:
        raise reached(RUNS_UNDER_WAY, allowed=allowed, used=used)
    return allowed - used


def begin_run(context: Context, connection: Connection, account: Account) -> None:
    """As `begin_runs`, for one run; raises LimitReached if it may not begin."""
    if not begin_runs(context, connection, account, 1):
        raise too_many_runs(context, account)


def too_many_runs(context: Context, account: Account, *, asked: int = 1) -> LimitReached:
    """Return the error for a request that needs `asked` more runs under way."""
    allowed = limits_of(context, account).runs_under_way or 0
    with context.database.statement() as connection:
        used = runs_under_way.of_account(driver_of(connection), account.id)
    return reached(RUNS_UNDER_WAY, allowed=allowed, used=used, asked=asked)


def begin_runs(context: Context, connection: Connection, account: Account, number: int) -> int:
    """Count up to `number` runs that this transaction begins; return how many may begin.

    Requests of an account that is near its limit are serialized by a lock. The rows of the jobs
    must be locked before.
    """
    allowed = limits_of(context, account).runs_under_way
    if allowed is None:
        return number
    if allowed - runs_under_way.of_account(driver_of(connection), account.id) > _FAR_FROM_LIMIT:
        return number
    left = allowed - runs_under_way.lock(driver_of(connection), account.id)
    granted = max(0, min(number, left))
    if granted:
        runs_under_way.begin(driver_of(connection), account.id, granted)
    return granted


def _used(connection: Connection, account_id: int) -> Mapping[str, int]:
    """Return what the account uses, by limit name, for the limits that are cheap to count."""
    stored = usage.used(driver_of(connection), account_id)
    return {
        JOBS.name: stored.jobs,
        STORED_BYTES.name: stored.bytes,
        KEPT_ANSWER_BYTES.name: stored.answers,
        RUNS_UNDER_WAY.name: runs_under_way.of_account(driver_of(connection), account_id),
        HISTORY_BYTES.name: history_usage.of_account(connection, account_id),
        KEYS.name: keys.count_valid(connection, account_id),
        **{name: count(connection, account_id) for name, count in _COUNTS.items()},
    }
