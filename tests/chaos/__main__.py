"""Chaos: inject faults into real processes under load, and check every call.

    python -m tests.chaos    with CHAOS_MINUTES (10), CHAOS_FIRINGS (30000), CHAOS_SEED (random)
                             and CHAOS_FAULTS ("kill-worker valkey": all of them)

Ends with 1 where a call was lost, early, made for another account or under another id, or made
again without a reason, and prints each of them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from random import SystemRandom

from bench.children import interruptible
from local.terminal import fail, say, shown, step
from tests.arguments import of_environment, refuse
from tests.chaos import report
from tests.chaos.faults import FAULTS
from tests.chaos.play import Plan, play
from tests.soak.report import reasons

FOLDER = Path("var") / "chaos"
SHORTEST_TURN_S, LONGEST_TURN_S = 8.0, 30.0
"""Between them, a run is long enough for two rounds: each fault alone, and pairs of them."""

_INTERRUPTED = 130


def main(environ: Mapping[str, str]) -> int:
    """Play a run as the environment says; 0 where every promise was kept."""
    names = (environ.get("CHAOS_FAULTS") or "").split() or list(FAULTS)
    if unknown := sorted(set(names) - FAULTS.keys()):
        refuse(f"there is no fault {unknown[0]}; there are {', '.join(FAULTS)}")
    seconds = of_environment(environ, "CHAOS_MINUTES", 10.0, least=0.1, kind=float) * 60
    plan = Plan(
        seconds=seconds,
        turn_s=max(SHORTEST_TURN_S, min(LONGEST_TURN_S, seconds / (2 * len(names)))),
        firings=of_environment(environ, "CHAOS_FIRINGS", 30_000, least=1, kind=int),
        seed=of_environment(
            environ, "CHAOS_SEED", SystemRandom().randrange(1_000_000), least=0, kind=int
        ),
    )
    say("Seed", f"{plan.seed}")
    interruptible()
    try:
        with step("Chaos", "beginning") as begun:
            played = play(plan, [FAULTS[each] for each in names], begun.doing)
            begun.result = f"{len(played.spans)} turns, {len(played.calls)} calls"
    except KeyboardInterrupt:
        fail("interrupted; nothing was written, and nothing is left.")
        return _INTERRUPTED
    report.write(FOLDER, plan, played)
    for line in report.table(report.figures(played)):
        say("", line)
    for name, why in played.left_out.items():
        say("Left out", f"{name}: {why}")
    say("Result", report.summary(played))
    for line in reasons(played.violations):
        fail(line)
    say("Results", f"{shown(FOLDER / 'chaos.json')}, {shown(FOLDER / 'chaos.md')}")
    return 1 if played.violations else 0


if __name__ == "__main__":
    sys.exit(main(os.environ))
