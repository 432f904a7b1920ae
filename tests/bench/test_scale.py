"""The model of several workers is made of some drains, and checked against others."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from bench.capacity import Measured, Model, fit
from bench.phases import scale

COSTS = {"worker": 100.0, "postgres": 50.0, "scheduler": 10.0, "receiver": 40.0}


def run(workers: int, per_s: float, *, is_pinned: bool = False) -> Measured:
    return Measured(workers=workers, cores=2, per_s=per_s, cpu_us=COSTS, is_pinned=is_pinned)


def test_the_part_that_is_used_whole_first_limits_the_rate() -> None:
    model = Model(cpu_us=COSTS, utilisation=0.9)

    assert model.limits(1, 8) == {"worker": 10_000, "scheduler": 100_000, "cores": 40_000}
    assert model.per_s(1, 8) == pytest.approx(9_000)
    assert model.per_s(8, 8) == pytest.approx(36_000)
    assert model.per_s(100, 1000) == pytest.approx(90_000)


def test_a_pinned_worker_leaves_the_other_cores_to_the_rest() -> None:
    model = Model(cpu_us=COSTS, utilisation=1.0)

    assert model.limits(1, 2, is_pinned=True)["cores"] == 10_000
    assert model.limits(1, 3, is_pinned=True)["cores"] == 20_000


def test_a_model_has_the_costs_and_the_utilisation_of_its_runs() -> None:
    model = fit([run(1, 8_000), run(2, 9_000)])

    assert model.cpu_us == COSTS
    # One worker may do 10,000/s here, and two cores as many.
    assert model.utilisation == pytest.approx(0.85)
    assert model.error(run(4, 8_500)) == pytest.approx(0.0)
    assert model.error(run(4, 17_000)) == pytest.approx(-0.5)


def test_the_last_and_the_pinned_run_check_the_model() -> None:
    runs = [run(1, 8_000), run(2, 9_000), run(4, 10_000)]

    found = scale.measured(runs, run(1, 5_000, is_pinned=True), cores=2)[scale.KEY]

    assert found["error"] == {"4": -0.15, "1, pinned": 0.7}
    assert found["runs"].keys() == {"1", "2", "4", "1, pinned"}
    assert found["expected"][1] == {"workers": 5, "cores": 8, "per_s": 34_000, "first": "cores"}


def test_a_machine_with_few_cores_says_what_it_does_not_show() -> None:
    assert "2 cores. Up to 1 of the workers" in scale.not_measured(2)
    assert scale.not_measured(8) == ""


@pytest.fixture
def processes() -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    command = [sys.executable, "-c", "input()"]
    started = {
        name: subprocess.Popen(command, stdin=subprocess.PIPE) for name in ("web", "worker-1")
    }
    yield started
    for each in started.values():
        each.communicate(b"\n")


@pytest.mark.skipif(os.cpu_count() == 1, reason="one core cannot be shared out")
def test_workers_have_cores_of_their_own(processes: dict[str, subprocess.Popen[bytes]]) -> None:
    scale.pin({name: each.pid for name, each in processes.items()}, 1, 2)

    cores = {name: os.sched_getaffinity(each.pid) for name, each in processes.items()}
    assert cores == {"web": {1}, "worker-1": {0}}
