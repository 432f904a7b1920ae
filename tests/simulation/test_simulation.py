"""Short simulations break no promise, and find what is planted.

Each is a process of its own: modules of the service read the simulated uptime there.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from local.instance import CHECKOUT
from tests.servers import Databases


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
    played = simulate(databases, "--days", "6", "--short", *options)
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


def test_a_process_may_die_at_any_moment(databases: Databases) -> None:
    played = simulate(databases, "--crashes", "1700")
    assert played.returncode == 0, played.stdout + played.stderr
    assert "killed at moment" in played.stdout


def test_what_is_planted_is_found(databases: Databases) -> None:
    name = "claim: a one-time job moves on, and no run begins"
    played = simulate(databases, "--breakages", name, "--seeds", "2")
    assert played.returncode == 0, played.stdout + played.stderr
    assert "found by seed" in played.stdout


def test_a_seed_plays_the_same_again(databases: Databases) -> None:
    """As far as clients and receivers see it; how often processes ask is not the same."""
    first, second = (
        simulate(databases, "--days", "2", "--short", "--seed", "4").stdout.split(",")[:2]
        for _ in range(2)
    )
    assert first == second
