"""The times of the firing path keep the order in which they lean on each other."""

from __future__ import annotations

from app.domain import pace
from app.store.queries import SQL


def test_a_word_on_a_run_is_younger_than_the_last_word_allows() -> None:
    assert pace.CONFIRMED_FOR < pace.LAST_WORD
    assert 3 * pace.CONFIRM_EVERY < pace.CONFIRMED_FOR
    assert pace.NEAR < pace.LOOK_AHEAD


def test_a_lease_outlives_two_missed_beats() -> None:
    assert 2 * pace.BEAT + pace.LEASE_MARGIN < pace.LEASE


def test_claims_come_well_before_the_time() -> None:
    assert 2 * pace.POLL < pace.LOOK_AHEAD


def test_what_is_written_out_in_sql_is_what_is_named_here() -> None:
    assert f"reclaims < {pace.SUSPECT_AFTER}" in SQL["untaken"]
    assert f"reclaims >= {pace.SUSPECT_AFTER}" in SQL["suspects"]
    assert pace.SUSPECT_AFTER < pace.DEAD_AFTER
