"""Play: a load, faults one after the other and two at a time, and then the check of every call."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor, wait
from contextlib import ExitStack
from itertools import count
from random import Random
from typing import NamedTuple

from tests.chaos import checker
from tests.chaos.deployment import Deployment, deployment
from tests.chaos.fault import Fault
from tests.chaos.schedules import RETRY, Schedules
from tests.factories import one
from tests.soak.checker import CALM
from tests.soak.load import Load, Target
from tests.soak.records import Asked, Call, Fate, Span, Violation
from tests.soak.report import ON_TIME_S

RECOVERY_S = 90.0
"""Seconds after a fault within which calls have to be on time again."""

REST_S = 60.0
"""Seconds after which all that was booked is to be called and settled."""

_ONCE_SHARE, _MAX_ONCE = 0.4, 40.0
_THREADS = 5
_AT_ONCE = 2
_SHARE_OF_TURN = 0.3, 0.6
_CALM_S = 2.0
_POLL_S = 0.2


class Plan(NamedTuple):
    """What is played: `firings` in all, in so many seconds, with faults drawn from `seed`.

    Each turn of faults has `turn_s` seconds, and every fault has its turn, even if that takes
    longer than `seconds`. Calls are booked at most `latest` seconds ahead.
    """

    seconds: float
    firings: int
    seed: int
    turn_s: float
    latest: float = 15.0

    @property
    def rate(self) -> float:
        """Firings per second."""
        return self.firings / self.seconds

    @property
    def once(self) -> float:
        """How many of them are bookings of one call each."""
        return min(self.rate * _ONCE_SHARE, _MAX_ONCE)


class Turn(NamedTuple):
    """What each turn of faults needs: what runs, its recurring jobs, and seconds."""

    made: Deployment
    schedules: Schedules
    seconds: float


class Played(NamedTuple):
    """What was asked for, what was called, when which fault was injected, and what is wrong.

    `repeated` are the calls that were made again because of a fault, `unanswered` the times of
    bookings that got no answer or a 5xx, `left_out` the faults that this machine cannot have, with
    the reason.
    """

    asked: list[Asked]
    calls: list[Call]
    spans: list[Span]
    violations: list[Violation]
    repeated: list[Call]
    unanswered: list[float]
    left_out: dict[str, str]


def play(plan: Plan, chosen: Sequence[Fault], report: Callable[[str], None]) -> Played:
    """Inject the chosen faults under load, and judge every call."""
    random = Random(plan.seed)
    spans: list[Span] = []
    report("starting servers and processes")
    # A process is ended when the thread that started it ends: these live as long as all of them.
    with ThreadPoolExecutor(_AT_ONCE) as threads, deployment(plan.firings) as made:
        left_out = {each.name: why for each in chosen if (why := each.left_out(made))}
        possible = [each for each in chosen if each.name not in left_out]
        schedules = Schedules(made, round(plan.rate - plan.once), plan.seconds)
        turn = Turn(made, schedules, plan.turn_s)
        with ExitStack() as stack:
            loads = [stack.enter_context(_load(made, plan, each.name)) for each in made.accounts]
            _wait_until_on_time(made, schedules)
            end = time.monotonic() + plan.seconds
            for faults in turns(possible, random):
                names = " + ".join(each.name for each in faults)
                report(f"{names} ({len(made.arrivals.calls)} calls so far)")
                spans.append(_play(turn, faults, threads, random))
                is_over = time.monotonic() > end - plan.turn_s / 2
                if is_over and len(spans) >= len(possible):
                    break
        report("waiting for the last calls")
        once = [each for load in loads for each in load.asked]
        owed_until = _end(turn, once)
        report("judging every call")
        asked = [*once, *schedules.asked(owed_until, time.time() + 1, spans)]
        made.arrivals.wait()
        calls = list(made.arrivals.calls)
        with made.connect() as connection:
            asked += checker.aborts(connection, calls, schedules.deleting_since)
        found = _found(made, asked, spans)
    violations, repeated = checker.check(asked, calls, spans, made.losses)
    return Played(
        asked=asked,
        calls=calls,
        spans=spans,
        violations=[*violations, *found],
        repeated=repeated,
        unanswered=[at for load in loads for at in load.unanswered],
        left_out=left_out,
    )


def _end(turn: Turn, once: Sequence[Asked]) -> float:
    """Wait for what was booked, delete what recurs, and return until when its firings are owed."""
    owed_until = time.time()
    _wait_until_called(turn.made, [each for each in once if each.fate is Fate.BOOKED])
    _wait_until_on_time(turn.made, turn.schedules)
    turn.schedules.delete()
    _wait_until_settled(turn.made)
    return owed_until


def _found(made: Deployment, asked: Sequence[Asked], spans: Sequence[Span]) -> list[Violation]:
    """What is wrong with the history, with signatures and data, and what faults saw."""
    last = spans[-1].name if spans else CALM
    with made.connect() as connection:
        found = list(checker.find_unfinished(connection, last))
        found += checker.find_in_history(connection, asked, made.arrivals.calls, last)
    found += checker.find_foreign(made.arrivals.faults, spans)
    found += [Violation("promise", last, each) for each in made.broken]
    found += [Violation("ended", last, each) for each in made.processes.ended]
    return found


def turns(faults: Sequence[Fault], random: Random) -> Iterator[tuple[Fault, ...]]:
    """Every fault alone in a random order, then two at a time, then alone again, without end."""
    for number in count() if faults else ():
        order = random.sample(faults, len(faults))
        if number % 2 == 0:
            yield from ((each,) for each in order)
            continue
        for first in order:
            others = [each for each in faults if not each.touches & first.touches]
            yield (first, random.choice(others)) if others else (first,)


def _load(made: Deployment, plan: Plan, account: str) -> Load:
    key = next(each.key for each in made.accounts if each.name == account)
    return Load(
        Target(made.web_ports, key),
        made.receiver_of(account),
        rate=plan.once / len(made.accounts),
        schedules=0,
        latest=plan.latest,
        prefix=f"{account}/",
        threads=_THREADS,
        retry=RETRY,
    )


def _play(turn: Turn, faults: tuple[Fault, ...], threads: Executor, random: Random) -> Span:
    """Inject faults at once, and return when calls are on time again and the turn is over."""
    name = " + ".join(each.name for each in faults)
    span = Span(
        name=name,
        about="; ".join(each.about for each in faults),
        may_repeat=any(each.may_repeat for each in faults),
        began=time.time(),
        mended=float("inf"),
    )
    seconds = random.uniform(*_SHARE_OF_TURN) * turn.seconds
    injected = [
        threads.submit(_inject, turn.made, each, Random(random.random()), seconds)
        for each in faults
    ]
    wait(injected)
    span.mended = time.time()
    if not _wait_until_on_time(turn.made, turn.schedules):
        turn.made.broken.append(f"{RECOVERY_S:g} s after {name} calls were not on time")
    time.sleep(max(0.0, span.began + turn.seconds - time.time()))
    span.ended = time.time()
    return span


def _inject(made: Deployment, fault: Fault, random: Random, seconds: float) -> None:
    try:
        fault.inject(made, random, seconds)
    except Exception as error:  # noqa: BLE001 - the others are injected all the same
        traceback.print_exc()
        reason = f"{type(error).__name__}: {error}"
        made.broken.append(f"{fault.name} could not be injected to its end: {reason}")


def _wait_until_on_time(made: Deployment, schedules: Schedules) -> bool:
    """Return once every job that fires each second is called on time; False if that takes long."""
    give_up = time.monotonic() + RECOVERY_S
    while time.monotonic() < give_up:
        recent = made.arrivals.recent(_CALM_S)
        if schedules.paths <= {each.path for each in recent} and not any(
            each.at - each.due > ON_TIME_S for each in recent if each.path in schedules.paths
        ):
            return True
        time.sleep(_POLL_S)
    return False


def _wait_until_called(made: Deployment, booked: Sequence[Asked]) -> None:
    """Return once each of them has been called, or should have been for long."""
    missing = {each.key for each in booked}
    give_up = max((each.due for each in booked), default=0.0) + REST_S
    read = 0
    while missing and time.time() < give_up:
        calls = made.arrivals.calls
        missing -= {each.key for each in calls[read:]}
        read = len(calls)
        time.sleep(_POLL_S)


def _wait_until_settled(made: Deployment) -> None:
    """Return once no run is under way, or that has taken long."""
    give_up = time.monotonic() + REST_S
    with made.connect() as connection:
        while time.monotonic() < give_up:
            if one(connection, "SELECT count(*) FROM inflight") == 0:
                return
            time.sleep(_POLL_S)
