"""Neighbours: how late an account's calls are while others have far more due than can be sent."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Any, Final

from bench import bookings
from bench.bookings import Batch
from bench.children import Failed
from bench.figures import lateness
from bench.harness import BenchHarness, Findings, Progress

_MANY: Final = 50
_RATE: Final = 10
_AHEAD: Final = timedelta(seconds=1.5)
_OVERDUE_FOR: Final = timedelta(hours=1)
_STRAGGLERS_S: Final = 60.0
_POLL_S: Final = 0.2

# Their secret is that of the account given: sealed, it opens for any.
_ACCOUNTS: Final = """
WITH made AS (
  INSERT INTO account (name) SELECT 'neighbour-' || n FROM generate_series(1, %(many)s) n
  RETURNING id
), secrets AS (
  INSERT INTO signing_secret (account_id, sealed)
  SELECT made.id, s.sealed FROM made, signing_secret s WHERE s.account_id = %(account)s
)
SELECT id FROM made ORDER BY id
"""

_LEFT: Final = """
SELECT count(*) FROM (
  SELECT job_id FROM due WHERE account_id = %(account)s AND next_at <= %(until)s
  UNION ALL
  SELECT job_id FROM inflight WHERE account_id = %(account)s AND due_at <= %(until)s
) AS unfinished
"""


def run(harness: BenchHarness, progress: Progress) -> Findings:
    """`neighbour_p99_ms`: the worse of beside one such account, and beside fifty."""
    accounts = [
        row[0]
        for row in harness.connection.execute(
            _ACCOUNTS, {"many": _MANY, "account": harness.account.id}
        ).fetchall()
    ]
    plan = harness.plan
    one: list[float] = []
    for _ in range(plan.rounds):
        one += beside(harness, lambda text: progress(f"one: {text}"), accounts[:1], plan.overdue)
    fifty = beside(
        harness, lambda text: progress(f"fifty: {text}"), accounts, plan.overdue_each * _MANY
    )
    found: dict[str, Any] = {
        "one": lateness(one).document(),
        "fifty": lateness(fifty).document(),
    }
    return {
        "neighbour_p99_ms": max(each["p99"] for each in found.values()),
        "details": {"neighbours": found},
    }


def beside(
    harness: BenchHarness, progress: Progress, neighbours: list[int], overdue: int
) -> list[float]:
    """The lateness, in seconds, of ten calls a second while the neighbours' backlog lasts."""
    harness.receiver.forget()
    before = harness.succeeded()
    backlog = Batch(
        accounts=neighbours,
        count=overdue,
        first=harness.now() - _OVERDUE_FOR,
        step=_OVERDUE_FOR / overdue / 2,
        port=harness.receiver.plain,
    )
    # All at once: none of them is seen before the last is there.
    with harness.instance.connect() as connection, connection.transaction():
        bookings.book(connection, backlog, progress, tidy=False)
        mine = _mine(harness)
        bookings.book(harness.connection, mine, tidy=False)
        _sleep_until(mine.first - timedelta(seconds=0.5))
    until = _wait(harness, progress, before + overdue, mine)
    _await_stragglers(harness, until)
    found = [each.late for each in harness.receiver.arrivals(0) if each.due <= until]
    harness.purge()
    harness.rest(progress)
    if not found:
        raise Failed("the neighbours' backlog was gone before a call was due: make it longer")
    return found


def _mine(harness: BenchHarness) -> Batch:
    return Batch(
        accounts=[harness.account.id],
        count=int(harness.plan.neighbour_s * _RATE),
        first=harness.now() + _AHEAD,
        step=timedelta(seconds=1 / _RATE),
        port=harness.receiver.timed,
    )


def _sleep_until(instant: datetime) -> None:
    time.sleep(max(0.0, (instant - datetime.now(instant.tzinfo)).total_seconds()))


def _wait(harness: BenchHarness, progress: Progress, total: int, mine: Batch) -> datetime:
    """When the backlog was gone, or the time for it over."""
    end = mine.first + mine.step * mine.count
    while (now := harness.now()) < end:
        left = total - harness.succeeded()
        if left <= 0:
            return now
        progress(f"{left:,} overdue calls left")
        time.sleep(_POLL_S)
    return end


def _await_stragglers(harness: BenchHarness, until: datetime) -> None:
    """Return once every call due by then is settled, so that the latest are not left out."""
    give_up = time.monotonic() + _STRAGGLERS_S
    while harness.connection.execute(
        _LEFT, {"account": harness.account.id, "until": until}
    ).fetchone() != (0,):
        if time.monotonic() > give_up:
            raise Failed(f"calls were more than {_STRAGGLERS_S:g} s late beside the neighbours")
        time.sleep(_POLL_S)
    time.sleep(0.5)  # nginx keeps lines back for 0.25 s
