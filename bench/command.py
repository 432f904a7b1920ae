"""Command: how a benchmark is asked for on the command line, and what is said at its end."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from app.errors import Misconfigured
from bench import report, results
from bench.children import Failed, interruptible
from bench.harness import MISSED_AIMS
from bench.plan import FULL, QUICK, Plan
from local.terminal import fail, say, shown

_INTERRUPTED: Final = 130


class Asked(NamedTuple):
    """How much to measure, and of what; `chosen` is empty where everything is wanted."""

    plan: Plan
    chosen: tuple[str, ...]

    def wants(self, name: str) -> bool:
        """Whether this is to be measured."""
        return not self.chosen or name in self.chosen


class Benchmark(NamedTuple):
    """What is measured by name, each a `kind`; a whole run is kept, and of some it is printed.

    Both `measure` and `keep` may raise Failed or Misconfigured.
    """

    about: str
    prog: str
    kind: str
    names: Sequence[str]
    measure: Callable[[Asked], dict[str, Any]]
    keep: Callable[[dict[str, Any]], object]


def main(benchmark: Benchmark, arguments: list[str]) -> int:
    """Measure what the arguments ask for; 0 when all went well, 1 where an aim was missed."""
    asked = _asked(benchmark, arguments)
    interruptible()
    try:
        found = benchmark.measure(asked)
        if not asked.chosen:
            benchmark.keep(found)
    except (Failed, Misconfigured) as error:
        fail(f"{error}")
        return 1
    except KeyboardInterrupt:
        fail("interrupted; nothing more was written, and nothing is left.")
        return _INTERRUPTED
    if asked.chosen:
        print(json.dumps(found, indent=1))
    else:
        say_kept()
    for missed in found.get(MISSED_AIMS, ()):
        fail(missed)
    return 1 if MISSED_AIMS in found else 0


def say_kept() -> None:
    """Tell where what was found is written down."""
    say("Results", f"{shown(results.LATEST)}, {shown(report.PAGE)}")


def _asked(benchmark: Benchmark, arguments: list[str]) -> Asked:
    kind, names = benchmark.kind, ", ".join(benchmark.names)
    parser = argparse.ArgumentParser(prog=benchmark.prog, description=benchmark.about)
    parser.add_argument("chosen", nargs="*", metavar=kind.upper(), help=f"of {names}")
    chosen = parser.parse_args(arguments).chosen
    if unknown := sorted(set(chosen) - set(benchmark.names)):
        parser.error(f"there is no {kind} {unknown[0]}; there are {names}")
    quick = os.environ.get("BENCH_QUICK", "0") not in {"", "0"}
    return Asked(QUICK if quick else FULL, tuple(chosen))
