"""A very small benchmark, from the start of the instance to its figures, leaving nothing behind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from bench.__main__ import PHASES, main, measure
from bench.plan import FULL, QUICK
from tests.servers import temp_folder

TINY = replace(
    QUICK,
    name="tiny",
    rounds=1,
    drain=(200,),
    steady=(50,),
    steady_s=1.0,
    create_s=1.0,
    restart_rate=50,
    restart_s=10.0,
    listed=1000,
    crons=50,
)
LATE_MS = 30_000
"""A second is what operators are promised; here other tests may have taken the machine."""

# It loads all cores, and a booking that is not answered in its time fails it.
pytestmark = pytest.mark.alone

# Left out: what waits for calls to time out, what needs many jobs, what needs more packages.
MEASURED = ["drain", "steady", "create", "restart", "list", "crons"]


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with temp_folder() as made:
        yield made


def children() -> set[psutil.Process]:
    """All that this process has started and that lives: psutil tells apart those of one id."""
    return set(psutil.Process().children(recursive=True))


@pytest.fixture(scope="module")
def others() -> set[psutil.Process]:
    """What other tests have started, such as an instance of theirs."""
    return children()


@pytest.fixture(scope="module")
def found(folder: Path, others: set[psutil.Process]) -> dict[str, Any]:
    chosen = [phase for phase in PHASES if phase.name in MEASURED]
    return measure(TINY, chosen, own=True, folder=folder)


def test_a_drain_is_held_against_the_bare_engine(found: dict[str, Any]) -> None:
    assert found["drain_per_s"] > 0
    assert found["drain_vs_bare"] == pytest.approx(
        found["drain_per_s"] / found["details"]["drain"]["200"]["bare_per_s"], rel=0.01
    )
    cpu = found["cpu_us_per_callback"]
    assert cpu.keys() == {
        *("web", "scheduler", "worker", "postgresql", "valkey", "receiver", "total")
    }
    assert cpu["worker"] > 0
    assert cpu["receiver"] >= 0


def test_lateness_is_measured_at_the_receiver(found: dict[str, Any]) -> None:
    late = found["lateness_ms"]["50"]

    assert 0 <= late["p50"] <= late["p99"] <= late["max"]
    assert found["details"]["steady"]["50"]["samples"] in range(45, 56)


def test_bookings_are_held_against_a_route_that_inserts(found: dict[str, Any]) -> None:
    assert found["create_per_s"] > 0
    assert found["create_vs_insert_route"] > 0
    forms = found["details"]["create"]
    assert {"json", "xml", "path", "insert_route"} == forms.keys()
    assert found["create_p99_ms"] == forms["json"]["p99_ms"] > 0
    assert all(forms["json"]["cpu_us"][name] > 0 for name in ("web", "postgres", "client"))


def test_the_other_phases_find_something(found: dict[str, Any]) -> None:
    assert found["details"]["list"]["application/json"]["ids_per_s"] > 0
    assert found["details"]["crons"]["lateness_ms"]["samples"] == 50


def test_a_rolling_restart_repeats_no_call(found: dict[str, Any]) -> None:
    """Where a call is missing, comes twice or early the phase itself fails."""
    restart = found["details"]["restart"]

    assert {"web", "scheduler", "worker"} <= set(restart["processes"])
    assert restart["lateness_ms"]["max"] < LATE_MS


def test_results_name_what_was_measured_and_on_which_machine(found: dict[str, Any]) -> None:
    assert found["sizes"]["plan"] == "tiny"
    assert found["sizes"]["drain_jobs"] == [200]
    assert found["settings"]["postgresql"]["fsync"] == "on"
    assert found["machine"]["cores"] >= 1
    assert found["versions"]["receiver"].startswith("own")


def test_nothing_is_left_of_it(
    found: dict[str, Any], folder: Path, others: set[psutil.Process]
) -> None:
    assert found
    assert list(folder.iterdir()) == []
    mine = [" ".join(each.cmdline()) for each in children() - others]
    assert [line for line in mine if "bench." in line or "local.run" in line] == []


def test_a_phase_that_does_not_exist_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["drian"])

    assert "there is no phase drian; there are drain, steady" in capsys.readouterr().err


def test_the_whole_run_measures_what_the_quick_one_does_and_more() -> None:
    assert FULL.sizes().keys() == QUICK.sizes().keys()
    assert FULL.pending[-1] == 10_000_000
    assert FULL.drain == (20_000, 100_000)
