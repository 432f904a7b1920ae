"""Postponing: firings above a limit of their account wait in order, and what begins is counted."""

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
    queue_look,
    reason,
    return_rate,
    turns,
)
from app.domain.timings.claiming import LOOK_AHEAD
from app.store.counters import add_counters
from app.store.queries import run

_MAX_QUEUE_READ: Final = 1000


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
    """A run that no claim made, about to begin for the first time at `begins_at`.

    `due_at` is set for a scheduled firing, `reason` where it was postponed before. `counted` tells
    whether the request that made it counted it among the runs under way.
    """

    id: UUID
    account_id: int
    begins_at: datetime
    due_at: datetime | None
    reason: str | None
    counted: bool


class Turns(NamedTuple):
    """The runs that wait for a turn they have, and those that stand in the queue without one."""

    waiting: frozenset[UUID] = frozenset()
    queued: frozenset[UUID] = frozenset()


class _Wait(NamedTuple):
    """A run, until when it waits, and why."""

    run: Fresh
    till: datetime
    reason: str


class Pace(NamedTuple):
    """What an account has spent, and what the last of its postponed rows is expected for."""

    account_id: int
    spent_until: datetime
    queued_until: datetime
    now: datetime
    under_way: int


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
    params = {"accounts": sorted(accounts)}
    run(connection, "make_pace", params)
    rows = run(connection, "lock_pace", params).fetchall()
    return {pace.account_id: pace for pace in map(Pace._make, rows)}


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
    if allowed.runs is not None and allowed.runs - pace.under_way < number:
        number, bound = max(0, allowed.runs - pace.under_way), Bound.RUNS
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
    counted: Mapping[int, int] = MappingProxyType({}),
) -> None:
    """Count what began, of accounts that may be near a limit, where all schedulers see it.

    `counted` has how many of them are not to be counted among the runs under way: they are already,
    or are no runs.
    """
    queued: dict[int, datetime] = {}
    for each in postponed:
        account_id = each.firing.account_id
        queued[account_id] = max(each.till, queued.get(account_id, each.till))
    near = {account for account, number in begun.items() if limits.is_counted(account, number)}
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
    """Postpone those of these runs that are above a limit of their account.

    A scheduled firing waits until those of its account are made that are postponed and were due
    before it. Any other has its turn for good: it is not counted again. The runs must be locked.
    """
    numbers = Counter(each.account_id for each in fresh)
    rates = {
        account: rate
        for account, number in numbers.items()
        if limits.is_counted(account, number)
        and (rate := limits.allowed(account).per_second) is not None
    }
    if not rates:
        _count_begun(connection, limits, fresh)
        return Turns()
    paces = lock_paces(connection, rates)
    owed = _first_owed(connection, fresh, limits.queued & rates.keys())
    waiting: list[_Wait] = []
    queued: list[_Wait] = []
    for account_id, rate in rates.items():
        pace = paces[account_id]
        why = reason(limits.allowed(account_id), Bound.FIRINGS)
        runs = [each for each in fresh if each.account_id == account_id]
        behind = [
            _Wait(each, queue_look(rate, pace.spent_until, pace.now, number), each.reason or why)
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
    _put_off(connection, "postpone_run", waiting, ahead=LOOK_AHEAD)
    _put_off(connection, "stand_in_queue", queued)
    # What stands in the queue begins later, and is met again then.
    behind_others = frozenset(each.run.id for each in queued)
    _count_begun(connection, limits, [each for each in fresh if each.id not in behind_others])
    return Turns(waiting=frozenset(each.run.id for each in waiting), queued=behind_others)


def _count_begun(
    connection: psycopg.Connection, limits: FiringLimits, begun: Sequence[Fresh]
) -> None:
    numbers = Counter(each.account_id for each in begun)
    counted = Counter(each.account_id for each in begun if each.counted)
    count(connection, limits, numbers, counted=counted)


def _first_owed(
    connection: psycopg.Connection, fresh: Sequence[Fresh], queued: AbstractSet[int]
) -> dict[int, list[datetime]]:
    """When the first postponed firings were due of those accounts that have scheduled runs here."""
    accounts = sorted({each.account_id for each in fresh if each.due_at} & queued)
    if not accounts:
        return {}
    params = {"accounts": accounts, "limit": _MAX_QUEUE_READ}
    return dict(run(connection, "first_owed", params).fetchall())


def _order(each: Fresh) -> tuple[datetime, UUID]:
    """The earliest due first; what is no scheduled firing, by when it may begin."""
    return each.due_at or each.begins_at, each.id


def _put_off(
    connection: psycopg.Connection, statement: str, waits: Sequence[_Wait], **params: object
) -> None:
    """Postpone these runs, and count those that were not postponed before."""
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
    """The accounts that have postponed firings."""
    return frozenset(row[0] for row in run(connection, "queued_accounts", {}).fetchall())


def _tally(connection: psycopg.Connection, bounds: Sequence[Bound]) -> None:
    add_counters(connection, Counter((counters.POSTPONED, str(bound)) for bound in bounds))


def _has_come(firing: Firing, ahead: float) -> bool:
    if firing.expected_at is None:
        return True
    return (firing.expected_at - firing.now).total_seconds() <= ahead
