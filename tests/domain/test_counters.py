"""Counters: a lateness is counted in the bucket whose bound it does not exceed."""

from __future__ import annotations

import pytest

from app.domain.counters import bound


@pytest.mark.parametrize(
    ("lateness", "name"),
    [(0.0, "0.001"), (0.001, "0.001"), (0.0011, "0.002"), (60.0, "60.0"), (61.0, "+Inf")],
)
def test_bounds(lateness: float, name: str) -> None:
    assert bound(lateness) == name
