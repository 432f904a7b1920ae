"""Limits of an account: what it may have, and what it has of that."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Final, cast

import psycopg
from flask import Flask, current_app
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
    Overrides,
    amount,
    overridden,
    reached,
)
from app.domain.usage import Allowed
from app.errors import InvalidMember, LimitReached
from app.store import endpoints, fusion_jobs, history_usage, runs_under_way, usage
from app.store import limits as store
from app.store.engine import session, statement

FRESH_S: Final = 5.0
"""A changed limit holds in every process this many seconds later, at the latest."""

MAX_ACCOUNTS: Final = 4096
_EXTENSION: Final = "wakecall-limits"

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


class KnownLimits:
    """The limits of accounts in this process's memory, a few seconds at a time."""

    def __init__(self, defaults: Limits, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._defaults = defaults
        self._clock = clock
        self._lock = Lock()
        self._known: dict[int, tuple[float, Limits]] = {}
        self.told: dict[int, Allowed] = {}
        """What this process knows the database to know, by account."""

    def put(self, account_id: int, overrides: Overrides) -> Limits:
        """Keep what was just read of an account."""
        limits = overridden(self._defaults, overrides)
        with self._lock:
            self._known.pop(account_id, None)
            while len(self._known) >= MAX_ACCOUNTS:
                self._known.pop(next(iter(self._known)))
            self._known[account_id] = self._clock() + FRESH_S, limits
        return limits

    def get(self, account_id: int) -> Limits | None:
        """What is known of an account; None where that is nothing, or too old."""
        found = self._known.get(account_id)
        return found[1] if found is not None and self._clock() < found[0] else None

    def forget(self, account_id: int) -> None:
        """Read the limits of an account anew when they are next asked for."""
        self._known.pop(account_id, None)


def install(app: Flask, defaults: Limits) -> None:
    """Let the processes of this application keep limits in mind."""
    app.extensions[_EXTENSION] = KnownLimits(defaults)


def known_limits() -> KnownLimits:
    """What this application has in mind."""
    found: KnownLimits = current_app.extensions[_EXTENSION]
    return found


def limits_of(account: Account) -> Limits:
    """What the account may have; read from the database every few seconds only."""
    known = known_limits().get(account.id)
    if known is not None:
        return known
    with session() as connection:
        overrides = store.of_accounts(connection, [account.id]).get(account.id, {})
    return known_limits().put(account.id, overrides)


def refuse_more(account: Account, limit: Limit, used: int, *, asked: int = 1) -> None:
    """Refuse a request that needs `asked` more of what is `used`, if that is too much.

    Exact where nobody else adds meanwhile: under the account's lock. Raises LimitReached.
    """
    allowed = amount(limits_of(account), limit)
    if allowed is not None and used + asked > allowed:
        raise reached(limit, allowed=allowed, used=used, asked=asked)


def states(account: Account) -> tuple[State, ...]:
    """Every limit of the account, and what it has of that where it is cheap to tell."""
    with session() as connection:
        own = store.of_accounts(connection, [account.id]).get(account.id, {})
    limits = known_limits().put(account.id, own)
    with statement() as connection:
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


def check_runs(connection: Connection, account: Account) -> int | None:
    """How many more runs of the account may begin, as far as is known; None for any number.

    Raises LimitReached where that is none.
    """
    allowed = limits_of(account).runs_under_way
    if allowed is None:
        return None
    used = runs_under_way.of_account(connection, account.id)
    if used >= allowed:
        raise reached(RUNS_UNDER_WAY, allowed=allowed, used=used)
    return allowed - used


def begin_run(connection: Connection, account: Account) -> None:
    """As `begin_runs`, of one run; raises LimitReached where it may not begin."""
    if not begin_runs(connection, account, 1):
        raise too_many_runs(account)


def too_many_runs(account: Account, *, asked: int = 1) -> LimitReached:
    """The refusal of a request that needs so many more runs under way."""
    allowed = limits_of(account).runs_under_way or 0
    with statement() as connection:
        used = runs_under_way.of_account(connection, account.id)
    return reached(RUNS_UNDER_WAY, allowed=allowed, used=used, asked=asked)


def begin_runs(connection: Connection, account: Account, number: int) -> int:
    """How many of so many runs may begin that this transaction makes; these are counted.

    Requests of an account that is near its limit are judged one after the other. Rows of jobs are
    to be locked before.
    """
    allowed = limits_of(account).runs_under_way
    if allowed is None:
        return number
    if allowed - runs_under_way.of_account(connection, account.id) > _FAR_FROM_LIMIT:
        return number
    left = allowed - runs_under_way.lock(connection, account.id)
    granted = max(0, min(number, left))
    if granted:
        runs_under_way.begin(connection, account.id, granted)
    return granted


def _used(connection: Connection, account_id: int) -> Mapping[str, int]:
    """What the account has, by the names of the limits of which that is cheap to tell."""
    stored = usage.used(
        cast("psycopg.Connection", connection.connection.driver_connection), account_id
    )
    return {
        JOBS.name: stored.jobs,
        STORED_BYTES.name: stored.bytes,
        KEPT_ANSWER_BYTES.name: stored.answers,
        DAPR_APPS.name: endpoints.count(connection, account_id, Dialect.DAPR),
        RUNS_UNDER_WAY.name: runs_under_way.of_account(connection, account_id),
        HISTORY_BYTES.name: history_usage.of_account(connection, account_id),
        FUSION_TASKS.name: fusion_jobs.count_tasks(connection, account_id, endpoint=""),
    }
