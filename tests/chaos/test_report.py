"""The report has a row for each fault and one for all pairs, with what each of them cost."""

from __future__ import annotations

from tests.chaos.play import Played
from tests.chaos.report import PAIRS, figures, summary
from tests.soak.records import Asked, Call, Fate, Span

SPANS = [
    Span(name="valkey", about="", may_repeat=False, began=100.0, mended=105.0, ended=110.0),
    Span(name="kill-web + lock", about="", may_repeat=True, began=110.0, mended=115.0, ended=120.0),
    Span(name="valkey", about="", may_repeat=False, began=120.0, mended=125.0, ended=130.0),
]


def played(late: dict[float, float], repeated: list[float], unanswered: list[float]) -> Played:
    """A run in which a firing was due at each of these times, and came so many seconds late."""
    asked = [Asked(key=f"{due}", due=due, fate=Fate.BOOKED) for due in late]
    calls = [Call(f"{due}", due + seconds, "", "run", 1, 204) for due, seconds in late.items()]
    again = [Call("101.0", at, "", "run", 1, 204) for at in repeated]
    return Played(
        asked=asked,
        calls=[*calls, *again],
        spans=SPANS,
        violations=[],
        repeated=again,
        unanswered=unanswered,
        left_out={},
    )


def test_each_fault_has_its_calls_lateness_repeats_and_refused_bookings() -> None:
    late = {101.0: 0.125, 104.0: 3.0, 121.0: 0.25, 111.0: 9.5}
    pairs, valkey = figures(played(late, [112.0], [99.0, 111.0, 122.0, 123.0]))[-2:]

    assert (pairs.name, pairs.times, pairs.calls, pairs.max) == (PAIRS, 1, 1, 9.5)
    assert (pairs.drained, pairs.repeats, pairs.unanswered) == (5.5, 1, 1)
    assert (valkey.name, valkey.times, valkey.calls, valkey.p50) == ("valkey", 2, 3, 0.25)
    assert (valkey.drained, valkey.repeats, valkey.unanswered) == (2.0, 0, 2)


def test_the_summary_counts_firings_and_calls() -> None:
    assert summary(played({101.0: 0.1, 102.0: 0.1}, [103.0], [])) == (
        "2 firings owed, 2 made in 3 calls, 1 of them repeats because of a fault"
    )


def test_a_firing_that_a_fault_keeps_waiting_counts_for_it_though_it_was_due_just_before() -> None:
    late = {109.5: 9.5, 109.8: 0.1, 108.5: 3.0}
    pairs, valkey = figures(played(late, [], []))[-2:]

    assert (pairs.name, pairs.calls, pairs.max, pairs.drained) == (PAIRS, 1, 9.5, 4.0)
    assert (valkey.calls, valkey.max, valkey.drained) == (2, 3.0, 6.5)
