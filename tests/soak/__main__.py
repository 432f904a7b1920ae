"""Soak: play situations of operation under load.

python -m tests.soak [SITUATION…]   with SOAK_MINUTES (30) and SOAK_RATE (50 calls a second)

Ends with 1 where a call was lost, early, or made twice without a crash, and tells which.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from bench.children import interruptible
from local.terminal import fail, say, shown, step
from tests.arguments import of_environment
from tests.soak import report
from tests.soak.play import Plan, play
from tests.soak.situations import SITUATIONS

FOLDER = Path("var") / "soak"
SCHEDULES = 10
_INTERRUPTED = 130


def main(arguments: list[str]) -> int:
    """Play them all, or those that are named; 0 where every promise was kept."""
    names = {each.name: each for each in SITUATIONS}
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("chosen", nargs="*", metavar="SITUATION", help=", ".join(names))
    chosen = parser.parse_args(arguments).chosen
    if unknown := sorted(set(chosen) - names.keys()):
        parser.error(f"there is no situation {unknown[0]}; there are {', '.join(names)}")
    situations = [names[each] for each in chosen] or list(SITUATIONS)
    minutes = of_environment(os.environ, "SOAK_MINUTES", 30.0, least=0.1, kind=float)
    rate = of_environment(os.environ, "SOAK_RATE", 50.0, least=0.1, kind=float)
    plan = Plan(seconds=minutes * 60, rate=rate, schedules=SCHEDULES)
    interruptible()
    try:
        with step("Soak", "beginning") as begun:
            played = play(plan, situations, begun.doing)
            begun.result = f"{len(situations)} situations, {len(played.calls)} calls"
    except KeyboardInterrupt:
        fail("interrupted; nothing was written, and nothing is left.")
        return _INTERRUPTED
    found = report.figures(played.asked, played.calls, played.spans, played.excused)
    report.write(FOLDER, found, played.violations, minutes=minutes, rate=rate)
    for line in report.table(found):
        say("", line)
    for line in report.reasons(played.violations):
        fail(line)
    say("Results", f"{shown(FOLDER / 'soak.json')}, {shown(FOLDER / 'soak.md')}")
    return 1 if played.violations else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
