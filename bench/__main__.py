"""The order of the phases: `python -m bench` runs all, `python -m bench drain …` some."""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench import instance, receiver, report, results
from bench.children import Failed, interruptible
from bench.peers import merging
from bench.phases import (
    claim,
    create,
    crons,
    drain,
    listing,
    naive,
    neighbours,
    slow,
    steady,
    tls,
)
from bench.plan import FULL, QUICK, Plan
from bench.stage import Findings, Stage, Tell
from local.terminal import fail, say, shown, step


@dataclass(frozen=True, kw_only=True, slots=True)
class Phase:
    """One phase: what it is called, what it does, how long it takes (quick, full)."""

    name: str
    about: str
    run: Callable[[Stage, Tell], Findings]
    minutes: tuple[float, float]


PHASES: Final = (
    Phase(name="drain", about="jobs due at one instant", run=drain.run, minutes=(1.5, 4)),
    Phase(name="steady", about="lateness at even rates", run=steady.run, minutes=(1, 3)),
    Phase(name="create", about="bookings over HTTP", run=create.run, minutes=(1, 3)),
    Phase(name="claim", about="firings beside pending jobs", run=claim.run, minutes=(2, 8)),
    Phase(name="slow", about="receivers that never answer", run=slow.run, minutes=(1.5, 8)),
    Phase(name="neighbours", about="others' backlogs", run=neighbours.run, minutes=(1.5, 5)),
    Phase(name="list", about="ids of very many jobs", run=listing.run, minutes=(0.5, 0.5)),
    Phase(name="crons", about="recurring jobs at one instant", run=crons.run, minutes=(0.2, 0.5)),
    Phase(name="tls", about="handshakes, and an even rate with TLS", run=tls.run, minutes=(0.5, 1)),
    Phase(name="naive", about="one RQ job for each firing", run=naive.run, minutes=(0.5, 1)),
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
    interruptible()
    try:
        _see_to_packages(chosen)
        found = measure(plan, [phase for phase in PHASES if not chosen or phase.name in chosen])
        if not chosen:
            results.write(merging.carried(found, results.LATEST))
            report.main()
    except Failed as error:
        fail(f"{error}")
        return 1
    except KeyboardInterrupt:
        fail("interrupted; nothing was written, and nothing is left.")
        return 130
    if chosen:
        print(json.dumps(found, indent=1))
    else:
        say("Results", f"{shown(results.LATEST)}, {shown(report.PAGE)}")
    return 0


def measure(
    plan: Plan, phases: list[Phase], *, own: bool = False, folder: Path = instance.FOLDER
) -> Findings:
    """What these phases find, in one instance, whose data lie below `folder`. Raises Failed.

    The receiver is nginx, or our `own` where that is wanted or there is none.
    """
    details: Findings = {}
    with ExitStack() as stack:
        files = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wakecall-bench-")))
        files.chmod(0o711)
        with step("Receiver", "starting") as begun:
            calls = stack.enter_context(receiver.running(files, own=own))
            begun.result = f"{calls.name}, {len(receiver.ADDRESSES)} addresses"
        with step("Instance", "starting") as begun:
            under_test = stack.enter_context(
                instance.running(calls.authority, folder=folder, plan=plan.name)
            )
            begun.result = f"ready in {under_test.home}"
        stage = Stage(
            plan=plan,
            instance=under_test,
            receiver=calls,
            account=under_test.account("bench"),
            connection=stack.enter_context(under_test.connect()),
        )
        results.check_durable(stage.connection)
        stage.purge()
        found = results.about(stage)
        for phase in phases:
            minutes = phase.minutes[plan is FULL]
            label = phase.name.capitalize()
            say(label, f"{phase.about}; about {minutes:g} min")
            with step(label, "beginning") as begun:
                findings = phase.run(stage, begun.doing)
                begun.result = "done"
            stage.purge()
            details |= findings.pop("details", {})
            found |= findings
    return {**found, "details": details}


def _see_to_packages(chosen: list[str]) -> None:
    """Raise Failed now, not after the last phase, where a library of the benchmark is missing."""
    wanted = {"requests"} if "naive" in chosen else set() if chosen else {"requests", "matplotlib"}
    for name in sorted(wanted):
        if importlib.util.find_spec(name) is None:
            raise Failed(f"{name} is not installed: `make bench` installs what is needed.")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
