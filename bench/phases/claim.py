"""Claim: what a firing costs while few or many other jobs wait for their time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from bench import bookings
from bench.bookings import Batch
from bench.figures import middle, rounded, spread
from bench.phases.drain import warm_up
from bench.stage import Findings, Fired, Stage, Tell

_SPREAD_OVER: Final = timedelta(days=30)
_AHEAD_S_PER_ROW: Final = 2e-6


def run(stage: Stage, tell: Tell) -> Findings:
    """`claim_10m_vs_100k`: CPU of PostgreSQL and scheduler per run, most pending against fewest."""
    warm_up(stage, tell, stage.plan.claimed)
    found: dict[str, dict[str, Any]] = {}
    there = 0
    for pending in stage.plan.pending:
        bookings.book(stage.connection, _pending(stage, pending - there), tell)
        there = pending
        stage.rest(tell)
        fired = [_fire(stage, tell, pending) for _ in range(stage.plan.rounds)]
        costs = [_cost(each) for each in fired]
        found[f"{pending}"] = {
            "cpu_us": rounded(middle(costs)),
            "spread": spread(costs),
            "claim_statements_us": rounded(
                middle([each.cpu["claims"] / each.count * 1e6 for each in fired])
            ),
            "per_s": rounded(middle([each.per_s for each in fired])),
        }
    fewest, *_, most = (found[f"{pending}"]["cpu_us"] for pending in stage.plan.pending)
    return {"claim_10m_vs_100k": rounded(most / fewest), "details": {"claim": found}}


def _cost(fired: Fired) -> float:
    return (fired.cpu["postgres"] + fired.cpu["scheduler"]) / fired.count * 1e6


def _pending(stage: Stage, count: int) -> Batch:
    """Jobs that are not due while the benchmark lasts."""
    return Batch(
        accounts=[stage.account.id],
        count=count,
        first=stage.now() + timedelta(days=1),
        step=_SPREAD_OVER / count,
        port=stage.receiver.plain,
    )


def _fire(stage: Stage, tell: Tell, pending: int) -> Fired:
    return stage.fire(
        lambda: stage.batch(stage.plan.claimed, ahead_s=pending * _AHEAD_S_PER_ROW),
        lambda text: tell(f"{pending:,} pending: {text}"),
    )
