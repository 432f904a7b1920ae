"""The order of the phases: `python -m bench` runs all, `python -m bench drain …` some."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Final

from bench import instance, receiver
from bench.children import Failed
from bench.phases import drain, steady
from bench.plan import FULL, QUICK, Plan
from bench.stage import Findings, Stage, Tell
from local.terminal import fail, say, step


@dataclass(frozen=True, kw_only=True, slots=True)
class Phase:
    """One phase: what it is called, what it does, how long it takes (quick, full)."""

    name: str
    about: str
    run: Callable[[Stage, Tell], Findings]
    minutes: tuple[float, float]


PHASES: Final = (
    Phase(name="drain", about="jobs due at one instant", run=drain.run, minutes=(1.5, 8)),
    Phase(name="steady", about="lateness at even rates", run=steady.run, minutes=(1.2, 3)),
)


def main(arguments: list[str]) -> int:
    """Measure, and write down what a whole run has found; 0 when all went well."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    names = [phase.name for phase in PHASES]
    parser.add_argument("phases", nargs="*", metavar="PHASE", help=f"of {', '.join(names)}")
    chosen = parser.parse_args(arguments).phases
    unknown = sorted(set(chosen) - set(names))
    if unknown:
        parser.error(f"there is no phase {unknown[0]}; there are {', '.join(names)}")
    plan = QUICK if os.environ.get("BENCH_QUICK", "0") not in {"", "0"} else FULL
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        found = measure(plan, [phase for phase in PHASES if not chosen or phase.name in chosen])
    except Failed as error:
        fail(f"{error}")
        return 1
    except KeyboardInterrupt:
        fail("interrupted; nothing was written, and nothing is left.")
        return 130
    print(json.dumps(found, indent=1))
    return 0


def measure(plan: Plan, phases: list[Phase], *, own: bool = False) -> dict[str, Any]:
    """What these phases find, in one instance. Raises Failed."""
    found: dict[str, Any] = {"details": {}}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wakecall-bench-")))
        folder.chmod(0o711)
        with step("Receiver", "starting") as shown:
            calls = stack.enter_context(receiver.running(folder, own=own))
            shown.result = f"{calls.name}, {len(receiver.ADDRESSES)} addresses"
        with step("Instance", "starting") as shown:
            under_test = stack.enter_context(instance.running(calls.authority, plan=plan.name))
            shown.result = f"ready in {under_test.home}"
        stage = Stage(
            plan=plan,
            instance=under_test,
            receiver=calls,
            account=under_test.account("bench"),
            connection=stack.enter_context(under_test.connect()),
        )
        stage.purge()
        for phase in phases:
            minutes = phase.minutes[plan is FULL]
            say(phase.name.capitalize(), f"{phase.about}; about {minutes:g} min")
            with step("", "") as shown:
                findings = phase.run(stage, shown.doing)
            stage.purge()
            found["details"] |= findings.pop("details", {})
            found |= findings
    return found


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
