"""Limits of an account: what it may have, and what it has of that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from app.domain.account import Account
from app.domain.job import Dialect
from app.domain.limits import (
    DAPR_APPS,
    FUSION_TASKS,
    HISTORY_BYTES,
    JOBS,
    KEPT_ANSWER_BYTES,
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
from app.store import endpoints, fusion_jobs, history_usage, runs_under_way, usage
from app.store import limits as store
from app.store.database import driver_of

_FAR_FROM_LIMIT: Final = 50_000
"""Where more runs may still begin, requests are not judged one after the other: they cannot ask for
as many before all runs are counted again, 5 s later at most."""


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """One limit of an account: `allowed` is None where it is off, `used` where it is not told."""

    limit: Limit
    allowed: int | None
    used: int | None
    own: bool
    """Whether the amount is the account's own, not the setting's."""


def limits_of(context: Context, account: Account) -> Limits:
    """What the account may have; read from the database every few seconds only."""
    known = context.limit_cache.get(account.id)
    if known is not None:
        return known
    with context.database.session() as connection:
        overrides = store.of_accounts(connection, [account.id]).get(account.id, {})
    return context.limit_cache.put(account.id, overrides)


def refuse_more(
    context: Context, account: Account, limit: Limit, used: int, *, asked: int = 1
) -> None:
    """Refuse a request that needs `asked` more of what is `used`, if that is too much.

    Exact where nobody else adds meanwhile: under the account's lock. Raises LimitReached.
    """
    allowed = amount(limits_of(context, account), limit)
    if allowed is not None and used + asked > allowed:
        raise reached(limit, allowed=allowed, used=used, asked=asked)


def states(context: Context, account: Account) -> tuple[State, ...]:
    """Every limit of the account, and what it has of that where it is cheap to tell."""
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
    """Refuse what the operator cannot give an account: a number, "off" or "default" can be right.

    Raises InvalidMember.
    """
    if isinstance(given, int):
        allowed = limit.least <= given <= limit.most
    else:
        allowed = given == "default" or (given == "off" and limit.can_be_off)
    if not allowed:
        or_off = ", `off`" if limit.can_be_off else ""
        raise InvalidMember(
            limit.name,
            f"{given} {limit.counts} cannot be allowed.",
            remedy=f"Give a number from {limit.least} to {limit.most}{or_off}, or `default`.",
        )


def check_runs(context: Context, connection: Connection, account: Account) -> int | None:
    """How many more runs of the account may begin, as far as is known; None for any number.

    Raises LimitReached where that is none.
    """
    allowed = limits_of(context, account).runs_under_way
    if allowed is None:
        return None
    used = runs_under_way.of_account(driver_of(connection), account.id)
    if used >= allowed:
        raise reached(RUNS_UNDER_WAY, allowed=allowed, used=used)
    return allowed - used


def begin_run(context: Context, connection: Connection, account: Account) -> None:
    """As `begin_runs`, of one run; raises LimitReached where it may not begin."""
    if not begin_runs(context, connection, account, 1):
        raise too_many_runs(context, account)


def too_many_runs(context: Context, account: Account, *, asked: int = 1) -> LimitReached:
    """The refusal of a request that needs so many more runs under way."""
    allowed = limits_of(context, account).runs_under_way or 0
    with context.database.statement() as connection:
        used = runs_under_way.of_account(driver_of(connection), account.id)
    return reached(RUNS_UNDER_WAY, allowed=allowed, used=used, asked=asked)


def begin_runs(context: Context, connection: Connection, account: Account, number: int) -> int:
    """How many of so many runs may begin that this transaction makes; these are counted.

    Requests of an account that is near its limit are judged one after the other. Rows of jobs are
    to be locked before.
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
    """What the account has, by the names of the limits of which that is cheap to tell."""
    stored = usage.used(driver_of(connection), account_id)
    return {
        JOBS.name: stored.jobs,
        STORED_BYTES.name: stored.bytes,
        KEPT_ANSWER_BYTES.name: stored.answers,
        DAPR_APPS.name: endpoints.count(connection, account_id, Dialect.DAPR),
        RUNS_UNDER_WAY.name: runs_under_way.of_account(driver_of(connection), account_id),
        HISTORY_BYTES.name: history_usage.of_account(connection, account_id),
        FUSION_TASKS.name: fusion_jobs.count_tasks(connection, account_id, endpoint=""),
    }
