"""Postponing: firings above a limit of their account wait in order, and what begins is counted."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import psycopg

from app.domain import tally
from app.domain.firing_rate import (
    Allowed,
    Bound,
    FiringLimits,
    available,
    expected,
    reason,
    return_rate,
    turns,
)
from app.domain.pace import LOOK_AHEAD
from app.store import beats
from app.store.queries import run


class Firing(NamedTuple):
    """A firing that is due, of an account that has more of them than it may begin.

    `expected_at` is set where it was postponed before.
    """

    job_id: UUID
    account_id: int
    due_at: datetime
    expected_at: datetime | None
    now: datetime


class Fresh(NamedTuple):
    """A run that no claim made, about to begin for the first time at `begins_at`."""

    id: UUID
    account_id: int
    begins_at: datetime


class Pace(NamedTuple):
    """What an account has spent, and what the last of its postponed rows is expected for."""

    spent_until: datetime
    queued_until: datetime
    now: datetime


class Postponed(NamedTuple):
    """A firing, and what its row is expected for unless it gets its turn before."""

    firing: Firing
    till: datetime
    bound: Bound


class Sifted(NamedTuple):
    """The jobs whose firings may begin; those to be postponed. Others wait where they are."""

    begin: frozenset[UUID]
    postponed: list[Postponed]


def lock_paces(connection: psycopg.Connection, accounts: Iterable[int]) -> dict[int, Pace]:
    """Lock and read what these accounts have spent."""
    rows = run(connection, "lock_pace", {"accounts": sorted(accounts)}).fetchall()
    return {account_id: Pace(*rest) for account_id, *rest in rows}


def sift(
    connection: psycopg.Connection, firings: Sequence[Firing], limits: FiringLimits, ahead: float
) -> Sifted:
    """Which of these firings may begin: of each account the earliest due, as many as it may."""
    if not firings:
        return Sifted(frozenset(), [])
    groups: dict[int, list[Firing]] = defaultdict(list)
    for each in firings:
        groups[each.account_id].append(each)
    paces = lock_paces(connection, groups)
    begin: list[Firing] = []
    postponed: list[Postponed] = []
    for account_id, group in groups.items():
        pace = paces[account_id]
        group.sort(key=lambda each: each.due_at)
        number, bound = may_begin(limits.allowed(account_id), pace)
        begin += group[:number]
        # What waits, and was looked at before its row came by itself, goes on waiting.
        came = [each for each in group[number:] if _has_come(each, ahead)]
        waits = account_id in limits.queued or len(came) < len(group[number:])
        base = pace.queued_until if waits else pace.now
        rate = return_rate(limits.allowed(account_id), bound)
        tills = expected(rate, base, pace.now, len(came))
        postponed += [Postponed(each, till, bound) for each, till in zip(came, tills, strict=True)]
    return Sifted(frozenset(each.job_id for each in begin), postponed)


def may_begin(allowed: Allowed, pace: Pace) -> tuple[int, Bound]:
    """How many runs of an account may begin now, and which limit holds up the others."""
    number, bound = 2**31 - 1, Bound.FIRINGS
    if allowed.per_second is not None:
        number = available(allowed.per_second, pace.spent_until, pace.now)
    if allowed.room is not None and allowed.room < number:
        number, bound = max(0, allowed.room), Bound.RUNS
    return number, bound


def postpone(connection: psycopg.Connection, postponed: Sequence[Postponed]) -> None:
    """Let these firings wait; their rows must be locked."""
    if not postponed:
        return
    params = {
        "ids": [each.firing.job_id for each in postponed],
        "owed": [each.firing.due_at for each in postponed],
        "tills": [each.till for each in postponed],
        "bounds": [str(each.bound) for each in postponed],
    }
    run(connection, "postpone_due", params)
    _tally(connection, [each.bound for each in postponed])


def count(
    connection: psycopg.Connection,
    limits: FiringLimits,
    begun: Mapping[int, int],
    postponed: Sequence[Postponed] = (),
) -> None:
    """Count what began, of accounts that may be near a limit, where all schedulers see it."""
    queued: dict[int, datetime] = {}
    for each in postponed:
        account_id = each.firing.account_id
        queued[account_id] = max(each.till, queued.get(account_id, each.till))
    rates = {
        account: limits.allowed(account).per_second
        for account, number in begun.items()
        if limits.is_counted(account, number)
    }
    counted = sorted({account for account, rate in rates.items() if rate} | queued.keys())
    if counted:
        params = {
            "accounts": counted,
            "spent": [begun[each] / rate if (rate := rates.get(each)) else 0.0 for each in counted],
            "queued": [queued.get(each) for each in counted],
        }
        run(connection, "count_firings", params)


def give_turns(
    connection: psycopg.Connection, fresh: Sequence[Fresh], limits: FiringLimits
) -> frozenset[UUID]:
    """Postpone those of these runs that are above a limit of their account; which they are.

    Each has its turn for good: it is not counted again. The runs must be locked.
    """
    numbers = Counter(each.account_id for each in fresh)
    rates = {
        account: rate
        for account, number in numbers.items()
        if limits.is_counted(account, number)
        and (rate := limits.allowed(account).per_second) is not None
    }
    if not rates:
        return frozenset()
    paces = lock_paces(connection, rates)
    waiting: list[tuple[UUID, datetime, str]] = []
    for account_id, rate in rates.items():
        runs = sorted(
            (each for each in fresh if each.account_id == account_id),
            key=lambda each: (each.begins_at, each.id),
        )
        pace = paces[account_id]
        why = reason(limits.allowed(account_id), Bound.FIRINGS)
        free = turns(rate, pace.spent_until, pace.now, len(runs))
        waiting += [
            (each.id, turn, why)
            for each, turn in zip(runs, free, strict=True)
            if turn > max(each.begins_at, pace.now)
        ]
    if waiting:
        ids, instants, reasons = map(list, zip(*waiting, strict=True))
        params = {"ids": ids, "turns": instants, "reasons": reasons, "ahead": LOOK_AHEAD}
        run(connection, "postpone_run", params)
        _tally(connection, [Bound.FIRINGS] * len(waiting))
    count(connection, limits, numbers)
    return frozenset(run_id for run_id, _, _ in waiting)


def queued_accounts(connection: psycopg.Connection) -> frozenset[int]:
    """The accounts that have postponed firings."""
    return frozenset(row[0] for row in run(connection, "queued_accounts", {}).fetchall())


def _tally(connection: psycopg.Connection, bounds: Sequence[Bound]) -> None:
    beats.add(connection, Counter((tally.POSTPONED, str(bound)) for bound in bounds))


def _has_come(firing: Firing, ahead: float) -> bool:
    if firing.expected_at is None:
        return True
    return (firing.expected_at - firing.now).total_seconds() <= ahead
