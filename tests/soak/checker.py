"""Checker: joins what was asked for with what was called, and names every broken promise."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from app.domain.database_clock import MAX_DRIFT_S
from tests.soak.records import Asked, Call, Fate, Span, Violation

CALM = "calm"
"""The name of the time in which no situation is played."""

LAST_WORD_S = 0.5
"""Seconds after an acknowledged deletion within which a call may still arrive: the 0.1 s that are
promised, and the way of a call that had begun, on a machine with much else to do."""

AFTERMATH_S = 15.0
"""Seconds after the end of a situation in which a call is repeated because of it: a lease, the time
for which leases are not judged after a fault, and the way."""


LEAP_S = 1.0
"""Seconds after the clock was set forward in which what was claimed before is called early."""


Excuse = Callable[[Call, Call, Sequence[Span]], bool]
"""Whether the second of two calls of one run was made again for a reason."""


def judge(
    asked: Iterable[Asked],
    calls: Iterable[Call],
    spans: Sequence[Span],
    excuse: Excuse | None = None,
) -> tuple[list[Violation], list[Call]]:
    """All broken promises, and the calls that were repeated for a reason."""
    excuse = excuse or is_excused
    by_key: defaultdict[str, list[Call]] = defaultdict(list)
    for call in sorted(calls, key=lambda each: each.at):
        by_key[call.key].append(call)
    expected = {each.key: each for each in asked}
    violations = [
        *_unknown(by_key, expected, spans),
        *(found for each in expected.values() for found in _judge(each, by_key[each.key], spans)),
    ]
    excused: list[Call] = []
    for key in expected:
        for before, again in repeats(by_key[key]):
            if excuse(before, again, spans):
                excused.append(again)
            else:
                gap = f"{again.at - before.at:.2f} s after it was {_how(before)}"
                text = f"{key} was called again (run {again.run}) {gap}"
                violations.append(Violation("doubled", situation_of(again.at, spans), text))
    return violations, excused


def repeats(calls: Sequence[Call]) -> Iterator[tuple[Call, Call]]:
    """Each call that should not have been made once more, with the one that stood for it."""
    done: Call | None = None
    attempts: dict[int, Call] = {}
    for call in calls:
        before = done or attempts.get(call.attempt)
        if before is not None:
            yield before, call
        attempts[call.attempt] = call
        if call.answered < 300:
            done = done or call


def is_excused(before: Call, again: Call, spans: Sequence[Span]) -> bool:
    """Whether something went away between the two that may cost a repeat of the same run."""
    return before.run == again.run and any(
        span.may_repeat and before.at < span.ended + AFTERMATH_S and again.at > span.began
        for span in spans
    )


def is_of_a_leap(call: Call, due: float, spans: Sequence[Span]) -> bool:
    """Whether it was claimed ahead, as all are, when the clock went past its time."""
    return due - call.at <= MAX_DRIFT_S and any(
        span.leaps and 0 <= call.at - span.began < LEAP_S for span in spans
    )


def situation_of(at: float, spans: Sequence[Span]) -> str:
    """The situation that was played then, or whose aftermath it was."""
    begun = [span for span in spans if span.began <= at]
    return begun[-1].name if begun else CALM


def first_calls(calls: Iterable[Call]) -> dict[str, Call]:
    """The first call of each key."""
    found: dict[str, Call] = {}
    for call in calls:
        if call.key not in found or call.at < found[call.key].at:
            found[call.key] = call
    return found


def _judge(asked: Asked, calls: Sequence[Call], spans: Sequence[Span]) -> Iterator[Violation]:
    key = asked.key
    if asked.fate is Fate.BOOKED and not calls:
        lost = f"{key} (job {asked.job}) was booked and never called"
        yield Violation("lost", situation_of(asked.due, spans), lost)
    if asked.fate is Fate.REFUSED and calls:
        refused = f"{key} was refused, and called all the same"
        yield Violation("foreign", situation_of(asked.due, spans), refused)
    for call in calls:
        if call.at < asked.due and not is_of_a_leap(call, asked.due, spans):
            early = f"{key} was called {asked.due - call.at:.3f} s early{_since(call.at, spans)}"
            yield Violation("early", situation_of(call.at, spans), early)
        if asked.deleted_at is not None and call.at > asked.deleted_at + LAST_WORD_S:
            late = f"{key} was called {call.at - asked.deleted_at:.2f} s after its deletion"
            yield Violation("deleted", situation_of(call.at, spans), late)
    yield from _foreign(asked, calls, spans)


def _foreign(asked: Asked, calls: Sequence[Call], spans: Sequence[Span]) -> Iterator[Violation]:
    """Calls under an id that is not the one of what was asked for."""
    for call in calls:
        if asked.job is not None and call.job != asked.job:
            text = f"{asked.key} of job {asked.job} was called as of job {call.job}"
            yield Violation("foreign", situation_of(call.at, spans), text)
        if call.run != calls[0].run:
            text = f"{asked.key} was called under the ids {calls[0].run} and {call.run}"
            yield Violation("foreign", situation_of(call.at, spans), text)


def _unknown(
    by_key: Mapping[str, Sequence[Call]], expected: Mapping[str, Asked], spans: Sequence[Span]
) -> Iterator[Violation]:
    for key, calls in by_key.items():
        if key not in expected:
            text = f"{key} was called, which nobody has asked for"
            yield Violation("foreign", situation_of(calls[0].at, spans), text)


def _since(at: float, spans: Sequence[Span]) -> str:
    """How long after the beginning of its situation something happened."""
    begun = [span.began for span in spans if span.began <= at]
    return f", {at - begun[-1]:.2f} s after the situation began" if begun else ""


def _how(call: Call) -> str:
    return "answered" if call.answered < 300 else f"attempt {call.attempt}"
