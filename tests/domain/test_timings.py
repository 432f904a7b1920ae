"""The times of the firing path keep the order in which they lean on each other."""

from __future__ import annotations

from app.domain import timings
from app.store.queries import SQL


def test_a_word_on_a_run_is_younger_than_the_last_word_allows() -> None:
    assert timings.CANCELLATIONS_VALID_FOR < timings.CANCEL_DEADLINE
    assert 3 * timings.CANCELLATION_POLL < timings.CANCELLATIONS_VALID_FOR
    assert timings.RETIME_BEFORE < timings.LOOK_AHEAD


def test_a_lease_outlives_two_missed_beats() -> None:
    assert 2 * timings.LEASE_RENEWAL + timings.LEASE_MARGIN < timings.LEASE


def test_claims_come_well_before_the_time() -> None:
    assert 2 * timings.POLL < timings.LOOK_AHEAD


def test_what_is_written_out_in_sql_is_what_is_named_here() -> None:
    assert f"reclaims < {timings.SUSPECT_AFTER}" in SQL["untaken"]
    assert f"reclaims >= {timings.SUSPECT_AFTER}" in SQL["suspects"]
    assert timings.SUSPECT_AFTER < timings.DEAD_AFTER
