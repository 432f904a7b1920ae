"""The times of the firing path keep the order in which they lean on each other."""

from __future__ import annotations

from app.domain.timings.claiming import CLAIM_POLL, LOOK_AHEAD
from app.domain.timings.leases import (
    CANCEL_DEADLINE,
    CANCELLATION_POLL,
    CANCELLATIONS_VALID_FOR,
    DEAD_AFTER,
    LEASE,
    LEASE_MARGIN,
    LEASE_RENEWAL,
    RETIME_BEFORE,
    SUSPECT_AFTER,
)
from app.store.queries import SQL


def test_a_call_begins_only_within_the_validity_of_a_poll() -> None:
    assert CANCELLATIONS_VALID_FOR < CANCEL_DEADLINE
    assert 3 * CANCELLATION_POLL < CANCELLATIONS_VALID_FOR
    assert RETIME_BEFORE < LOOK_AHEAD


def test_a_lease_outlives_two_missed_beats() -> None:
    assert 2 * LEASE_RENEWAL + LEASE_MARGIN < LEASE


def test_claims_come_well_before_the_time() -> None:
    assert 2 * CLAIM_POLL < LOOK_AHEAD


def test_what_is_written_out_in_sql_is_what_is_named_here() -> None:
    assert f"reclaims < {SUSPECT_AFTER}" in SQL["untaken"]
    assert f"reclaims >= {SUSPECT_AFTER}" in SQL["suspects"]
    assert SUSPECT_AFTER < DEAD_AFTER
