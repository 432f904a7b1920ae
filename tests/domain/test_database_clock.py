"""The database's clock: which of its steps are believed, and when."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.database_clock import MAX_BELIEVED_STEP_S, Change, DatabaseClock, Reading

NOW = 1_800_000_000.0
HOUR, YEAR = 3600.0, 365 * 86400.0
DOUBT_S = 300.0


class Watched:
    """A clock that is read once a second, `ahead` of true time; the machine's `wall` as well."""

    def __init__(self, *, running: float = 0.0, wall: float = -5 * HOUR) -> None:
        self.clock = DatabaseClock(DOUBT_S)
        self.uptime, self.ahead, self.wall = 1000.0, 0.0, wall
        self.read()
        self.run(running)

    def read(self, took: float = 0.001, *, share: float = 0.5) -> Change:
        """Read it: the database does so after this `share` of what it takes."""
        true = NOW + self.uptime
        at = true + self.ahead + took * share
        reading = Reading(at, self.uptime, self.uptime + took, true + took + self.wall)
        self.uptime += took
        return self.clock.observe(reading)

    def run(self, seconds: float) -> None:
        for _ in range(int(seconds)):
            self.uptime += 1.0
            self.read()

    def set(self, ahead: float) -> Change:
        self.ahead = ahead
        return self.read()

    @property
    def believed(self) -> float:
        """How far ahead of true time the latest instant is that is believed."""
        return self.clock.until(self.uptime) - NOW - self.uptime


@pytest.mark.parametrize("step", [HOUR, YEAR])
def test_a_leap_forward_is_not_believed_and_ends_without_a_trace(step: float) -> None:
    watched = Watched()

    change = watched.set(step)
    assert change.step == pytest.approx(step, abs=0.01)
    assert change.believed == 0
    watched.run(60)
    assert watched.clock.doubt == pytest.approx(step, abs=0.1)
    assert watched.believed == pytest.approx(0.0, abs=0.1)

    back = watched.set(0.0)
    assert back.step == pytest.approx(-step, abs=0.1)
    assert watched.clock.doubt == 0
    assert watched.believed <= 1.1


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("before", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("after", [0.0, 0.5, 1.0])
def test_while_a_leap_is_doubted_nothing_is_believed_early_however_long_readings_take(
    before: float, share: float, after: float
) -> None:
    watched = Watched()
    watched.read(0.4, share=before)
    watched.ahead = HOUR
    watched.read(0.6, share=share)
    assert -1.4 < watched.believed <= 1e-6

    watched.read(0.3, share=after)
    assert -1.4 < watched.believed <= 1e-6
    watched.ahead = 2 * HOUR
    watched.read(0.6, share=share)
    assert -2.6 < watched.believed <= 1e-6


@pytest.mark.parametrize("step", [HOUR, YEAR])
def test_a_leap_that_stays_is_believed_after_a_while(step: float) -> None:
    watched = Watched()
    watched.set(step)

    watched.run(DOUBT_S - 2)
    assert watched.believed < 1
    watched.run(4)

    assert watched.clock.doubt == 0
    assert watched.believed == pytest.approx(step, abs=1.5)


@pytest.mark.parametrize("step", [-HOUR, -YEAR, -5.0, 5.0, MAX_BELIEVED_STEP_S - 1])
def test_a_step_back_or_a_small_one_is_believed_at_once(step: float) -> None:
    watched = Watched()

    assert watched.set(step).step == pytest.approx(step, abs=0.01)

    assert watched.clock.doubt == 0
    assert watched.believed == pytest.approx(step, abs=1.5)


def test_a_clock_that_was_set_back_for_a_while_is_believed_when_it_returns() -> None:
    watched = Watched(running=700)
    watched.set(-HOUR)
    watched.run(60)

    watched.set(0.0)

    assert watched.clock.doubt == 0
    assert watched.believed == pytest.approx(0.0, abs=1.5)


def test_a_wrong_clock_is_not_believed_as_it_comes_again() -> None:
    watched = Watched(running=700)
    for _ in range(3):
        watched.set(YEAR)
        watched.run(30)
        watched.set(0.0)
        watched.run(30)
    watched.set(YEAR)

    assert watched.believed < 1


def test_the_machine_s_own_clock_may_bear_witness() -> None:
    watched = Watched(wall=0.0)
    watched.set(-2 * HOUR)
    watched.run(10)
    # As after a switchover from a server with a wrong clock to one with a right one.
    watched.set(0.0)

    assert watched.clock.doubt == 0


def test_a_machine_clock_that_leapt_too_confirms_nothing() -> None:
    watched = Watched(wall=0.0)
    watched.wall = HOUR

    watched.set(HOUR)

    assert watched.clock.doubt == pytest.approx(HOUR, abs=0.1)


@given(st.lists(st.floats(0.0, 20.0), min_size=1, max_size=20))
def test_slow_answers_are_no_steps(took: list[float]) -> None:
    watched = Watched()

    assert [watched.read(each).step for each in took] == [0.0] * len(took)
