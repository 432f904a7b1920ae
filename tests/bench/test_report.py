"""The page of figures contains everything that was measured, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from bench import report, results


@pytest.fixture
def found() -> dict[str, Any]:
    return results.read()


def test_the_page_holds_the_results_kept_last(found: dict[str, Any]) -> None:
    page = report.PAGE.read_text()

    assert report.inserted(page, report.block(found)) == page
    assert report.CHART.exists()


def test_the_results_kept_last_are_complete(found: dict[str, Any]) -> None:
    assert set(results.KEYS) <= found.keys()
    assert {"date", "machine", "versions", "settings"} <= found.keys()
    for late in found["lateness_ms"].values():
        assert late["p50"] <= late["p99"] <= late["p999"] <= late["max"]
    cpu = dict(found["cpu_us_per_callback"])
    total = cpu.pop("total")
    assert sum(cpu.values()) == pytest.approx(total, abs=1)


def test_every_figure_is_shown(found: dict[str, Any]) -> None:
    found |= {
        "drain_per_s": 12_340.0,
        "drain_vs_bare": 0.617,
        "slow_receivers_p99_ratio": 1.03,
        "claim_10m_vs_100k": 1.07,
        "create_per_s": 2_340.0,
        "create_vs_insert_route": 0.517,
        "bulk_per_s": 23_400.0,
        "neighbour_p99_ms": 234.5,
        "naive_drain_per_s": 123.4,
    }
    found["lateness_ms"]["1000"]["p99"] = 1.23

    text = report.block(found)

    for part in (
        "12,340/s",
        "0.617 × the bare engine",
        "1.03 × without them",
        "1.07 × beside",
        "2,340/s",
        "0.517 × a route",
        "23,400/s",
        "234 ms",
        "100 × as fast",
        "1.2 ms",
    ):
        assert part in text


def test_what_was_not_measured_is_not_made_up(found: dict[str, Any]) -> None:
    assert "| not there yet |" in report.block({**found, "bulk_per_s": None})


def test_every_row_of_a_table_has_the_cells_of_its_head(found: dict[str, Any]) -> None:
    for table in re.findall(r"(?:^\|.*\|$\n?)+", report.block(found), re.MULTILINE):
        assert len({line.count("|") for line in table.splitlines()}) == 1


def test_text_goes_between_the_markers_and_nowhere_else() -> None:
    page = f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n"

    once = report.inserted(page, "new")

    assert once == f"before\n{report.BEGIN}\n\nnew\n\n{report.END}\nafter\n"
    assert report.inserted(once, "new") == once
    with pytest.raises(ValueError, match="markers"):
        report.inserted("a page", "new")


def test_an_incomplete_result_is_not_kept(tmp_path: Path, found: dict[str, Any]) -> None:
    kept = tmp_path / "results" / "latest.json"
    results.write(found, kept)
    assert results.read(kept) == found

    del found["drain_vs_bare"]

    with pytest.raises(ValueError, match="drain_vs_bare"):
        results.write(found, kept)
    assert "drain_vs_bare" in results.read(kept)
