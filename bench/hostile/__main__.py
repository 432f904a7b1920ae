"""All hostile deeds: `python -m bench.hostile` measures all and keeps it, `… abort` that one."""

from __future__ import annotations

import sys
from functools import partial
from typing import Any

from bench import command, report, results
from bench.__main__ import Phase, measure
from bench.hostile.deeds import DEEDS
from bench.hostile.table import KEY
from bench.peers.round import kept
from bench.phases import hostile


def main(arguments: list[str]) -> int:
    """Measure, and let what all deeds came to join the results kept last; 0 when all went well."""
    names = [deed.name for deed in DEEDS]
    benchmark = command.Benchmark(
        __doc__ or "", "python -m bench.hostile", "deed", names, _found, keep
    )
    return command.main(benchmark, arguments)


def _found(asked: command.Asked) -> dict[str, Any]:
    if not asked.chosen:
        kept()  # what is missing is told now, not after the last deed
    wanted = [deed for deed in DEEDS if asked.wants(deed.name)]
    phase = Phase(
        name=KEY,
        about="what others do to it",
        run=partial(hostile.run, deeds=wanted),
        minutes=hostile.MINUTES,
    )
    return measure(asked.plan, [phase])


def keep(found: dict[str, Any]) -> None:
    """Let these figures join the results kept last, and the page. Raises Failed without any."""
    whole = {**kept(), KEY: found[KEY]}
    results.write(whole)
    report.write_page(whole)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
