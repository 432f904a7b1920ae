"""Busy: how late calls are while other processes compute on the same processors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import Any, Final

from bench.bookings import seconds_for
from bench.children import child, python
from bench.figures import lateness
from bench.harness import MISSED_AIMS, BenchHarness, Findings, Progress
from bench.phases.steady import WARM_UP_S, after, arrivals_at_rate
from local.instance import CHECKOUT
from local.program import Program

KEY: Final = "busy"
AIMS_MS: Final[Mapping[int, float]] = {1000: 10.0, 5000: 50.0}
"""The aim by calls a second: the p99 of their lateness beside one process that computes."""

RECOVERY_S: Final = 2.0
"""The aim: so long after the last of several such processes has ended, calls are on time again."""

MANY: Final = 4
"""Processes that compute at once where the recovery is measured."""

_WITH_MANY_S: Final = 4.0
_THEN_S: Final = 6.0
_RATE: Final = 1000
_SLOT_S: Final = 0.25
_LONG_S: Final = 3600.0

Late = Sequence[tuple[float, float]]
"""Calls as seconds from the end of the load to their due time, and their lateness in seconds."""


def run(harness: BenchHarness, progress: Progress) -> Findings:
    """`busy`: lateness by rate beside one process that computes, and the recovery from several."""
    beside = {rate: _beside_one(harness, progress, rate) for rate in AIMS_MS}
    with_many, afterwards = _beside_many(harness, progress)
    return measured(beside, with_many, afterwards)


def measured(
    beside: Mapping[int, Sequence[float]], with_many: Sequence[float], afterwards: Late
) -> Findings:
    """The figures, and what misses the aims; lateness is given in seconds."""
    figures: dict[str, Any] = {}
    missed: list[str] = []
    for rate, values in beside.items():
        late = lateness(list(values))
        figures[f"{rate}"] = {"p50": late.p50, "p99": late.p99, "max": late.max}
        if late.p99 > AIMS_MS[rate]:
            missed.append(f"busy: the p99 at {rate:,}/s is {late.p99:.1f} ms")
    recovered = recovered_after(afterwards)
    if recovered is None or recovered > RECOVERY_S:
        missed.append(f"busy: calls are on time again after {recovered} s, not {RECOVERY_S:g} s")
    many = {"processes": MANY, "p99": lateness(list(with_many)).p99, "recovered_after": recovered}
    found: Findings = {KEY: {"beside_one": figures, "beside_many": many}}
    return {**found, **({MISSED_AIMS: missed} if missed else {})}


def recovered_after(calls: Late) -> float | None:
    """Seconds from the end of the load to the first slot from which on calls are on time.

    They are where the p99 of all calls of this slot and the later ones is within the aim; None
    where the last slot is late as well. One stall of the machine later on prolongs nothing.
    """
    slots = sorted({int(since // _SLOT_S) for since, _ in calls})
    for slot in slots:
        left = [late for since, late in calls if since >= slot * _SLOT_S]
        if lateness(left).p99 <= AIMS_MS[_RATE]:
            return slot * _SLOT_S
    return None


def _beside_one(harness: BenchHarness, progress: Progress, rate: int) -> list[float]:
    with _computing(harness, 1, _LONG_S):
        arrivals, fired = arrivals_at_rate(
            harness,
            lambda text: progress(f"beside a busy process, {text}"),
            rate,
            harness.plan.steady_s,
        )
    return after(arrivals, fired.first + timedelta(seconds=WARM_UP_S))


def _beside_many(harness: BenchHarness, progress: Progress) -> tuple[list[float], Late]:
    """The lateness while they compute, and of the calls that are due afterwards."""
    seconds = _WITH_MANY_S + _THEN_S
    lead = seconds_for(int(_RATE * (seconds + WARM_UP_S)))
    computing = lead + WARM_UP_S + _WITH_MANY_S
    ended = harness.now() + timedelta(seconds=computing)
    with _computing(harness, MANY, computing):
        arrivals, fired = arrivals_at_rate(
            harness,
            lambda text: progress(f"beside {MANY} busy processes, {text}"),
            _RATE,
            seconds,
        )
    begun = fired.first + timedelta(seconds=WARM_UP_S)
    during = [each.late for each in arrivals if begun <= each.due < ended]
    later = [
        ((each.due - ended).total_seconds(), each.late) for each in arrivals if each.due >= ended
    ]
    return during, later


@contextmanager
def _computing(harness: BenchHarness, number: int, seconds: float) -> Iterator[None]:
    """So many processes that compute, with the priority that a process has by default."""
    with ExitStack() as stack:
        for each in range(number):
            name = f"busy-{each}"
            program = Program(
                name=name,
                command=python("bench.busy", f"{seconds}"),
                log=harness.receiver.folder / f"{name}.log",
                folder=CHECKOUT,
            )
            stack.enter_context(child(program))
        yield
