"""Drain: many jobs due at one instant, in turn with the bare engine posting the same requests."""

from __future__ import annotations

from typing import Any, Final

from bench.bookings import BODY_BYTES
from bench.children import ask
from bench.figures import middle, rounded, spread
from bench.harness import BenchHarness, Findings, Fired, Progress

_WARM_UP: Final = 2000
_AT_ONCE: Final = 64
"""Where the bare engine is at its fastest, and a worker that drains keeps about as many under way:
each call costs the more, the more there are."""


def run(harness: BenchHarness, progress: Progress) -> Findings:
    """`drain_per_s`, `drain_vs_bare` and `cpu_us_per_callback`, of the largest size."""
    sizes = {f"{count}": _in_turn(harness, progress, count) for count in harness.plan.drain}
    largest = sizes[f"{harness.plan.drain[-1]}"]
    return {
        "drain_per_s": largest["per_s"],
        "drain_vs_bare": largest["vs_bare"],
        "cpu_us_per_callback": largest["cpu_us"],
        "details": {"drain": sizes},
    }


def _in_turn(harness: BenchHarness, progress: Progress, count: int) -> dict[str, Any]:
    warm_up(harness, progress, count)
    drains: list[Fired] = []
    bare: list[float] = []
    for n in range(harness.plan.rounds):
        progress(f"round {n + 1}: the bare engine posts {count:,}")
        bare.append(count / bare_seconds(harness, count))
        drains.append(drain(harness, progress, count))
    per_s = [each.per_s for each in drains]
    by_cost = sorted(drains, key=lambda each: sum(each.cpu.values()))
    return {
        "per_s": rounded(middle(per_s)),
        "per_s_spread": spread(per_s),
        "bare_per_s": rounded(middle(bare)),
        "bare_spread": spread(bare),
        "vs_bare": rounded(middle(per_s) / middle(bare)),
        "cpu_us": by_cost[len(by_cost) // 2].cpu_us(),
    }


def warm_up(harness: BenchHarness, progress: Progress, count: int) -> None:
    """Have plans made, connections opened and code run once."""
    drain(harness, lambda _text: progress("warming up"), min(_WARM_UP, count))


def drain(harness: BenchHarness, progress: Progress, count: int, **how: Any) -> Fired:  # noqa: ANN401 - handed through to Batch
    """Measure one drain on otherwise empty tables, and empty them afterwards."""
    fired = harness.fire(lambda: harness.batch(count, **how), progress)
    harness.purge()
    return fired


def bare_seconds(
    harness: BenchHarness, count: int, *, scheme: str = "http", port: int | None = None
) -> float:
    """How long the bare engine takes at its best."""
    found = ask(
        "bench.yardsticks.bare",
        {
            "count": count,
            "warm": min(count, _AT_ONCE),
            "at_once": _AT_ONCE,
            "secret": harness.account.secret,
            "scheme": scheme,
            "port": harness.receiver.plain if port is None else port,
            "size": BODY_BYTES,
            "authority": f"{harness.receiver.authority}",
        },
    )
    return float(found["seconds"])
