"""Claiming: due rows become runs in flight, and their jobs are re-armed, in one transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

import psycopg

from app.domain import counters
from app.domain.firing_rate import SHARING, UNLIMITED, Bound, FiringLimits, reason
from app.domain.run import FIRST_TOKEN, RunState
from app.domain.timings.claiming import (
    ENQUEUED_AT_ONCE,
    FAIR_AT_ONCE,
    MAX_INSTANT,
    RENOTIFY_AFTER,
    UNBOUNDED_S,
)
from app.store import postponing
from app.store.claim_decisions import Decided, Due, decide_all
from app.store.counters import add_counters
from app.store.halving import is_refused, raise_refusal
from app.store.job_ends import end_finished
from app.store.misfires import LeftOut, leave_out
from app.store.queries import Rows, run
from app.store.unclaimable import claim_by_halves


class Claimed(NamedTuple):
    """A claimed run, of which workers are to be notified."""

    run_id: UUID
    token: int
    account_id: int
    ahead: float
    """Seconds until it may begin; negative: it is late."""
    reclaims: int = 0
    firings: int = 1
    """How many ticks of its job it is to call."""


class Claims(NamedTuple):
    """The result of one claim."""

    runs: list[Claimed]
    found: int
    """How many due rows it read in the order of their time, whether it claimed them or not."""
    postponed: Counter[int]
    """How many firings of each account a limit postponed."""
    is_cut: bool = False
    """Whether it may have left rows that are still due: jobs have missed too many firings, or rows
    could not be claimed."""


class _ClaimedRow(NamedTuple):
    """A row of `claim_due`: a run that has begun, a due row that is locked, or what was read.

    Each member is None in the rows of the other kinds.
    """

    run_id: UUID | None
    account_id: int
    ahead: float
    job_id: UUID
    version: int
    due_at: datetime
    now: datetime
    serial: bool
    standing: bool
    remaining: int | None
    recurring: bool
    crowded: bool
    expected_at: datetime | None
    bound: str | None
    found: int | None

    @property
    def due(self) -> Due:
        """The due row, where it is one."""
        return Due(self.account_id, *self[3:-1])


_Report = Callable[[UUID, Exception], None]
"""Called with a job, and with the error for which its row cannot be handled as it should be."""

_NOBODY: Final[list[int]] = []
_ALWAYS: Final = {
    "newest": ENQUEUED_AT_ONCE,
    "shared": FAIR_AT_ONCE,
    "renotify_after": RENOTIFY_AFTER,
}
_MAX_OWED: Final = 500
"""Postponed firings of one account that one claim makes at most."""

_NAMED_ALONE: Final = {"budget": 0, "share": 0, "most_owed": 0}


def claim(
    connection: psycopg.Connection,
    *,
    budget: int,
    ahead: float,
    unreadable: _Report,
    unclaimable: _Report = raise_refusal,
    limits: FiringLimits = UNLIMITED,
    lookback: float = UNBOUNDED_S,
    until: datetime = MAX_INSTANT,
) -> Claims:
    """Claim up to `budget` jobs due within `ahead` seconds, the earliest first.

    Rows that have been due, and in the queue, for more than `lookback` seconds are left out. The
    database's clock is believed up to `until`: nothing is claimed that is due later, and next
    firings are computed from there.
    Besides, of the accounts that have postponed firings, as many firings are claimed as they may
    begin. A job whose trigger cannot be evaluated fires all the same: `unreadable` is called with
    it, and maintenance tries to re-arm it. A job whose row the database refuses to claim, for
    example because of a CHECK, is set aside: `unclaimable` is called with it.
    """
    choice = {"budget": budget, "share": 0, "lookback": lookback, "skip": _NOBODY}
    choice |= {"most_owed": _MAX_OWED, "until": until, "ahead": ahead}
    return _claim_what_can_be(connection, choice, unreadable, unclaimable, limits)


def claim_fairly(  # noqa: PLR0913 - a claim as `claim`, with its shares
    connection: psycopg.Connection,
    *,
    share: int,
    ahead: float,
    lookback: float,
    skip: Sequence[int],
    unreadable: _Report,
    unclaimable: _Report = raise_refusal,
    limits: FiringLimits = UNLIMITED,
    until: datetime = MAX_INSTANT,
) -> Claims:
    """Claim at most `share` jobs of each tenth of a second and account, `lookback` seconds back.

    Accounts divide FAIR_AT_ONCE jobs, where that is less. Those in `skip` have enough under way
    already. All else as `claim` has it.
    """
    choice = {"budget": 0, "share": share, "lookback": lookback, "skip": list(skip), "most_owed": 0}
    choice |= {"until": until, "ahead": ahead}
    return _claim_what_can_be(connection, choice, unreadable, unclaimable, limits)


def still_claimed(connection: psycopg.Connection, ids: Sequence[UUID]) -> set[UUID]:
    """Return those of the runs that no worker has taken yet."""
    return {row[0] for row in run(connection, "still_claimed", {"ids": list(ids)})}


def _claim_what_can_be(
    connection: psycopg.Connection,
    choice: Mapping[str, Any],
    unreadable: _Report,
    unclaimable: _Report,
    limits: FiringLimits,
) -> Claims:
    """Claim by this choice; if a row prevents that, the other rows, found by their ids."""
    choice = {**choice, **_ALWAYS, "named": [], **_bounds(limits)}

    def claim_named(ids: Sequence[UUID]) -> Claims:
        named = {**choice, **_NAMED_ALONE, "named": list(ids)}
        return _claim(connection, named, unreadable, limits)

    try:
        return _claim(connection, choice, unreadable, limits)
    except Exception as error:
        if not is_refused(error):
            raise
    parts = claim_by_halves(connection, choice, claim_named, unclaimable)
    claimed = [each for part in parts for each in part.runs]
    postponed = sum((part.postponed for part in parts), Counter[int]())
    return Claims(claimed, len(claimed), postponed, is_cut=True)


def _claim(
    connection: psycopg.Connection,
    choice: Mapping[str, Any],
    unreadable: _Report,
    limits: FiringLimits,
) -> Claims:
    ahead = choice["ahead"]
    with connection.pipeline(), connection.transaction():
        rows = [_ClaimedRow._make(row) for row in run(connection, "claim_due", choice).fetchall()]
        (read,) = (row.found for row in rows if row.found is not None)
        claimed = [
            Claimed(row.run_id, FIRST_TOKEN, row.account_id, row.ahead)
            for row in rows
            if row.run_id
        ]
        # A postponed row may be found twice: in its account's queue, and when it was expected.
        rows_of = {row.job_id: row.due for row in rows if row.job_id}
        found = [_believed(each, ahead, choice["until"]) for each in rows_of.values()]
        decided = decide_all(connection, found, unreadable) if found else []
        firings = [_firing(each) for each in decided if each.due.crowded and each.fire_at]
        runs = Counter(each.account_id for each in claimed)
        sifted = postponing.sift(connection, firings, limits, ahead, runs + _firings(decided))
        held_up = {each.job_id for each in firings} - sifted.begin
        moving = [each for each in decided if each.due.job_id not in held_up]
        begun = _move_on(connection, moving, limits)
        ticks = runs + _firings(moving)
        runs.update(each.due.account_id for each in moving if each.fire_at is not None)
        # Further ticks are firings, but not runs of their own.
        postponing.count(connection, limits, ticks, sifted.postponed, counted=ticks - runs)
        postponing.postpone(connection, sifted.postponed)
        waiting = {each.firing.job_id for each in sifted.postponed}
        late = [each for each in decided if each.due.job_id in waiting and each.left_out]
        _record_missed(connection, [*moving, *map(_left_out, late)])
    # If a run of these jobs ended before this commit, ending the job was left to this claim.
    over = [each.due.job_id for each in moving if each.ends_job and not each.fire_at]
    end_finished(connection, over)
    for answer in begun:
        claimed += map(Claimed._make, answer.fetchall())
    postponed = Counter(each.firing.account_id for each in sifted.postponed)
    return Claims(claimed, read, postponed, is_cut=len(decided) < len(found))


def _believed(due: Due, ahead: float, until: datetime) -> Due:
    """The row with the clock as far as it is believed, and with the end of what is claimed."""
    now = min(due.now, until)
    return due._replace(now=now, latest=min(now + timedelta(seconds=ahead), until))


def _bounds(limits: FiringLimits) -> dict[str, Any]:
    """The limits, account by account, as parameters of the claiming statement."""
    allowed = list(limits.of.values())
    return {
        "accounts": list(limits.of),
        "rates": [each.per_second for each in allowed],
        "runs": [each.runs for each in allowed],
        "queued": [account_id in limits.queued for account_id in limits.of],
        "quiet": limits.quiet,
        "quiet_runs": limits.quiet_runs,
        "sharing": SHARING,
        "rate": limits.default.per_second,
    }


def _firings(decided: Sequence[Decided]) -> Counter[int]:
    return Counter(each.due.account_id for each in decided for _ in range(each.firings))


def _firing(each: Decided) -> postponing.Firing:
    due = each.due
    due_at = each.fire_at or due.due_at
    return postponing.Firing(due.job_id, due.account_id, due_at, due.expected_at, due.now)


def _left_out(each: Decided) -> Decided:
    """The firings before a postponed one that were too late, and are not made."""
    return each._replace(fire_at=None, missed=each.left_out, ends_job=False)


def _move_on(
    connection: psycopg.Connection, decided: Sequence[Decided], limits: FiringLimits
) -> list[Rows]:
    """Re-arm these jobs and make their runs; the rows are read once all statements are sent."""
    if not decided:
        return []
    run(
        connection,
        "rearm",
        {
            "ids": [each.due.job_id for each in decided],
            "nexts": [each.next_at for each in decided],
            "helds": [each.due.serial and each.fire_at is not None for each in decided],
        },
    )
    made = [each for each in decided if each.fire_at is not None]
    at_once = [each for each in made if each.due.bound is None]
    late = [each for each in made if each.due.bound is not None]
    columns = {**_columns(at_once), **_further(at_once)}
    answers = [run(connection, "insert_inflight", columns)] if at_once else []
    if late:
        reasons = [
            reason(limits.allowed(each.due.account_id), Bound(each.due.bound or ""))
            for each in late
        ]
        answers.append(run(connection, "insert_postponed", {**_columns(late), "reasons": reasons}))
    return answers


def _columns(made: Sequence[Decided]) -> dict[str, Any]:
    return {
        "job_ids": [each.due.job_id for each in made],
        "account_ids": [each.due.account_id for each in made],
        "versions": [each.due.version for each in made],
        "dues": [each.fire_at for each in made],
        "missed": [each.missed for each in made],
        "finals": [each.ends_job for each in made],
        "serials": [each.due.serial for each in made],
        "renotify_after": RENOTIFY_AFTER,
    }


def _further(made: Sequence[Decided]) -> dict[str, Any]:
    """As arrays in text form: one of arrays would have to be as long for each run."""
    return {"further": [_array(each.further) if each.further else None for each in made]}


def _array(instants: Sequence[datetime | None]) -> str:
    items = ["NULL" if each is None else each.isoformat() for each in instants]
    return f"{{{','.join(items)}}}"


def _record_missed(connection: psycopg.Connection, decided: Sequence[Decided]) -> None:
    """Count missed firings; those that no run stands for enter history as a run of their own."""
    missed = [each for each in decided if each.missed]
    if not missed:
        return
    if alone := [each for each in missed if each.fire_at is None]:
        leave_out(
            connection,
            [
                LeftOut(
                    each.due.job_id,
                    each.due.account_id,
                    each.due.version,
                    each.due.due_at,
                    each.left_out,
                    each.ends_job,
                )
                for each in alone
            ],
        )
    left_out = sum(each.left_out for each in missed)
    joined = sum(each.missed for each in missed) - left_out
    amounts = {
        (counters.MISSED, counters.JOINED): joined,
        (counters.MISSED, counters.LEFT_OUT): left_out,
        (counters.RUN, str(RunState.CANCELLED)): len(alone),
    }
    add_counters(connection, {name: amount for name, amount in amounts.items() if amount})
