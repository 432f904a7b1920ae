"""Retry policy: how often a run is attempted, how long each wait is, and when it is given up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from app.domain.checks import check_between
from app.errors import InvalidMember

MAX_ATTEMPTS: Final = 20
MIN_WAIT: Final = 1.0
MAX_WAIT: Final = 86_400.0
MAX_AGE: Final = 604_800.0
"""Seconds, as all here: a run is over a week after its due time, whatever else is asked for."""

STEEPEST: Final = 10.0
MAX_CALLS: Final = 30_000
"""Of one run, whatever is asked for: `attempts` is a smallint. Paced as they are, that is years."""

MIN_PAUSE: Final = 0.2
MAX_PAUSE: Final = 3600.0
MIN_PAUSE_AFTER_HUNDRED: Final = 60.0
"""Seconds between two attempts once a run has had a hundred: each attempt is a row of history."""

_AT_THIS_PACE: Final = 100
_FURTHEST: Final = 100 * 365 * 86_400.0
_DEFAULT_FACTOR: Final = 2.0
DEFAULT_WAITS: Final = (5.0, 300.0, 1800.0, 7200.0, 18_000.0, 36_000.0, 36_000.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Backoff:
    """Waits that grow: `initial` seconds, each `factor` times the one before, `max` at most."""

    initial: float
    factor: float | None = None
    max: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryPolicy:
    """What a job asks for; None for what it leaves to the default.

    `schedule` names the waits in seconds, of which the last is repeated; without it and without
    `backoff` the waits are DEFAULT_WAITS. `max_age` counts seconds from the due time.
    """

    max_attempts: int | None = None
    schedule: tuple[float, ...] | None = None
    backoff: Backoff | None = None
    max_age: float | None = None


@dataclass(frozen=True, slots=True)
class Constant:
    """Retries `interval` seconds apart (0 or more), counted from the due time: Dapr's policies.

    `max_retries` follow the first call; None is without end, which MAX_CALLS sets all the same.
    Its default is Constant(1, 3), its drop Constant(0, 0).
    """

    interval: float
    max_retries: int | None = None


Policy = RetryPolicy | Constant
DEFAULT: Final = RetryPolicy()


def most_attempts(policy: Policy) -> int:
    """How many attempts a run gets at most; one more than there are waits, where none are named."""
    if isinstance(policy, Constant):
        return MAX_CALLS if policy.max_retries is None else min(policy.max_retries + 1, MAX_CALLS)
    if policy.max_attempts is not None:
        return policy.max_attempts
    return len(policy.schedule or DEFAULT_WAITS) + 1


def wait_after(policy: RetryPolicy, attempts_made: int) -> timedelta:
    """The wait that follows this many attempts (1, 2, …), before jitter."""
    backoff = policy.backoff
    if backoff is None:
        waits = policy.schedule or DEFAULT_WAITS
        return timedelta(seconds=waits[min(attempts_made, len(waits)) - 1])
    factor = _DEFAULT_FACTOR if backoff.factor is None else backoff.factor
    longest = MAX_WAIT if backoff.max is None else backoff.max
    return timedelta(seconds=min(backoff.initial * factor ** (attempts_made - 1), longest))


def since_due(policy: Constant, attempts_made: int) -> timedelta:
    """How long after the due time the retry that follows this many attempts (1, 2, …) is due."""
    return timedelta(seconds=min(attempts_made * policy.interval, _FURTHEST))


def pause_after(policy: Constant, attempts_made: int) -> timedelta:
    """The least pause before the next call under `Constant`, which can ask for none at all.

    For the first hundred none where the retries have an end, else MIN_PAUSE; then a minute;
    with every further hundred calls the pause doubles, to an hour at most.
    """
    hundreds = min(attempts_made // _AT_THIS_PACE, 32)
    if hundreds == 0:
        return timedelta(seconds=MIN_PAUSE if policy.max_retries is None else 0)
    return timedelta(seconds=min(MIN_PAUSE_AFTER_HUNDRED * 2 ** (hundreds - 1), MAX_PAUSE))


def check_retry(policy: RetryPolicy) -> None:
    """Refuse a policy out of its bounds; raises InvalidMember, for `retry.maxAttempts` and such."""
    if policy == DEFAULT:
        raise InvalidMember(
            "retry",
            "retry is empty.",
            remedy="Give maxAttempts, schedule or backoff, maxAge, or leave retry out.",
        )
    if policy.schedule is not None and policy.backoff is not None:
        raise InvalidMember(
            "retry.backoff", "There are both schedule and backoff.", remedy="Give one of the two."
        )
    if policy.max_attempts is not None:
        check_between("retry.maxAttempts", policy.max_attempts, 1, MAX_ATTEMPTS)
    if policy.max_age is not None:
        check_between("retry.maxAge", policy.max_age, MIN_WAIT, MAX_AGE, "seconds")
    _check_schedule(policy.schedule)
    _check_backoff(policy.backoff)
    _check_sum(policy)


def _check_schedule(schedule: tuple[float, ...] | None) -> None:
    if schedule is None:
        return
    if not 1 <= len(schedule) < MAX_ATTEMPTS:
        raise InvalidMember(
            "retry.schedule",
            f"retry.schedule has {len(schedule)} waits.",
            remedy=f"Give 1 to {MAX_ATTEMPTS - 1}; maxAttempts 1 means a single attempt.",
        )
    for number, wait in enumerate(schedule):
        check_between(f"retry.schedule[{number}]", wait, MIN_WAIT, MAX_WAIT, "seconds")


def _check_backoff(backoff: Backoff | None) -> None:
    if backoff is None:
        return
    check_between("retry.backoff.initial", backoff.initial, MIN_WAIT, MAX_WAIT, "seconds")
    if backoff.factor is not None:
        check_between("retry.backoff.factor", backoff.factor, 1, STEEPEST)
    if backoff.max is not None:
        check_between("retry.backoff.max", backoff.max, backoff.initial, MAX_WAIT, "seconds")


def _check_sum(policy: RetryPolicy) -> None:
    """Without maxAge, the waits themselves must end a run in time."""
    if policy.max_age is not None:
        return
    waits = (wait_after(policy, made) for made in range(1, most_attempts(policy)))
    total = sum(waits, timedelta()).total_seconds()
    if total > MAX_AGE:
        raise InvalidMember(
            "retry",
            f"The waits add up to {total:.0f} seconds.",
            remedy=f"Let them add up to {MAX_AGE:.0f} at most, or give maxAge.",
        )
