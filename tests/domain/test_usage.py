"""How an account's quota is shared out among its slots."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.domain.usage import NOTHING, UNLIMITED, Allowed, Use, share_out

AMOUNTS = st.integers(-10_000, 1 << 40)
USES = st.builds(Use, AMOUNTS, AMOUNTS, AMOUNTS)
LIMITS = st.none() | st.integers(0, 1 << 40)
ALLOWED = st.builds(Allowed, LIMITS, LIMITS, LIMITS)
NEEDS = st.builds(Use, *[st.integers(0, 1 << 41)] * 3)


@given(st.integers(1, 32), USES, ALLOWED, NEEDS)
def test_nothing_is_lost_and_the_quotas_together_are_the_limit(
    slots: int, used: Use, allowed: Allowed, needed: Use
) -> None:
    shares = share_out(slots, used, allowed, needed)
    assert len(shares) == slots
    for counted in range(len(used)):
        limit = allowed[counted]
        assert sum(each.used[counted] for each in shares) == used[counted]
        assert all(each.used[counted] <= each.quota[counted] for each in shares)
        if limit is None:
            assert {each.quota[counted] for each in shares} == {UNLIMITED}
            continue
        assert sum(each.quota[counted] for each in shares) == max(limit, used[counted])
        room = shares[0].quota[counted] - shares[0].used[counted]
        assert room >= min(needed[counted], max(limit - used[counted], 0))


def test_what_is_left_is_shared_evenly() -> None:
    shares = share_out(4, Use(jobs=10), Allowed(jobs=20, bytes=0, answers=None), Use(jobs=2))
    assert [each.quota.jobs for each in shares] == [14, 2, 2, 2]
    assert [each.used for each in shares] == [Use(jobs=10), NOTHING, NOTHING, NOTHING]
    assert [each.quota.bytes for each in shares] == [0] * 4


def test_amounts_are_added_and_subtracted() -> None:
    one, other = Use(jobs=1, bytes=2, answers=3), Use(jobs=10, bytes=20, answers=30)
    assert other.minus(one) == Use(jobs=9, bytes=18, answers=27)
    assert one.plus(other) == Use(jobs=11, bytes=22, answers=33)
