"""The table of limits, its names, and how an account's own take the place of the settings'."""

from __future__ import annotations

from dataclasses import fields, replace

from app.domain.limits import (
    BY_NAME,
    DEFAULTS,
    JOBS,
    STORED_BYTES,
    TABLE,
    Limits,
    amount,
    overridden,
    reached,
)


def test_each_limit_of_the_table_is_a_field_and_each_field_is_in_the_table() -> None:
    assert {each.field for each in TABLE} == {each.name for each in fields(Limits)}
    assert len(BY_NAME) == len({each.setting for each in TABLE}) == len(TABLE)
    assert (STORED_BYTES.field, STORED_BYTES.option) == ("stored_bytes", "--stored-bytes")


def test_defaults_are_within_their_bounds() -> None:
    for each in TABLE:
        assert each.default is None or each.minimum <= each.default <= each.maximum
        assert each.default is not None or each.can_be_off


def test_an_account_s_own_amounts_take_the_place_of_the_defaults() -> None:
    own = overridden(DEFAULTS, {"jobs": 3, "storedBytes": None, "ofALaterRelease": 5})
    assert own == replace(DEFAULTS, jobs=3, stored_bytes=None)
    assert (amount(own, JOBS), amount(own, STORED_BYTES)) == (3, None)
    assert overridden(DEFAULTS, {}) is DEFAULTS


def test_a_refusal_names_limit_use_and_remedy() -> None:
    refusal = reached(JOBS, allowed=10, used=8, asked=3)
    assert (refusal.limit, refusal.allowed, refusal.used) == ("jobs", 10, 8)
    assert "may have 10 jobs" in refusal.message
    assert "has 8" in refusal.message
    assert "needs 3 more" in refusal.message
    assert "Delete jobs" in refusal.remedy
