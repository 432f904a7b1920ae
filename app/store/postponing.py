"""Postponing: delays firings above a limit of their account, and counts those that begin.

Locks are taken in this order: due rows or runs, then the paces of all accounts that the transaction
may count, by account, then counters. So two schedulers never wait for each other in a circle.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from types import MappingProxyType
from typing import Final, NamedTuple
from uuid import UUID

import psycopg

from app.domain import counters
from app.domain.firing_rate import (
    Allowed,
    Bound,
    FiringLimits,
    available,
    expected,
    queue_check_at,
    reason,
    return_rate,
    turns,
)
from app.domain.timings.claiming import LOOK_AHEAD
from app.store.counters import add_counters
from app.store.queries import run

_MAX_QUEUE_READ: Final = 1000


class Firing(NamedTuple):
    """A due firing of an account that may have more of them than it may begin."""

    job_id: UUID
    account_id: int
    due_at: datetime
    expected_at: datetime | None
    """When its row becomes due by itself; set only if it was postponed before."""
    now: datetime


class Fresh(NamedTuple):
    """A run that was not made by a claim and has not begun yet."""

    id: UUID
    account_id: int
    begins_at: datetime
    """When it may begin, without a limit."""
    due_at: datetime | None
    """Set for a scheduled firing only."""
    reason: str | None
    """Why it waits; set only if it was postponed before."""
    counted: bool
    """Whether the request that made it already counted it among the runs under way."""


class Turns(NamedTuple):
    """The runs that must not begin yet."""

    waiting: frozenset[UUID] = frozenset()
    """Runs that have a turn and wait for it."""
    queued: frozenset[UUID] = frozenset()
    """Runs without a turn, behind postponed firings of their account."""


class _Wait(NamedTuple):
    """A run that waits until `till`, and the reason."""

    run: Fresh
    till: datetime
    reason: str


class Pace(NamedTuple):
    """The locked row of an account in `firing_pace`."""

    account_id: int
    spent_until: datetime
    """Until when the firings that have begun use up the account's rate."""
    queued_until: datetime
    """When the last of its postponed rows becomes due by itself."""
    now: datetime
    under_way: int


class Postponed(NamedTuple):
    """A firing; its row becomes due by itself at `till`, unless the firing gets its turn before."""

    firing: Firing
    till: datetime
    bound: Bound


class Sifted(NamedTuple):
    """The jobs whose firings may begin, and the firings to postpone.

    All other firings were postponed before, and their rows stay as they are.
    """

    begin: frozenset[UUID]
    postponed: list[Postponed]


def lock_paces(connection: psycopg.Connection, accounts: Iterable[int]) -> dict[int, Pace]:
    """Lock and return the paces of these accounts, by account; missing rows are created."""
    params = {"accounts": sorted(accounts)}
    run(connection, "make_pace", params)
    rows = run(connection, "lock_pace", params).fetchall()
    return {pace.account_id: pace for pace in map(Pace._make, rows)}


def sift(
    connection: psycopg.Connection,
    firings: Sequence[Firing],
    limits: FiringLimits,
    ahead: float,
    most: Mapping[int, int] = MappingProxyType({}),
) -> Sifted:
    """Return which of these firings may begin: the earliest due of each account, up to its limits.

    `ahead` is how many seconds before its time a postponed row counts as due. `most` is how many
    firings of each account the transaction begins at most, these included, which it counts later.
    """
    if not firings:
        return Sifted(frozenset(), [])
    groups: dict[int, list[Firing]] = defaultdict(list)
    for each in firings:
        groups[each.account_id].append(each)
    paces = lock_paces(connection, groups.keys() | _near(limits, most))
    begin: list[Firing] = []
    postponed: list[Postponed] = []
    for account_id, group in groups.items():
        pace = paces[account_id]
        group.sort(key=lambda each: each.due_at)
        number, bound = may_begin(limits.allowed(account_id), pace)
        begin += group[:number]
        # Firings that were postponed before, and whose rows are not due yet, stay postponed.
        came = [each for each in group[number:] if _has_come(each, ahead)]
        waits = account_id in limits.queued or len(came) < len(group[number:])
        base = pace.queued_until if waits else pace.now
        rate = return_rate(limits.allowed(account_id), bound)
        tills = expected(rate, base, pace.now, len(came))
        postponed += [Postponed(each, till, bound) for each, till in zip(came, tills, strict=True)]
    return Sifted(frozenset(each.job_id for each in begin), postponed)


def may_begin(allowed: Allowed, pace: Pace) -> tuple[int, Bound]:
    """Return how many runs of an account may begin now, and which limit stops the others."""
    number, bound = 2**31 - 1, Bound.FIRINGS
    if allowed.per_second is not None:
        number = available(allowed.per_second, pace.spent_until, pace.now)
    if allowed.runs is not None and allowed.runs - pace.under_way < number:
        number, bound = max(0, allowed.runs - pace.under_way), Bound.RUNS
    return number, bound


def postpone(connection: psycopg.Connection, postponed: Sequence[Postponed]) -> None:
    """Postpone these firings; the caller must have locked their rows."""
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
    counted: Mapping[int, int] = MappingProxyType({}),
) -> None:
    """Count what began, in rows that all schedulers read, for accounts that may be near a limit.

    `begun` and `counted` are numbers by account. Those in `counted` are not added to the runs under
    way: they were counted before, or are not runs.
    """
    queued: dict[int, datetime] = {}
    for each in postponed:
        account_id = each.firing.account_id
        queued[account_id] = max(each.till, queued.get(account_id, each.till))
    near = _near(limits, begun)
    accounts = sorted(near | queued.keys())
    if not accounts:
        return
    rates = {each: limits.allowed(each).per_second for each in near}
    params = {
        "accounts": accounts,
        "spent": [begun[each] / rate if (rate := rates.get(each)) else 0.0 for each in accounts],
        "queued": [queued.get(each) for each in accounts],
        "begun": [begun[each] - counted.get(each, 0) if each in near else 0 for each in accounts],
    }
    run(connection, "count_firings", params)


def give_turns(
    connection: psycopg.Connection, fresh: Sequence[Fresh], limits: FiringLimits
) -> Turns:
    """Postpone the runs in `fresh` that are above their account's rate; return which they are.

    A scheduled firing waits until all postponed firings of its account that were due before it have
    been made. Any other run gets a turn once: it is not counted again. The caller must have locked
    the runs.
    """
    near = _near(limits, Counter(each.account_id for each in fresh))
    rates = {
        account: rate
        for account in near
        if (rate := limits.allowed(account).per_second) is not None
    }
    if not rates:
        _count_begun(connection, limits, fresh)
        return Turns()
    paces = lock_paces(connection, near)
    owed = _first_owed(connection, fresh, limits.queued & rates.keys())
    waiting: list[_Wait] = []
    queued: list[_Wait] = []
    for account_id, rate in rates.items():
        pace = paces[account_id]
        why = reason(limits.allowed(account_id), Bound.FIRINGS)
        runs = [each for each in fresh if each.account_id == account_id]
        behind = [
            _Wait(
                each, queue_check_at(rate, pace.spent_until, pace.now, number), each.reason or why
            )
            for each in runs
            if each.due_at and (number := bisect_left(owed.get(account_id, []), each.due_at))
        ]
        queued += behind
        stay = {each.run.id for each in behind}
        free = sorted((each for each in runs if each.id not in stay), key=_order)
        for each, turn in zip(
            free, turns(rate, pace.spent_until, pace.now, len(free)), strict=True
        ):
            if turn > max(each.begins_at, pace.now):
                waiting.append(_Wait(each, turn, each.reason or why))
    # Queued runs begin later; they are checked again, and counted, then.
    behind_others = frozenset(each.run.id for each in queued)
    _count_begun(connection, limits, [each for each in fresh if each.id not in behind_others])
    _put_off(connection, "postpone_run", waiting, ahead=LOOK_AHEAD)
    _put_off(connection, "stand_in_queue", queued)
    return Turns(waiting=frozenset(each.run.id for each in waiting), queued=behind_others)


def _near(limits: FiringLimits, begun: Mapping[int, int]) -> set[int]:
    """The accounts that may be near a limit, if so many of their runs begin."""
    return {account for account, number in begun.items() if limits.is_counted(account, number)}


def _count_begun(
    connection: psycopg.Connection, limits: FiringLimits, begun: Sequence[Fresh]
) -> None:
    numbers = Counter(each.account_id for each in begun)
    counted = Counter(each.account_id for each in begun if each.counted)
    count(connection, limits, numbers, counted=counted)


def _first_owed(
    connection: psycopg.Connection, fresh: Sequence[Fresh], queued: AbstractSet[int]
) -> dict[int, list[datetime]]:
    """Return the due times of the first postponed firings, by account, for scheduled runs only."""
    accounts = sorted({each.account_id for each in fresh if each.due_at} & queued)
    if not accounts:
        return {}
    params = {"accounts": accounts, "limit": _MAX_QUEUE_READ}
    return dict(run(connection, "first_owed", params).fetchall())


def _order(each: Fresh) -> tuple[datetime, UUID]:
    """Sort scheduled firings by due time, and other runs by when they may begin."""
    return each.due_at or each.begins_at, each.id


def _put_off(
    connection: psycopg.Connection, statement: str, waits: Sequence[_Wait], **params: object
) -> None:
    """Postpone these runs; count those that were not postponed before in the metrics."""
    if not waits:
        return
    ids, instants, reasons = (
        [each.run.id for each in waits],
        [each.till for each in waits],
        [each.reason for each in waits],
    )
    values = {"ids": ids, "instants": instants, "reasons": reasons, **params}
    run(connection, statement, values)
    _tally(connection, [Bound.FIRINGS for each in waits if each.run.reason is None])


def queued_accounts(connection: psycopg.Connection) -> frozenset[int]:
    """Return the accounts that have postponed firings."""
    return frozenset(row[0] for row in run(connection, "queued_accounts", {}).fetchall())


def _tally(connection: psycopg.Connection, bounds: Sequence[Bound]) -> None:
    add_counters(connection, Counter((counters.POSTPONED, str(bound)) for bound in bounds))


def _has_come(firing: Firing, ahead: float) -> bool:
    if firing.expected_at is None:
        return True
    return (firing.expected_at - firing.now).total_seconds() <= ahead
