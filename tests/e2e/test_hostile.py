"""Hostile clients: what some of the worst attacks leave of another account's calls and bookings.

`make bench-hostile` measures all attacks, against closer bounds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.hostile.__main__ import measure
from bench.hostile.attacks import named
from bench.hostile.table import KEY, NOTHING
from bench.plan import QUICK
from tests.e2e.conftest import Report
from tests.servers import temp_folder

BRIEF = replace(QUICK, name="brief", hostile_s=1.0, hostile_patience_s=30.0)
ATTACKS = ("accept", "xml", "abort", "dry-run", "slow-upload-no-key")

# For a shared, slow machine. Each of these attacks once meant calls and bookings that came
# after minutes, or not at all.
CALLS_P99_MS = 3_000
BOOKINGS_P99_MS = 5_000
WEB_GROWTH_MIB = 400

pytestmark = pytest.mark.alone


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with temp_folder() as made:
        yield made


@pytest.fixture(scope="module")
def noticed(folder: Path) -> dict[str, dict[str, Any]]:
    """What an account noticed of each attack."""
    chosen = [named(name) for name in ATTACKS]
    found: dict[str, dict[str, Any]] = measure(BRIEF, chosen, own=True, folder=folder)[KEY][
        "attacks"
    ]
    return found


@pytest.mark.parametrize("attack", [NOTHING, *ATTACKS])
def test_calls_and_bookings_of_others_go_on(
    noticed: dict[str, dict[str, Any]], attack: str, report: Report
) -> None:
    found = noticed[attack]
    calls, bookings = found["calls_ms"], found["bookings_ms"]

    report(
        f"calls late by p99 {calls['p99']:.0f} ms, bookings took p99 {bookings['p99']:.0f} ms, "
        f"{found.get('attack_per_s', 0):g} answers a second to the attacker"
    )
    assert found["missed"] == 0
    assert found["bookings_refused"] == 0
    assert calls["p99"] < CALLS_P99_MS
    assert bookings["p99"] < BOOKINGS_P99_MS
    assert found["web_growth_mib"] < WEB_GROWTH_MIB


def test_all_attacks_were_carried_out(noticed: dict[str, dict[str, Any]]) -> None:
    assert noticed.keys() == {NOTHING, *ATTACKS}
    for attack in ATTACKS:
        assert noticed[attack]["attack_connections"] > 0
