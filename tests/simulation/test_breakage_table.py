"""The table of planted faults is written into its page, row by row."""

from __future__ import annotations

from itertools import takewhile
from pathlib import Path

import pytest

from local.instance import CHECKOUT
from tests.simulation import breakage_table
from tests.simulation.breakage_table import Found
from tests.simulation.breakages import ALL, BREAKAGES

PAGE = CHECKOUT / "docs" / "guarantees.md"
HEAD = "| planted fault | seeds | found as, or held by |\n|---|---|---|\n"


def test_a_row_is_replaced_and_the_others_stay(tmp_path: Path) -> None:
    first, second, third = (each.name for each in BREAKAGES[:3])
    page = tmp_path / "page.md"
    page.write_text(f"before\n\n{HEAD}| {second} | 9 | late |\n| gone | 1 | late |\n\nafter\n")
    found = {third: Found(seeds=2, violation="early: x"), first: None}
    breakage_table.write(page, found, 5)
    assert page.read_text() == (
        f"before\n\n{HEAD}| {first} | none of 5 | not found |\n| {second} | 9 | late |\n"
        f"| {third} | 2 | early |\n\nafter\n"
    )


def test_a_page_without_the_table_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("nothing\n")
    with pytest.raises(ValueError, match="planted fault"):
        breakage_table.write(page, {}, 5)


def test_the_page_tells_of_each_planted_fault_how_it_is_found_or_held() -> None:
    lines = PAGE.read_text().splitlines()
    begin = lines.index(HEAD.splitlines()[0]) + 2
    rows = list(takewhile(lambda line: line.startswith("|"), lines[begin:]))
    known = {each.name: each for each in ALL}
    assert len(rows) == len(known), "play the faults that have no row"
    for row in rows:
        name = row.split(" | ")[0].removeprefix("| ")
        assert known[name].held_by in row
        assert "not found" not in row, f"{name}: find it, or name the rule that holds it"


def test_a_fault_that_a_second_rule_holds_is_planted_with_that_rule_broken_too() -> None:
    together = [{part.name for part in each.also} for each in ALL if each.also]
    names = {each.name for each in ALL}
    assert len(names) == len(ALL)
    assert all(each <= names for each in together)
    for each in ALL:
        if each.held_by:
            assert any(each.name in pair for pair in together), each.name
