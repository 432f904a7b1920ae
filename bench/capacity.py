"""Capacity: the rate that a number of workers and cores gives, by what each callback costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

WORKER: Final = "worker"
SCHEDULER: Final = "scheduler"
CORES: Final = "cores"

_US: Final = 1e6


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """A drain at saturation: how many workers on how many cores, its rate, and its cost."""

    workers: int
    cores: int
    per_s: float
    cpu_us: Mapping[str, float]
    """Microseconds of CPU a callback, by kind of process; without a total."""
    is_pinned: bool = False
    """Whether each worker has a core of its own, and all other processes share the rest."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Model:
    """What a callback costs, and how much of the part that saturates first is really used."""

    cpu_us: Mapping[str, float]
    utilisation: float

    def limits(self, workers: int, cores: int, *, is_pinned: bool = False) -> dict[str, float]:
        """Callbacks a second at which each part would be used whole.

        A worker and a scheduler have one interpreter, and so one core, each.
        """
        total = sum(self.cpu_us.values())
        found = {
            WORKER: workers * _US / self.cpu_us[WORKER],
            SCHEDULER: _US / self.cpu_us[SCHEDULER],
        }
        if is_pinned:
            found[CORES] = (cores - workers) * _US / (total - self.cpu_us[WORKER])
        else:
            found[CORES] = cores * _US / total
        return found

    def per_s(self, workers: int, cores: int, *, is_pinned: bool = False) -> float:
        """The rate that is expected."""
        limits = self.limits(workers, cores, is_pinned=is_pinned)
        return self.utilisation * min(limits.values())

    def error(self, run: Measured) -> float:
        """By which part of the measured rate the expected one is too high, or below 0 too low."""
        expected = self.per_s(run.workers, run.cores, is_pinned=run.is_pinned)
        return expected / run.per_s - 1


def fit(runs: Sequence[Measured]) -> Model:
    """Take the median cost of each kind of process, and the median of the utilisation."""
    kinds = runs[0].cpu_us
    costs = {kind: median(each.cpu_us[kind] for each in runs) for kind in kinds}
    whole = Model(cpu_us=costs, utilisation=1.0)
    used = [
        each.per_s / whole.per_s(each.workers, each.cores, is_pinned=each.is_pinned)
        for each in runs
    ]
    return Model(cpu_us=costs, utilisation=median(used))
