"""Measure what each operation of one account does to another account.

python -m bench.neighbours [WORD…]   operations and groups whose names contain a word; else all

Ends with 1 where a call was missed, a request refused, or an aim missed, and tells which.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from app.errors import Misconfigured
from bench import instance, receiver, results
from bench.children import Failed, interruptible
from bench.harness import Progress
from bench.neighbours import table
from bench.neighbours.beside import Load, Noticed, measure
from bench.neighbours.operation import Operation
from bench.neighbours.operations import GROUPS
from bench.neighbours.setting import Setting, started
from bench.plan import FULL, QUICK
from local.terminal import fail, say, shown, step

FOLDER: Final = Path("var") / "neighbours"
_INTERRUPTED: Final = 130
_IDLE_EVERY: Final = 25
"""After so many operations the account is measured beside nothing once more."""

LOADS: Final = {
    "full": Load(seconds=4.0, connections=16, patience_s=20.0),
    "quick": Load(seconds=1.5, connections=16, patience_s=20.0),
}
SIZES: Final = {
    "full": {"jobs": 20_000, "runs": 500, "tasks": 100, "pool": 200},
    "quick": {"jobs": 5_000, "runs": 100, "tasks": 50, "pool": 50},
}


def main(arguments: list[str]) -> int:
    """Measure the operations; 0 where all was within the aims."""
    parser = argparse.ArgumentParser(prog="python -m bench.neighbours", description=__doc__)
    parser.add_argument("chosen", nargs="*", metavar="WORD", help="part of a name")
    operations = _chosen(parser.parse_args(arguments).chosen)
    if not operations:
        parser.error(f"no operation has such a name; the groups are {', '.join(GROUPS)}")
    plan = FULL if os.environ.get("BENCH_QUICK", "0") in {"", "0"} else QUICK
    load = LOADS[plan.name]
    interruptible()
    try:
        with receiver.started() as calls, step("Neighbours", "beginning") as begun:
            with started(
                plan,
                calls,
                instance.FOLDER,
                begun.doing,
                sizes=SIZES[plan.name],
            ) as setting:
                idle, found = _measure(setting, operations, load, begun.doing)
            begun.result = f"{len(operations)} operations"
    except (Failed, Misconfigured) as error:
        fail(f"{error}")
        return 1
    except KeyboardInterrupt:
        fail("interrupted; nothing was written, and nothing is left.")
        return _INTERRUPTED
    return _report(idle, found, load)


def _chosen(words: Sequence[str]) -> list[Operation]:
    return [
        each
        for group, operations in GROUPS.items()
        for each in operations
        if not words or any(word in f"{group} {each.name}" for word in words)
    ]


def _measure(
    setting: Setting, operations: Sequence[Operation], load: Load, progress: Progress
) -> tuple[dict[str, Noticed], dict[str, Noticed]]:
    """What is noticed beside nothing, several times, and beside each operation."""
    idle: dict[str, Noticed] = {}
    found: dict[str, Noticed] = {}
    for number, operation in enumerate(operations):
        if number % _IDLE_EVERY == 0:
            progress("beside nothing")
            setting.harness.rest(progress)
            idle[f"nothing ({len(idle) + 1})"] = measure(setting, [], load)
        progress(f"{number + 1} of {len(operations)}: {operation.name}")
        found[operation.name] = measure(setting, [operation], load)
        setting.tidy()
        setting.harness.rest(progress)
    return idle, found


def _report(idle: dict[str, Noticed], found: dict[str, Noticed], load: Load) -> int:
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / "neighbours.json"
    document = {
        "commit": results.commit(),
        "seconds": load.seconds,
        "idle": {name: each.document() for name, each in idle.items()},
        "operations": {name: each.document() for name, each in found.items()},
    }
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    for line in table.lines(table.rows(idle, found, load.seconds)):
        say("", line)
    missed = [line for name, each in found.items() for line in table.misses(name, each)]
    for line in missed:
        fail(line)
    say("Results", shown(path))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
