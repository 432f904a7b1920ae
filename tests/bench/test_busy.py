"""What a busy machine does to calls is judged by its aims, and by how soon it is over."""

from __future__ import annotations

from bench import busy as program
from bench.harness import MISSED_AIMS
from bench.phases import busy

ON_TIME = [0.001] * 100


def test_calls_that_are_on_time_miss_no_aim() -> None:
    found = busy.measured({1000: ON_TIME, 5000: ON_TIME}, [0.2] * 100, [(0.1, 0.001)])
    assert MISSED_AIMS not in found
    figures = found[busy.KEY]
    assert figures["beside_one"]["5000"]["p99"] == 1.0
    assert figures["beside_many"] == {"processes": 4, "p99": 200.0, "recovered_after": 0.0}


def test_each_aim_that_is_missed_is_named() -> None:
    found = busy.measured({1000: [0.02] * 9, 5000: [0.06] * 9}, ON_TIME, [(5.0, 0.3)])
    assert found[MISSED_AIMS] == [
        "busy: the p99 at 1,000/s is 20.0 ms",
        "busy: the p99 at 5,000/s is 60.0 ms",
        "busy: calls are on time again after None s, not 2 s",
    ]


def test_the_recovery_is_over_when_later_calls_are_on_time() -> None:
    assert busy.recovered_after([(0.1, 0.5), (0.3, 0.001), (0.6, 0.4), (0.8, 0.001)]) == 0.75


def test_a_stall_long_after_the_recovery_does_not_prolong_it() -> None:
    calls = [(number / 1000, 0.3 if number < 500 else 0.001) for number in range(6000)]
    stalled = [(since, 0.05 if 5.0 <= since < 5.02 else late) for since, late in calls]
    found = busy.recovered_after(stalled)
    assert found == busy.recovered_after(calls)
    assert found is not None
    assert 0.25 <= found <= 0.5


def test_calls_that_stay_late_do_not_recover() -> None:
    assert busy.recovered_after([(number / 1000, 0.02) for number in range(1000)]) is None


def test_a_busy_process_ends_by_itself() -> None:
    program.main(0.01)
