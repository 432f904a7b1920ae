"""Slow: how late other calls are while one receiver in a thousand never answers."""

from __future__ import annotations

import time
from typing import Final

from app.delivery.request import TIMEOUT
from bench.figures import Lateness, middle, rounded, spread
from bench.harness import BenchHarness, Findings, Progress
from bench.phases.steady import at_rate

_ONE_IN: Final = 1000


def run(harness: BenchHarness, progress: Progress) -> Findings:
    """`slow_receivers_p99_ratio`: p99 of the others, with slow receivers against without."""
    without: list[Lateness] = []
    beside: list[Lateness] = []
    plan = harness.plan
    for _ in range(plan.slow_rounds):
        without.append(at_rate(harness, progress, plan.slow_rate, plan.slow_s)[0])
        beside.append(at_rate(harness, progress, plan.slow_rate, plan.slow_s, hanging=_ONE_IN)[0])
        progress("letting the unanswered calls end")
        time.sleep(TIMEOUT)
        harness.purge()
    p99_without = [each.p99 for each in without]
    p99_beside = [each.p99 for each in beside]
    return {
        "slow_receivers_p99_ratio": rounded(middle(p99_beside) / middle(p99_without)),
        "details": {
            "slow": {
                "p99_ms_without": rounded(middle(p99_without)),
                "spread_without": spread(p99_without),
                "p99_ms_beside": rounded(middle(p99_beside)),
                "spread_beside": spread(p99_beside),
            }
        },
    }
