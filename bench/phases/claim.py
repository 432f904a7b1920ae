"""Claim: what a firing costs while few or many other jobs wait for their time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from bench import bookings
from bench.bookings import Batch
from bench.figures import middle, rounded, spread
from bench.harness import BenchHarness, Findings, Fired, Progress
from bench.phases.drain import warm_up

_SPREAD_OVER: Final = timedelta(days=30)
_AHEAD_S_PER_ROW: Final = 2e-6


def run(harness: BenchHarness, progress: Progress) -> Findings:
    """`claim_10m_vs_100k`: CPU of PostgreSQL and scheduler per run, most pending against fewest."""
    warm_up(harness, progress, harness.plan.claimed)
    found: dict[str, dict[str, Any]] = {}
    there = 0
    for pending in harness.plan.pending:
        bookings.book(harness.connection, _pending(harness, pending - there), progress)
        there = pending
        harness.rest(progress)
        fired = [_fire(harness, progress, pending) for _ in range(harness.plan.rounds)]
        costs = [_cost(each) for each in fired]
        found[f"{pending}"] = {
            "cpu_us": rounded(middle(costs)),
            "spread": spread(costs),
            "claim_statements_us": rounded(
                middle([each.cpu["claims"] / each.count * 1e6 for each in fired])
            ),
            "per_s": rounded(middle([each.per_s for each in fired])),
        }
    fewest, *_, most = (found[f"{pending}"]["cpu_us"] for pending in harness.plan.pending)
    return {"claim_10m_vs_100k": rounded(most / fewest), "details": {"claim": found}}


def _cost(fired: Fired) -> float:
    return (fired.cpu["postgres"] + fired.cpu["scheduler"]) / fired.count * 1e6


def _pending(harness: BenchHarness, count: int) -> Batch:
    """Jobs that are not due while the benchmark lasts."""
    return Batch(
        accounts=[harness.account.id],
        count=count,
        first=harness.now() + timedelta(days=1),
        step=_SPREAD_OVER / count,
        port=harness.receiver.plain,
    )


def _fire(harness: BenchHarness, progress: Progress, pending: int) -> Fired:
    return harness.fire(
        lambda: harness.batch(harness.plan.claimed, ahead_s=pending * _AHEAD_S_PER_ROW),
        lambda text: progress(f"{pending:,} pending: {text}"),
    )
