"""TLS: calls to receivers that speak it, over new connections and over kept ones."""

from __future__ import annotations

from bench.figures import rounded
from bench.harness import BenchHarness, Findings, Progress
from bench.phases.drain import drain
from bench.phases.steady import at_rate


def run(harness: BenchHarness, progress: Progress) -> Findings:
    """What handshakes cost, all at once, and then lateness and CPU at an even rate."""
    plan, receiver = harness.plan, harness.receiver
    first = drain(
        harness,
        lambda text: progress(f"new connections: {text}"),
        plan.tls,
        scheme="https",
        port=receiver.tls,
    )
    late, fired = at_rate(harness, progress, plan.slow_rate, plan.slow_s, tls=True)
    return {
        "details": {
            "tls": {
                "handshakes_per_s": rounded(first.per_s),
                "handshakes_cpu_us": first.cpu_us(),
                "rate": plan.slow_rate,
                "lateness_ms": late.document(),
                "cpu_us": fired.cpu_us(),
            }
        }
    }
