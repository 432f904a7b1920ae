"""TLS: calls to receivers that speak it, over new connections and over kept ones."""

from __future__ import annotations

from bench.figures import rounded
from bench.phases.drain import drain
from bench.phases.steady import at_rate
from bench.stage import Findings, Stage, Tell


def run(stage: Stage, tell: Tell) -> Findings:
    """What handshakes cost, all at once, and then lateness and CPU at an even rate."""
    plan, receiver = stage.plan, stage.receiver
    first = drain(
        stage,
        lambda text: tell(f"new connections: {text}"),
        plan.tls,
        scheme="https",
        port=receiver.tls,
    )
    late, fired = at_rate(stage, tell, plan.slow_rate, plan.slow_s, tls=True)
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
