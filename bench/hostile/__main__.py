"""All hostile deeds: `python -m bench.hostile` measures all and keeps it, `… abort` that one."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from bench import command, instance, receiver, report, results
from bench.harness import Findings
from bench.hostile.deed import Deed
from bench.hostile.deeds import DEEDS
from bench.hostile.table import KEY
from bench.peers.round import kept
from bench.phases import hostile
from bench.plan import Plan
from local.terminal import step


def main(arguments: list[str]) -> int:
    """Measure, and let what all deeds came to join the results kept last; 0 when all went well."""
    names = [deed.name for deed in DEEDS]
    benchmark = command.Benchmark(
        __doc__ or "", "python -m bench.hostile", "deed", names, _found, keep
    )
    return command.main(benchmark, arguments)


def measure(
    plan: Plan, deeds: Sequence[Deed], *, own: bool = False, folder: Path = instance.FOLDER
) -> Findings:
    """What an account notices of these deeds. Raises Failed.

    The receiver is nginx, or our `own` where that is wanted or there is none.
    """
    with receiver.started(own=own) as calls, step("Hostile", "beginning") as begun:
        found = hostile.measure(plan, calls, begun.doing, deeds, folder=folder)
        begun.result = f"{len(deeds)} deeds"
    return found


def _found(asked: command.Asked) -> Findings:
    if not asked.chosen:
        kept()  # what is missing is told now, not after the last deed
    return measure(asked.plan, [deed for deed in DEEDS if asked.wants(deed.name)])


def keep(found: Findings) -> None:
    """Let these figures join the results kept last, and the page. Raises Failed without any."""
    whole = {**kept(), KEY: found[KEY]}
    results.write(whole)
    report.write_page(whole)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
