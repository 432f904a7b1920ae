"""TLS: a drain to receivers that speak it, over new and over kept connections."""

from __future__ import annotations

from bench.figures import middle, rounded, spread
from bench.phases.drain import bare_seconds, drain
from bench.stage import Findings, Stage, Tell


def run(stage: Stage, tell: Tell) -> Findings:
    """Rates with TLS, in turn with the bare engine; the first drain opens all connections."""
    count = stage.plan.tls
    how = {"scheme": "https", "port": stage.receiver.tls}
    first = drain(stage, lambda text: tell(f"new connections: {text}"), count, **how)
    drains = []
    bare = []
    for n in range(stage.plan.rounds):
        tell(f"round {n + 1}: the bare engine posts {count:,}")
        bare.append(count / bare_seconds(stage, count, scheme="https", port=stage.receiver.tls))
        drains.append(drain(stage, tell, count, **how))
    per_s = [each.per_s for each in drains]
    return {
        "details": {
            "tls": {
                "first_per_s": rounded(first.per_s),
                "first_cpu_us": first.cpu_us(),
                "per_s": rounded(middle(per_s)),
                "spread": spread(per_s),
                "bare_per_s": rounded(middle(bare)),
                "vs_bare": rounded(middle(per_s) / middle(bare)),
                "cpu_us": drains[-1].cpu_us(),
            }
        }
    }
