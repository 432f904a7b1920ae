"""The order of the phases: `python -m bench` runs all, `python -m bench drain …` some."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench import command, instance, receiver, report, results
from bench.children import Failed
from bench.harness import MISSED_AIMS, BenchHarness, Findings, Progress
from bench.peers import merging
from bench.peers import round as peers
from bench.phases import (
    busy,
    claim,
    console,
    create,
    crons,
    dapr,
    drain,
    hostile,
    listing,
    naive,
    neighbours,
    restart,
    scale,
    slow,
    steady,
    tls,
)
from bench.plan import FULL, Plan
from local.terminal import say, step


@dataclass(frozen=True, kw_only=True, slots=True)
class Phase:
    """One phase: what it is called, what it does, how long it takes (quick, full)."""

    name: str
    about: str
    run: Callable[[BenchHarness, Progress], Findings]
    minutes: tuple[float, float]


PHASES: Final = (
    Phase(name="drain", about="jobs due at one instant", run=drain.run, minutes=(1.5, 4)),
    Phase(name="steady", about="lateness at even rates", run=steady.run, minutes=(1, 3)),
    Phase(name="create", about="bookings over HTTP", run=create.run, minutes=(1, 3)),
    Phase(name="dapr", about="bookings of Dapr jobs, each way", run=dapr.run, minutes=(1, 2)),
    Phase(name="claim", about="firings beside pending jobs", run=claim.run, minutes=(2, 8)),
    Phase(name="slow", about="receivers that never answer", run=slow.run, minutes=(1.5, 8)),
    Phase(name="neighbours", about="others' backlogs", run=neighbours.run, minutes=(1.5, 5)),
    Phase(name="hostile", about="what others do to it", run=hostile.run, minutes=hostile.MINUTES),
    Phase(name="console", about="tabs of the console", run=console.run, minutes=(1, 2)),
    Phase(name="busy", about="other processes that compute", run=busy.run, minutes=(1.5, 2)),
    Phase(name="restart", about="a rolling restart", run=restart.run, minutes=(1.5, 2)),
    Phase(name="list", about="ids of very many jobs", run=listing.run, minutes=(0.5, 0.5)),
    Phase(name="crons", about="recurring jobs at one instant", run=crons.run, minutes=(0.2, 0.5)),
    Phase(name="tls", about="handshakes, and an even rate with TLS", run=tls.run, minutes=(0.5, 1)),
    Phase(name="scale", about="one, two and four workers", run=scale.run, minutes=scale.MINUTES),
    Phase(name="naive", about="one RQ job for each firing", run=naive.run, minutes=(0.5, 1)),
)


def main(arguments: list[str]) -> int:
    """Measure, and write down what a whole run has found; 0 when all went well."""
    names = [phase.name for phase in PHASES]
    benchmark = command.Benchmark(__doc__ or "", "python -m bench", "phase", names, _found, keep)
    return command.main(benchmark, arguments)


def measure(
    plan: Plan, phases: list[Phase], *, own: bool = False, folder: Path = instance.FOLDER
) -> Findings:
    """What these phases find, in one instance, whose data lie below `folder`. Raises Failed.

    The receiver is nginx, or our `own` where that is wanted or there is none.
    """
    details: Findings = {}
    missed: list[str] = []
    with ExitStack() as stack:
        calls = stack.enter_context(receiver.started(own=own))
        with step("Instance", "starting") as begun:
            under_test = stack.enter_context(
                instance.running(calls.authority, folder=folder, plan=plan.name)
            )
            begun.result = f"ready in {under_test.home}"
        harness = BenchHarness(
            plan=plan,
            instance=under_test,
            receiver=calls,
            account=under_test.account("bench"),
            connection=stack.enter_context(under_test.connect()),
        )
        results.check_durable(harness.connection)
        harness.purge()
        found = results.about(harness)
        for phase in phases:
            minutes = phase.minutes[plan is FULL]
            label = phase.name.capitalize()
            say(label, f"{phase.about}; about {minutes:g} min")
            with step(label, "beginning") as begun:
                findings = phase.run(harness, begun.doing)
                begun.result = "done"
            harness.purge()
            details |= findings.pop("details", {})
            missed += findings.pop(MISSED_AIMS, [])
            found |= findings
    return {**found, "details": details, **({MISSED_AIMS: missed} if missed else {})}


def _found(asked: command.Asked) -> Findings:
    _see_to_packages(asked)
    return measure(asked.plan, [phase for phase in PHASES if asked.wants(phase.name)])


def keep(found: Findings) -> None:
    """Write it down; then, as the whole run has the time, measure the peers that are installed."""
    results.write(merging.carried(found, results.LATEST))
    report.main()
    if found["sizes"]["plan"] == FULL.name and peers.are_installed():
        command.say_kept()
        peers.keep(peers.run(FULL, peers.PEERS, commit=found["versions"]["commit"]))


def _see_to_packages(asked: command.Asked) -> None:
    """Raise Failed now, not after the last phase, where a library of the benchmark is missing."""
    wanted = {"requests": asked.wants("naive"), "matplotlib": not asked.chosen}
    for name, is_wanted in wanted.items():
        if is_wanted and importlib.util.find_spec(name) is None:
            raise Failed(f"{name} is not installed: `make bench` installs what is needed.")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
