"""All hostile attacks: `python -m bench.hostile` measures all and keeps it, `… abort` that one."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from bench import command, instance, receiver, report, results
from bench.harness import Findings
from bench.hostile.attack import Attack
from bench.hostile.attacks import ATTACKS
from bench.hostile.table import KEY
from bench.peers.round import kept
from bench.phases import hostile
from bench.plan import Plan
from local.terminal import step


def main(arguments: list[str]) -> int:
    """Measure all attacks and join them to the stored results; return 0 unless one failed."""
    names = [attack.name for attack in ATTACKS]
    benchmark = command.Benchmark(
        __doc__ or "", "python -m bench.hostile", "attack", names, _found, keep
    )
    return command.main(benchmark, arguments)


def measure(
    plan: Plan, attacks: Sequence[Attack], *, own: bool = False, folder: Path = instance.FOLDER
) -> Findings:
    """What an account notices of these attacks. Raises Failed.

    The receiver is nginx, or our `own` where that is wanted or there is none.
    """
    with receiver.started(own=own) as calls, step("Hostile", "beginning") as begun:
        found = hostile.measure(plan, calls, begun.doing, attacks, folder=folder)
        begun.result = f"{len(attacks)} attacks"
    return found


def _found(asked: command.Asked) -> Findings:
    if not asked.chosen:
        kept()  # fail now, not after the last attack, if something is missing
    return measure(asked.plan, [attack for attack in ATTACKS if asked.wants(attack.name)])


def keep(found: Findings) -> None:
    """Let these figures join the results kept last, and the page. Raises Failed without any."""
    whole = {**kept(), KEY: found[KEY]}
    results.write(whole)
    report.write_page(whole)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
