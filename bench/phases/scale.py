"""Scale: drains with one, two and four workers, and a model of them that a further drain checks."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from bench import instance
from bench.capacity import Measured, Model, fit
from bench.figures import rounded
from bench.harness import BenchHarness, Findings, Fired, Progress
from bench.phases.drain import drain, warm_up

KEY: Final = "scale"
MINUTES: Final = (1.5, 3.0)
"""How long it takes, quick and full."""

WORKERS: Final = (1, 2, 4)
EXPECTED: Final = ((2, 4), (5, 8), (10, 16), (22, 32))
"""Workers and cores for which the page has expected rates."""

_FEW: Final = 2
_JOBS: Final = 20_000
_RECEIVER: Final = "receiver"
_TOTAL: Final = "total"


def run(harness: BenchHarness, progress: Progress) -> Findings:
    """`scale`: the rate with each number of workers, the model, and its error for what it lacks."""
    cores = os.cpu_count() or 1
    runs = [_drained(harness, progress, workers, cores) for workers in WORKERS]
    pinned = _drained(harness, progress, 1, cores, is_pinned=True) if cores > 1 else None
    return measured(runs, pinned, cores=cores)


def measured(runs: Sequence[Measured], pinned: Measured | None, *, cores: int) -> Findings:
    """The figures. The model is made of all runs but the last, and not of the pinned one."""
    model = fit(runs[:-1])
    checked = {_name(each): round(model.error(each), 3) for each in (runs[-1], pinned) if each}
    return {
        KEY: {
            "cores": cores,
            "runs": {
                _name(each): {"per_s": rounded(each.per_s), "cpu_us": dict(each.cpu_us)}
                for each in (*runs, pinned)
                if each
            },
            "model": {
                "cpu_us": {kind: round(us, 1) for kind, us in model.cpu_us.items()},
                "utilisation": round(model.utilisation, 3),
            },
            "error": checked,
            "expected": [_expected(model, *each) for each in EXPECTED],
            "not_measured": not_measured(cores),
        }
    }


def not_measured(cores: int) -> str:
    """What a machine with so many cores does not show."""
    if cores > max(WORKERS) + 1:
        return ""
    pinned = [each for each in WORKERS if each < cores]
    return (
        f"This machine has {cores} cores. Up to {max(pinned, default=0)} of the workers can have "
        f"a core of their own here; with {max(WORKERS)} they share cores with PostgreSQL, "
        "so that the rates of more workers on more cores are computed and not measured."
    )


def _expected(model: Model, workers: int, cores: int) -> dict[str, Any]:
    limits = model.limits(workers, cores)
    return {
        "workers": workers,
        "cores": cores,
        "per_s": rounded(model.per_s(workers, cores), 2),
        "first": min(limits, key=limits.__getitem__),
    }


def _name(run: Measured) -> str:
    return f"{run.workers}, pinned" if run.is_pinned else f"{run.workers}"


def _drained(
    harness: BenchHarness, progress: Progress, workers: int, cores: int, *, is_pinned: bool = False
) -> Measured:
    """A drain of an instance of its own with so many workers."""

    def say(text: str) -> None:
        progress(f"{workers} workers{', pinned' if is_pinned else ''}: {text}")

    say("starting an instance")
    limits = {**instance.NO_LIMITS, "WAKECALL_WORKERS": f"{workers}"}
    folder = harness.instance.home.parents[1]
    with (
        instance.running(harness.receiver.authority, folder=folder, limits=limits) as started,
        started.connect() as connection,
    ):
        own = replace(
            harness, instance=started, account=started.account("bench"), connection=connection
        )
        # With more cores than workers, the workers never wait for a core.
        if is_pinned or workers + 1 < cores:
            pin(started.pids() | harness.receiver.pids, workers, cores)
            is_pinned = True
        warm_up(own, say, _JOBS)
        drains = [drain(own, say, _JOBS) for _ in range(min(own.plan.rounds, _FEW))]
    return _of(max(drains, key=lambda each: each.per_s), workers, cores, is_pinned=is_pinned)


def _of(fired: Fired, workers: int, cores: int, *, is_pinned: bool) -> Measured:
    costs = fired.cpu_us()
    del costs[_TOTAL]
    return Measured(
        workers=workers, cores=cores, per_s=fired.per_s, cpu_us=costs, is_pinned=is_pinned
    )


def pin(pids: Mapping[str, int], workers: int, cores: int) -> None:
    """Give each worker a core of its own, and all other processes what is left."""
    rest = set(range(workers, cores))
    taken = iter(range(workers))
    for name, pid in sorted(pids.items()):
        kind = name.partition("-")[0]
        _pin_tree(pid, {next(taken)} if kind == "worker" else rest)


def _pin_tree(pid: int, cores: set[int]) -> None:
    """All threads of a process and of those below it; what they start inherits it."""
    with suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setaffinity(int(thread.name), cores)
            children = (thread / "children").read_text(encoding="ascii").split()
            for child in children:
                _pin_tree(int(child), cores)
