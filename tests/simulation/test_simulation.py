"""Short simulations break no promise, and find what is planted.

Each is a process of its own: modules of the service read the simulated uptime there.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys

import pytest

from local.instance import CHECKOUT
from tests.servers import Databases

pytestmark = pytest.mark.long


def simulate(
    databases: Databases, *options: str, module: str = "tests.simulation"
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", module, *options],
        cwd=CHECKOUT,
        env={**os.environ, "DATABASE_URL": databases.server},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


@pytest.mark.parametrize("options", [("--seed", "8"), ("--seed", "9", "--calm")], ids=" ".join)
def test_a_seed_keeps_all_promises(databases: Databases, options: tuple[str, ...]) -> None:
    played = simulate(databases, "--days", "3", "--short", "--shrink", "0", *options)
    assert played.returncode == 0, played.stdout + played.stderr
    assert "runs" in played.stdout


def test_a_seed_keeps_all_promises_where_workers_claim_and_take_in_one(
    databases: Databases,
) -> None:
    played = simulate(
        databases, "--days", "3", "--short", "--seed", "10", module="tests.simulation.offers"
    )
    assert played.returncode == 0, played.stdout + played.stderr
    assert "runs" in played.stdout


def test_an_outage_at_the_very_end_is_played_to_its_end(databases: Databases) -> None:
    """It begins two days after anything else, lasts for 40 hours, and a job is due in it."""
    few = ("--only", "recurring-5 once-7 fusion-0 fault-33", "--days", "20", "--shrink", "0")
    played = simulate(databases, "--seed", "9302", *few)
    assert played.returncode == 0, played.stdout + played.stderr
    assert "runs" in played.stdout


def test_a_process_may_die_at_any_moment(databases: Databases) -> None:
    played = simulate(databases, "--crashes", "9000")
    assert played.returncode == 0, played.stdout + played.stderr
    assert "killed at moment" in played.stdout


@pytest.mark.parametrize(
    "name",
    ["claim: a one-time job moves on, and no run begins", "begin_overdue: no run is stored"],
)
def test_what_is_planted_is_found(databases: Databases, name: str) -> None:
    played = simulate(databases, "--breakages", name, "--seeds", "2", "--days", "2")
    assert played.returncode == 0, played.stdout + played.stderr
    assert "found by seed" in played.stdout


def test_a_seed_that_breaks_a_promise_is_made_smaller_and_played_again(
    databases: Databases,
) -> None:
    name = "claim: a one-time job moves on, and no run begins"
    planted = ("--short", "--seed", "1", "--planted", name)
    few = "recurring-0 once-0 once-1 once-2 dapr-0 fusion-0 change-0 fault-0"
    played = simulate(databases, *planted, "--days", "4", "--only", few)
    assert played.returncode == 1, played.stdout + played.stderr
    assert "smallest: 1 items" in played.stdout
    command = shlex.split(played.stdout.splitlines()[-1].partition("play it again: ")[2])
    given = dict(each.split("=", 1) for each in command if "=" in each)
    assert given["PLANTED"] == name
    assert given["ONLY"].startswith("once-")
    small = ("--only", given["ONLY"], "--until", given["UNTIL"], "--days", given["DAYS"])
    again = simulate(databases, *planted, *small, "--shrink", "0")
    assert again.returncode == 1, again.stdout + again.stderr
    sound = simulate(databases, "--short", "--seed", "1", *small)
    assert sound.returncode == 0, sound.stdout + sound.stderr


def test_a_seed_plays_the_same_again(databases: Databases) -> None:
    """As far as clients and receivers see it; how often processes ask is not the same."""
    jobs = "recurring-0 recurring-1 once-0 once-1 fusion-0 fusion-2"
    first, second = (
        simulate(databases, "--days", "2", "--short", "--seed", "4", "--only", jobs)
        for _ in range(2)
    )
    assert first.stdout.split(",")[:2] == second.stdout.split(",")[:2]
    assert "runs" in first.stdout
