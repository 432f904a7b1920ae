"""Steady: calls at an even rate, and how late they reach their receiver."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from bench.children import Failed
from bench.figures import Lateness, lateness
from bench.harness import BenchHarness, Findings, Fired, Progress
from bench.receiver import Arrival

WARM_UP_S: Final = 2.0
# The receiver's clock is cut to the millisecond, and read before the call is.
_CLOCK_S: Final = 0.002


def run(harness: BenchHarness, progress: Progress) -> Findings:
    """`lateness_ms`: percentiles by rate."""
    found: dict[str, Any] = {}
    details: dict[str, Any] = {}
    for rate in harness.plan.steady:
        late, fired = at_rate(harness, progress, rate, harness.plan.steady_s)
        found[f"{rate}"] = {
            "p50": late.p50,
            "p99": late.p99,
            "p999": late.p999,
            "max": late.max,
        }
        details[f"{rate}"] = {"cpu_us": fired.cpu_us(), "samples": late.samples}
    return {"lateness_ms": found, "details": {"steady": details}}


def at_rate(
    harness: BenchHarness,
    progress: Progress,
    rate: int,
    seconds: float,
    *,
    hanging: int = 0,
    tls: bool = False,
) -> tuple[Lateness, Fired]:
    """Lateness at so many calls a second; one in `hanging` is never answered, and not counted.

    The first two seconds warm up. Raises Failed where a call is missing, came twice or early.
    """
    arrivals, fired = arrivals_at_rate(harness, progress, rate, seconds, hanging=hanging, tls=tls)
    return lateness(after(arrivals, fired.first + timedelta(seconds=WARM_UP_S))), fired


def arrivals_at_rate(
    harness: BenchHarness,
    progress: Progress,
    rate: int,
    seconds: float,
    *,
    hanging: int = 0,
    tls: bool = False,
) -> tuple[list[Arrival], Fired]:
    """The arrivals of which `at_rate` tells the lateness, those of the warm-up included."""
    count = int(rate * (seconds + WARM_UP_S))
    unanswered = -(-count // hanging) if hanging else 0
    harness.receiver.forget()
    how: dict[str, Any] = {"port": harness.receiver.timed}
    if tls:
        how = {"port": harness.receiver.tls, "scheme": "https"}
    if hanging:
        how |= {"every": hanging, "other_port": harness.receiver.hanging}
    fired = harness.fire(
        lambda: harness.batch(count, per_s=rate, **how),
        lambda text: progress(f"{rate:,}/s: {text}"),
        answered=count - unanswered if hanging else None,
    )
    arrivals = harness.receiver.arrivals(count - unanswered)
    harness.purge()
    check(arrivals, count - unanswered)
    return arrivals, fired


def after(arrivals: list[Arrival], instant: datetime) -> list[float]:
    """The lateness of what was due from this instant on."""
    return [each.late for each in arrivals if each.due >= instant]


def check(arrivals: list[Arrival], expected: int) -> None:
    """Raise Failed unless each of the expected calls came once, and none too early."""
    different = len({each.run for each in arrivals})
    if (len(arrivals), different) != (expected, expected):
        raise Failed(f"{len(arrivals)} calls of {different} runs came, not {expected}")
    early = sum(each.late < -_CLOCK_S for each in arrivals)
    if early:
        raise Failed(f"{early} calls came before their time")
